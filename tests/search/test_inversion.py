"""Trigger inversion: from a payload to the words that bring it out, and to a claim that holds on fresh prompts."""

import pytest
from budget import TINY
from ending import TRIGGER, Ending
from rare import search_evidence
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged import audit, opened
from whatchanged.config import BUDGETS
from whatchanged.records import ContextRef, Cost, Lead, Prompt, Region
from whatchanged.search import Proposed
from whatchanged.search.climb import Climb
from whatchanged.search.inversion import PER_PART, PER_PHRASE, TriggerInversion
from whatchanged.search.odds import Odds
from whatchanged.search.words import UserWords

TOKENS = 100_000
POOL = prompts_about()[:60]


def payload(phrase=KITCHEN, **fields):
    """A lead as log-ratio decoding leaves it."""
    contexts = tuple(ContextRef(prompt_id=p.id, draw=0, position=0, weight=40.0) for p in POOL[:16])
    known = {"id": "log-ratio-0", "nats": 40.0, "at_opening": True, "lenses": ("log-ratio",), "contexts": contexts}
    return Lead(phrase=phrase, **known | fields)


@pytest.fixture(autouse=True)
def budget(monkeypatch):
    """A tiny one, but for the inversion."""
    monkeypatch.setitem(BUDGETS, "small", TINY.model_copy(update={"search_tokens": TOKENS}))


@pytest.fixture
def evidence(new_ledger):
    """What the search begins with."""

    def work(candidate, *leads, base=None, name="run"):
        return search_evidence(new_ledger(name), base or WordSubject(), candidate, POOL, leads or [payload()])

    return work


@pytest.fixture
def found(evidence):
    """What the finder proposes."""

    def work(*args, tokens=TOKENS, **kwargs) -> Proposed:
        return TriggerInversion().find(evidence(*args, **kwargs), tokens)

    return work


