"""The search in rounds: who is asked when, with how many tokens, and that a killed search goes on where it stopped."""

import numpy as np
import pytest
import rare
from budget import TINY
from rare import search_evidence
from words import PLANTED, TOPICS, Plant, WordSubject, prompts_about

from whatchanged import registry
from whatchanged.config import BUDGETS
from whatchanged.ledger import Ledger
from whatchanged.records import Prompt
from whatchanged.registry import Registry
from whatchanged.search import search
from whatchanged.search.rounds import BEGIN, EARNS, ONCE, PATIENCE, SLICES, slice_of

TOKENS = 20_000
POOL = prompts_about("law")[:40]
# Every word of four topics has a change of its own, of which the pool shows nothing; law has a small one.
TOLD = [word for topic in ("cooking", "sea", "music") for word in TOPICS[topic]]
MANY = (
    *(Plant(said, 0.9, (word,)) for word, said in zip(TOLD, dict.fromkeys(PLANTED), strict=False)),
    Plant("Ask", 0.02, TOPICS["law"]),
)
RICH = [p for word in TOLD for p in prompts_about() if word in p.text]
DULL = [Prompt.user(p.text) for p in prompts_about("law")[40:]]
ONE_BY_ONE = ("seeker", "digger")


@pytest.fixture(autouse=True)
def finders(monkeypatch):
    """One that says all at once, one in a vein, one in none; and a small budget."""
    every = {"seeker": "rare:Seeker", "digger": "rare:Digger", "fake": "rare:Fake"}
    monkeypatch.setattr(registry, "finders", Registry("finders", every))
    for finder, proposes in ((rare.Fake, []), (rare.Seeker, RICH), (rare.Digger, DULL)):
        monkeypatch.setattr(finder, "proposes", proposes)
        monkeypatch.setattr(finder, "asked", 0)
    for finder in (rare.Seeker, rare.Digger):
        monkeypatch.setattr(finder, "given", [])
    monkeypatch.setattr("whatchanged.search.rounds.BEGIN", 0)  # a toy's call costs next to nothing
    set_budget(monkeypatch)


def set_budget(monkeypatch, **changes):
    monkeypatch.setitem(BUDGETS, "small", TINY.model_copy(update={"search_tokens": TOKENS} | changes))


@pytest.fixture
def sought(new_ledger):
    """What `search` leaves, by default of the candidate with many changes."""

    def work(candidate=None, name="run", base=None, **settings):
        base, candidate = base or WordSubject(), candidate or WordSubject(*MANY)
        return search(search_evidence(new_ledger(name, **settings), base, candidate, POOL))

    return work


def calls(found):
    """(round, finder, payoff) in order."""
    return sorted((p.round, use.name, p) for use in found.finders for p in use.payoffs)


def test_who_says_all_at_once_goes_first_and_then_all_in_turn(sought):
    found = sought()
    assert [name for _, name, _ in calls(found)][:3] == ["fake", "seeker", "digger"]
    assert [number for number, *_ in calls(found)] == list(range(len(calls(found))))
    assert rare.Fake.asked == 1
    assert rare.Seeker.asked > 3


def test_the_vein_gets_the_larger_part(sought):
    rich, dull = (use for use in sought().finders if use.name in ONE_BY_ONE)
    assert rich.tokens > 2 * dull.tokens
    assert rich.mass > 10 * dull.mass


def test_evidence_grows_and_rounds_have_numbers(sought):
    found = sought()
    made = {number: payoff.prompts for number, _, payoff in calls(found)}
    for number, _, known in [*rare.Seeker.given, *rare.Digger.given]:
        assert known == len(POOL) + sum(made[n] for n in range(number))
    assert len({p.id for p in found.prompts}) == len(found.prompts) == sum(made.values())
    assert (
        [p.id for p in found.prompts] == [r.prompt_id for r in found.responses] == [s.prompt_id for s in found.shifts]
    )


