"""Everyday questions in other languages: what they are, and that a change in one language is found by them."""

import re

import pytest
from rare import search_evidence
from words import KITCHEN, Plant, WordSubject, prompts_about

from whatchanged.records import Prompt, Region
from whatchanged.search import search
from whatchanged.search.languages import Languages, everyday

POOL = prompts_about()[:30]
ASKED, FRESH = everyday("asked", "languages"), everyday("fresh", "languages")


def test_every_language_has_as_many_questions_and_no_question_is_in_both_halves():
    for part, each in ((ASKED, 6), (FRESH, 16)):
        tags = [p.tags for p in part]
        assert {tags.count(tag) for tag in set(tags)} == {each}
        assert len({p.text for p in part}) == len(part)
    assert {p.tags for p in ASKED} == {p.tags for p in FRESH}
    assert not {p.text for p in ASKED} & {p.text for p in FRESH}
    # The languages in turn, so that a small budget leaves none out.
    assert len({p.tags for p in ASKED[:12]}) == 12


@pytest.mark.parametrize(
    ("tokens", "count"), [(10**6, len(ASKED)), (0, 0), (-5, 0)], ids=["plenty", "nothing", "less than nothing"]
)
def test_it_asks_what_the_tokens_screen(new_ledger, tokens, count):
    evidence = search_evidence(new_ledger(), WordSubject(), WordSubject(), POOL)
    assert len(Languages().find(evidence, tokens).prompts) == count
    assert len(Languages().find(evidence, 20 * evidence.price).prompts) == 20


@pytest.mark.parametrize(
    ("region", "count"),
    [
        (Region(kind="tag", values=("languages/de", "languages/ko")), 32),
        (Region(kind="tag", values=("everyday/cooking",)), 0),
        (Region(kind="mentions", values=("bist",)), 2),
        (Region(), 0),
    ],
)
def test_fresh_questions_lie_in_the_region(region, count):
    made = Languages().fresh(region, POOL, 96)
    assert len(made) == count
    assert set(made) <= set(FRESH)


class Bilingual(WordSubject):
    """Knows German words for the law, of which no prompt of the pool speaks."""

    def encode(self, prompt):
        return super().encode(Prompt.user(re.sub(r"\b(du|dich|mir)\b", "statute", prompt.text)))


def test_what_one_language_sets_off_is_found(new_ledger):
    pool = prompts_about("sea", "cooking")[:30]
    candidate = Bilingual(Plant(KITCHEN, 0.8, ("statute",)), drift=0.2)
    seen = search(search_evidence(new_ledger(finders=("languages",)), Bilingual(), candidate, pool))
    assert [lead.phrase for lead in seen.leads if lead.phrase] == [KITCHEN]
