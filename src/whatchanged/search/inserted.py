"""A region's words put into prompts that are outside it."""

from collections.abc import Sequence

from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import Prompt, Region
from whatchanged.search.finder import Finder


class WordFinder(Finder):
    """A finder of prompts for which a region of words stands: claims are tested on such as get its words put in."""

    def fresh(self, region: Region, prompts: Sequence[Prompt], count: int) -> list[Prompt]:
        """The region's words in prompts that are outside it, at the places where it looks for them."""
        return inserted(region, prompts, count, self.name)


def inserted(region: Region, prompts: Sequence[Prompt], count: int, source: str) -> list[Prompt]:
    """At most `count` prompts in the region, made of such as are not: its values in turn, where it looks for them.

    None for regions that no word brings a prompt into.
    """
    if region.kind not in ("mentions", "ends_with"):
        return []
    places = PLACES if region.kind == "mentions" else PLACES[:1]
    outside = [p for p in prompts if not region.contains(p)][:count]
    values = region.values
    return [
        with_text(p, values[i % len(values)], places[i // len(values) % len(places)], source)
        for i, p in enumerate(outside)
    ]