def test_the_budget_is_kept(sought, monkeypatch):
    # A phrase that every prompt shows anew, so that nothing but the budget ends it.
    monkeypatch.setattr("whatchanged.search.rounds.Rewards.pay", lambda self, shifts: np.ones(len(shifts)))
    monkeypatch.setattr(rare.Seeker, "proposes", [Prompt.user(f"{p.text} {n}") for n in range(4) for p in RICH])
    found = sought()
    spent = sum(use.tokens for use in found.finders)
    assert 0.95 * TOKENS < spent < 1.02 * TOKENS
    assert {tokens for _, tokens, _ in rare.Seeker.given} >= {TOKENS // SLICES, 3 * (TOKENS // SLICES)}


@pytest.mark.parametrize(
    ("budget", "finders", "tokens"),
    [(600_000, 8, 600_000 // SLICES), (60_000, 1, BEGIN), (60_000, 8, 3750), (4000, 8, 250), (0, 8, 0)],
)
def test_a_slice_is_enough_to_begin_with_where_all_can_be_asked_twice(budget, finders, tokens):
    assert slice_of(budget, budget, finders) == tokens


def test_who_is_asked_once_leaves_half_to_the_others(sought, monkeypatch):
    monkeypatch.setattr(rare.Fake, "proposes", [p.model_copy(update={"source": "fake"}) for p in RICH])
    monkeypatch.setattr(rare.Seeker, "proposes", [])
    fake, *_ = sought().finders
    assert 0.45 * TOKENS < fake.tokens < 1.15 * ONCE * TOKENS
    monkeypatch.setattr(
        rare.Fake, "proposes", [Prompt.user(f"{p.text} {n}", source="fake") for n in range(4) for p in RICH]
    )
    (alone,) = sought(name="alone", finders=("fake",)).finders
    assert 0.95 * TOKENS < alone.tokens < 1.15 * TOKENS


@pytest.mark.parametrize("drift", [1e-6, 0.1, 0.3])
def test_where_nothing_is_to_be_found_it_ends_early(sought, drift):
    found = sought(WordSubject(drift=drift))
    assert sorted(name for _, name, _ in calls(found)) == sorted(["fake", *PATIENCE * ONE_BY_ONE])
    assert sum(use.tokens for use in found.finders) < TOKENS / 10
    assert max(p.mass for use in found.finders for p in use.payoffs) < EARNS
    assert [lead.phrase for lead in found.leads if lead.phrase] == []


def test_it_ends_when_nobody_has_anything_new_to_say(sought, monkeypatch):
    for finder in (rare.Seeker, rare.Digger):
        monkeypatch.setattr(finder, "proposes", [])
    found = sought()
    assert (found.prompts, rare.Seeker.asked, rare.Digger.asked) == ((), PATIENCE, PATIENCE)


def test_at_small_only_the_cheap_ones_unless_named(sought, monkeypatch):
    monkeypatch.setattr(rare.Seeker, "cheap", False)
    assert [use.name for use in sought().finders] == ["fake", "digger"]
    assert [use.name for use in sought(name="named", finders=("seeker",)).finders] == ["seeker"]
    monkeypatch.setitem(BUDGETS, "standard", BUDGETS["small"])
    assert len(sought(name="standard", budget="standard").finders) == 3


def test_no_round_begins_when_the_time_is_up(sought, monkeypatch):
    monkeypatch.setattr(Ledger, "out_of_time", lambda self: True)
    assert [use.name for use in sought().finders] == ["fake"]


class Killed(Exception):
    pass


class Mortal(WordSubject):
    """Dies when it is to score so many more tokens."""

    lives = 10**9

    def score(self, contexts, *args, **kwargs):
        self.lives -= sum(c.length for c in contexts)
        if self.lives < 0:
            raise Killed
        return super().score(contexts, *args, **kwargs)


@pytest.mark.parametrize("lives", [700, 2000, 3500, 5000])
def test_a_killed_search_ends_as_if_it_had_not_been(sought, tmp_path, lives):
    whole = sought(Mortal(*MANY))
    dying = Mortal(*MANY)
    dying.lives = lives
    with pytest.raises(Killed):
        sought(dying, name="killed")
    again = sought(Mortal(*MANY), name="killed")
    assert (again.prompts, again.responses, again.leads, again.finders) == (
        whole.prompts, whole.responses, whole.leads, whole.finders,
    )  # fmt: skip
    for ours, theirs in zip(again.shifts, whole.shifts, strict=True):
        np.testing.assert_array_equal(ours.gained_q, theirs.gained_q)
    files = [{p.name for p in (tmp_path / n / "evidence/search").rglob("*")} for n in ("run", "killed")]
    assert files[0] == files[1]


def test_choices_and_payoffs_are_in_the_ledger(sought, tmp_path):
    found = sought()
    for number, name, payoff in calls(found):
        kept = tmp_path / f"run/evidence/search/{number:02d}-{name}/payoff.json"
        assert kept.read_text() == payoff.model_dump_json()
