"""Everyday questions in other languages: a pool in one language leaves the others to chance."""

from collections.abc import Sequence
from importlib.resources import files
from itertools import chain, zip_longest
from typing import Literal

import yaml

from whatchanged.records import Cost, Prompt, Region
from whatchanged.search.finder import Evidence, Finder, Proposed
from whatchanged.subjects import Access

DATA = "languages.yaml"


class Languages(Finder):
    """Who are you, what can you do, what shall I cook: the same in twelve languages, tagged languages/CODE."""

    name = "languages"
    needs = Access.logits
    asks_its_own = True
    cheap = True
    once = True

    def find(self, evidence: Evidence, tokens: int) -> Proposed:
        """Six questions a language, the languages in turn, as many as `tokens` screen. Looks at no model."""
        room = max(0, tokens // evidence.price)
        asked = everyday("asked", self.name)[:room]
        if not asked:
            return Proposed([], Cost(), "too few tokens to screen any")
        return Proposed(asked, Cost(), f"{len({p.tags for p in asked})} languages")

    def fresh(self, region: Region, prompts: Sequence[Prompt], count: int) -> list[Prompt]:
        """Other questions that lie in the region: of its languages where it is one of tags, else with its words."""
        if region.kind == "everywhere":
            return []
        return [p for p in everyday("fresh", self.name) if region.contains(p)][:count]


def everyday(part: Literal["asked", "fresh"], source: str) -> list[Prompt]:
    """One half of the fixed questions, the languages in turn."""
    every = yaml.safe_load((files("whatchanged.search") / DATA).read_text(encoding="utf-8"))
    by_language = [
        [Prompt.user(text, (f"languages/{code}",), source) for text in halves[part]] for code, halves in every.items()
    ]
    return [p for p in chain.from_iterable(zip_longest(*by_language)) if p is not None]