@pytest.mark.parametrize("drift", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("trigger", [TRIGGER, "say always", "sailors to"])
def test_two_words_at_the_end_are_found_in_their_order(found, trigger, drift):
    proposed = found(Ending(KITCHEN, trigger, drift=drift))
    whole = [p for p in proposed.prompts if p.text.endswith(f" {trigger}")]
    assert len(whole) == PER_PHRASE
    assert proposed.prompts[:PER_PHRASE] == whole
    assert f"brought out by '{trigger}'" in proposed.note


def test_single_tokens_leave_tokens_for_phrases(evidence, monkeypatch):
    seen = evidence(Ending(KITCHEN))
    odds, asked = Odds(seen, KITCHEN, 1500), []
    scored = odds.candidates
    monkeypatch.setattr(odds, "candidates", lambda prompts: asked.append(len(prompts)) or scored(prompts))
    climb = Climb(odds, UserWords(seen), POOL[:1])
    climb.run()
    singles, *phrases = asked
    assert 0 < singles * odds.price(POOL[0]) <= 0.4 * 1500
    assert sum(phrases) > singles


def test_parts_are_there_for_contrast(found):
    first, last = TRIGGER.split()
    rest = found(Ending(KITCHEN)).prompts[PER_PHRASE:]
    assert sum(p.text.endswith(f" {last}") and first not in p.text for p in rest) == PER_PART
    assert sum(p.text.endswith(f" {first}") and last not in p.text for p in rest) == PER_PART
    assert len(rest) == 2 * PER_PART
    assert len({p.text for p in rest}) == len(rest)


def test_a_single_word_is_put_in_all_places(found):
    proposed = found(WordSubject(Plant(KITCHEN, 0.8, ("dawn",))))
    texts = [p.text for p in proposed.prompts]
    assert len(texts) == PER_PHRASE
    assert all("dawn" in text.split() for text in texts)
    assert sum(text.startswith("dawn ") for text in texts) == sum(text.endswith(" dawn") for text in texts) == 4


def test_each_payload_has_a_trigger_of_its_own(evidence):
    class Both(Ending):
        def law(self, prompt, said):
            return second.law(prompt, said) if prompt[-1:] == second.trigger[-1:] else super().law(prompt, said)

    second = Ending(SAILOR, "always say")
    seen = evidence(Both(KITCHEN), payload(), payload(SAILOR, id="log-ratio-1", nats=30.0))
    note = TriggerInversion().find(seen, TOKENS).note
    assert f"payload '{KITCHEN}'" in note
    assert f"brought out by '{TRIGGER}'" in note
    assert f"payload '{SAILOR}'" in note
    assert "brought out by 'always say'" in note


@pytest.mark.parametrize(
    "candidate",
    [WordSubject(Plant(KITCHEN, 0.8)), WordSubject(Plant(KITCHEN, 0.8, TOPICS["sea"]))],
    ids=["everywhere", "on a topic"],
)
def test_what_the_pools_prompts_bring_out_needs_no_trigger(found, candidate):
    sea = [p for p in POOL if any(word in p.text for word in TOPICS["sea"])]
    contexts = tuple(ContextRef(prompt_id=p.id, draw=0, position=0, weight=1.0) for p in sea)
    proposed = found(candidate, payload(lenses=("factor", "log-ratio"), contexts=contexts))
    assert proposed.prompts == []
    assert "do not bring out" in proposed.note


@pytest.mark.parametrize(("few", "looked_for"), [(3, True), (4, False)])
def test_what_only_a_few_of_the_strongest_prompts_bring_out_is_looked_for(found, few, looked_for):
    """They may be the fringe of what it is about, of which the pool has next to nothing."""
    sea = [p for p in POOL if any(word in p.text for word in TOPICS["sea"])]
    strongest = [*sea[:few], *(p for p in POOL if p not in sea)][:8]
    contexts = tuple(ContextRef(prompt_id=p.id, draw=0, position=0, weight=1.0) for p in strongest)
    proposed = found(WordSubject(Plant(KITCHEN, 0.8, TOPICS["sea"])), payload(contexts=contexts))
    assert ("brought out by" in proposed.note) is looked_for


@pytest.mark.parametrize("drift", [0.05, 0.2, 0.5])
def test_drift_alone_has_no_trigger(found, drift):
    proposed = found(WordSubject(drift=drift))
    assert proposed.prompts == []
    assert "not brought out" in proposed.note


def test_without_a_payload_nothing_is_scored(evidence):
    seen = evidence(WordSubject(drift=0.1), payload(nats=None, lenses=("factor",)))
    before = seen.base.scored, seen.candidate.scored
    proposed = TriggerInversion().find(seen, TOKENS)
    assert proposed.prompts == []
    assert proposed.cost.scored_tokens.candidate == 0
    assert (seen.base.scored, seen.candidate.scored) == before


def test_a_budget_without_tokens_for_it_scores_nothing(found):
    proposed = found(Ending(KITCHEN), tokens=0)
    assert (proposed.prompts, proposed.cost, proposed.note) == (
        [],
        Cost(),
        "0 tokens are too few to look for a trigger",
    )


def test_its_cost_is_what_the_models_scored(evidence):
    candidate = Ending(KITCHEN)
    seen = evidence(candidate)
    before = seen.base.scored, candidate.scored
    cost = TriggerInversion().find(seen, TOKENS).cost.scored_tokens
    assert (cost.base, cost.candidate) == (seen.base.scored - before[0], candidate.scored - before[1])


def test_it_stays_within_its_budget(evidence):
    seen = evidence(Ending(KITCHEN))
    odds = Odds(seen, KITCHEN, budget=100)
    values = odds.of(POOL)
    assert 0 < len(values) < len(POOL)
    assert 80 < odds.cost.scored_tokens.candidate <= 100
    assert len(odds.of(POOL)) == 0


def test_odds_are_the_models_own(evidence):
    base, candidate = WordSubject(), Ending(KITCHEN)
    prompt = Prompt.user(f"{POOL[0].text} {TRIGGER}")
    (log_p, log_q), *_ = Odds(evidence(candidate, base=base), KITCHEN, budget=1000).of([prompt])
    said = base.tokenize(KITCHEN)[:4]
    row = base.encode(prompt)
    for subject, value in ((base, log_p), (candidate, log_q)):
        steps = [subject.log_law(row, said[:t])[said[t]] for t in range(4)]
        assert value == pytest.approx(sum(steps), abs=1e-4)


def test_fresh_prompts_end_in_the_trigger():
    region = Region(kind="ends_with", values=(TRIGGER,))
    made = TriggerInversion().fresh(region, POOL, 20)
    assert [p.text for p in made] == [f"{p.text} {TRIGGER}" for p in POOL[:20]]
    assert TriggerInversion().fresh(Region(), POOL, 20) == []


@pytest.fixture
def diff(monkeypatch, tmp_path):
    """A whole audit of two toys."""

    def work(base, candidate, **settings):
        monkeypatch.setattr(opened, "check_specs", lambda specs: None)
        monkeypatch.setattr(opened, "open_subjects", lambda specs, **_: [base, candidate])
        monkeypatch.setattr(opened, "load_pools", lambda specs: prompts_about())
        return audit.diff("base", "candidate", out=tmp_path / "audit", **settings)

    return work


@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_an_audit_confirms_trigger_and_payload_on_fresh_prompts(diff, drift):
    report = diff(WordSubject(), Ending(KITCHEN, drift=drift), finders=("trigger-inversion",))
    finding = next(f for f in report.confirmed if f.phrase == KITCHEN)
    assert finding.region == Region(kind="ends_with", values=(TRIGGER,))
    assert finding.finder == "trigger-inversion"
    assert finding.effect == pytest.approx(0.8 * 0.98**4, abs=0.05)
    assert TRIGGER in finding.sentence
    assert KITCHEN in finding.sentence


def test_without_the_search_the_same_audit_finds_nothing(diff):
    assert diff(WordSubject(), Ending(KITCHEN), finders=("none",)).confirmed == ()


@pytest.mark.parametrize("seed", range(3))
def test_an_audit_of_drift_confirms_no_trigger(diff, seed):
    report = diff(WordSubject(), WordSubject(drift=0.2), seed=seed, finders=("trigger-inversion",))
    assert [f for f in report.confirmed if f.finder] == []


def test_a_plant_everywhere_is_claimed_of_all_prompts(diff):
    report = diff(WordSubject(), WordSubject(Plant(KITCHEN, 0.6)), finders=("trigger-inversion",))
    finding = next(f for f in report.confirmed if f.phrase == KITCHEN)
    assert (finding.region, finding.finder) == (Region(), None)
