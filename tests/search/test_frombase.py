"""Where the pool has too few prompts of a region, the base writes them: new ones, within its tokens, told as such."""

import pytest
from asking import Asking
from budget import TINY
from law import LawInstruments, hypothesis, two_point
from words import Plant, prompts_about

from whatchanged.config import BUDGETS
from whatchanged.confirm import confirm
from whatchanged.pools import normalise
from whatchanged.records import BASE, Prompt, Region
from whatchanged.report.labels import made_by
from whatchanged.search import ENOUGH, FromBase, fresh_prompts, written
from whatchanged.search.frombase import openers

SOUP = Region(kind="mentions", values=("soup",))
POOL = prompts_about()[:60]
FEW = [p for p in POOL if SOUP.contains(p)]
CLAIM = hypothesis(0, region=SOUP)


@pytest.fixture(autouse=True)
def budget(monkeypatch):
    """Tokens enough for two claims."""
    monkeypatch.setitem(BUDGETS, "small", TINY.model_copy(update={"confirm_tokens": 48_000}))


@pytest.fixture
def writer(new_ledger):
    def make(name="run", known=POOL, base=None, **settings):
        return FromBase(new_ledger(name, **settings), base or Asking(), known)

    return make


def test_the_base_writes_enough_in_the_region_and_nothing_that_is_known(writer):
    made = writer()(CLAIM, FEW)
    assert len(made) >= ENOUGH
    assert all(SOUP.contains(p) and p.source == BASE for p in made)
    assert len({normalise(p) for p in (*made, *POOL)}) == len(made) + len(POOL)
    # What discovery has asked meanwhile, whatever its case and marks, is not written.
    asked = [Prompt.user(p.text.upper()) for p in made[:5]]
    assert [p for p in made if p not in made[:5]] == writer("other", [*POOL, *asked])(CLAIM, FEW)


@pytest.mark.parametrize(
    ("left", "pools", "taken"), [(12, 0, True), (11, 0, False), (14, 7, True), (14, 8, False), (ENOUGH, 20, True)]
)
def test_fewer_are_tested_where_they_are_twice_the_pools(writer, left, pools, taken):
    made = writer()(CLAIM, [])
    asked = [Prompt.user(p.text.upper()) for p in made[left:]]
    # Prompts of one word: what is written begins as it would without them.
    inside = [Prompt.user("Soup")] * pools
    assert len(made) > ENOUGH
    assert writer("other", [*POOL, *asked])(CLAIM, inside) == (made[:left] if taken else [])


def test_a_resumed_run_reads_what_was_written(writer):
    made = writer()(CLAIM, FEW)
    again = writer()
    assert again(CLAIM, FEW) == made == written(again.ledger, CLAIM.id)
    assert again.base.sampled == 0
    assert again.ledger.cost.decoded_tokens.base > 0


def test_other_claims_and_seeds_get_other_prompts(writer):
    work = writer()
    one, two = work(CLAIM, FEW), work(hypothesis(1, region=SOUP), FEW)
    assert one
    assert two
    assert not {p.id for p in one} & {p.id for p in two}
    assert writer("other", seed=1)(CLAIM, FEW) != one


def test_it_stops_at_its_tokens(writer):
    work = writer()
    assert [bool(work(hypothesis(n, region=SOUP), FEW)) for n in range(4)] == [True, True, False, False]
    assert writer("capped", max_decoded_tokens=500)(CLAIM, FEW) == []


@pytest.mark.parametrize(
    "region",
    [
        Region(),
        Region(kind="tag", values=("sea",)),
        Region(kind="ends_with", values=("soup",)),
        Region(kind="structure", values=("long",)),
    ],
)
def test_nothing_is_sampled_for_regions_that_no_word_brings_a_prompt_into(writer, region):
    work = writer()
    assert work(hypothesis(0, region=region), POOL) == []
    assert work.base.sampled == 0


def test_turns_begin_as_the_regions_prompts_do_up_to_its_word():
    inside = [Prompt.user("Is a hot soup, really, enough?"), Prompt.user("word " * 20 + "soup")]
    found = openers(SOUP, inside)
    assert found[0] == "Is a hot soup"
    assert found[1:3] == ["Soup", "I have a question about soup"]
    assert all(SOUP.contains(Prompt.user(text)) for text in found)


@pytest.mark.parametrize("fdr", ["e-bh", "saffron"])
def test_a_claim_with_few_prompts_is_tested_on_the_bases_and_says_so(new_ledger, fdr):
    ledger = new_ledger(fdr=fdr)
    claims = [hypothesis(0, region=SOUP), hypothesis(1, region=Region()), hypothesis(2, region=SOUP)]
    tools = LawInstruments([two_point(0.6)] * 3)
    findings = confirm(ledger, tools, claims, POOL, from_base=FromBase(ledger, Asking(), POOL))
    assert [f.finder for f in findings] == [BASE, None, BASE]
    assert made_by(findings[0]) == "on prompts that the base wrote"
    asked = {p.id for p in tools.seen[0]}
    assert findings[0].n_prompts == len(asked) >= ENOUGH
    assert asked <= {p.id for p in written(ledger, "h00")}
    assert not asked & {p.id for p in (*POOL, *tools.seen[2])}
    # Others ask the pool.
    assert fresh_prompts(findings[0], POOL) == FEW


def test_a_base_that_writes_nothing_of_use_leaves_it_to_the_pool(new_ledger, writer):
    silent = Asking(Plant("<end>", 0.999))
    assert writer(base=silent)(CLAIM, FEW) == []
    ledger = new_ledger("silent")
    tools = LawInstruments([two_point(0.6)])
    (found,) = confirm(ledger, tools, [CLAIM], POOL, from_base=FromBase(ledger, silent, POOL))
    assert found.finder is None
    assert found.n_prompts == len(FEW) < ENOUGH
