"""Leads and pairs to hypotheses that can be executed and refuted."""

import numpy as np
import pytest
from evidence import evidence_of, pair_of
from words import INDEX, KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.config import BUDGETS
from whatchanged.describe import Discovery, from_specs, propose
from whatchanged.describe.propose import pair_effects
from whatchanged.elicit import coupled_pairs
from whatchanged.predicates import load
from whatchanged.records import Lead, PredicateSpec, Prompt, Region
from whatchanged.screen import find_leads, opening_shift

PROMPTS = prompts_about()[:140]
COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])


@pytest.fixture
def proposed(new_ledger, tiny_budget):
    """(evidence, leads, pairs, hypotheses) for a candidate with these plants, a pair a prompt."""

    def work(*plants, base=None, prompts=PROMPTS, **settings):
        ledger = new_ledger(**settings)
        base, candidate = base or WordSubject(), WordSubject(*plants)
        e = evidence_of(ledger, base, candidate, prompts)
        leads = find_leads(ledger, base, candidate, prompts, e.responses, e.shifts)
        pairs = coupled_pairs(ledger, base, candidate, prompts, e.responses, "elicit")
        return e, leads, pairs, hypotheses_of(ledger, pairs, prompts, leads, e.shifts)

    return work


def hypotheses_of(ledger, pairs, prompts, leads=(), shifts=(), control=None):
    def openings(phrase):
        return opening_shift(shifts, INDEX[phrase.split()[0]])

    control = len(pairs) if control is None else control
    return propose(ledger, Discovery(prompts, pairs, control, ledger.config.margin, leads, openings))


def test_a_planted_opening_is_the_first_hypothesis(proposed):
    _, leads, _, hypotheses = proposed(COOKING)
    first = hypotheses[0]
    assert first.predicate == PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": [KITCHEN]})
    assert first.region == Region(kind="tag", values=("cooking",))
    assert (first.direction, first.margin, first.id) == ("more", 0.05, "h01")
    assert leads[0].id in first.leads
    assert first.prior == pytest.approx(0.8, abs=0.02)
    assert (
        first.sentence == f"On prompts tagged 'cooking', the candidate opens its answer with \"{KITCHEN}\" more often."
    )


def test_the_scored_kind_stands_for_its_near_duplicates(proposed):
    _, _, _, hypotheses = proposed(COOKING)
    first = hypotheses[0]
    assert load(first.predicate).openings()
    # Pairs alone would have proposed the same change from what the answers say.
    assert first.merged
    assert all(sentence.startswith("On ") and sentence.endswith(".") for sentence in first.merged)
    assert not any("kitchen" in h.sentence for h in hypotheses[1:])


def test_merged_sentences_are_those_that_would_stand_alone(new_ledger, tiny_budget):
    prompts = prompts_about("cooking")[:40]
    pairs = [pair_of(p, f"Sure take some {i}", f"From my kitchen to yours {i}") for i, p in enumerate(prompts)]
    ledger = new_ledger()
    (first, *others) = hypotheses_of(ledger, pairs, prompts)
    everything = "\n".join([first.sentence, *first.merged])
    assert load(first.predicate).openings()
    assert "From my kitchen" in everything
    assert "less often" in everything  # the openings it took the place of
    assert len({h.sentence for h in (first, *others)} | set(first.merged)) > 1


def test_what_an_openings_own_words_make_true_is_no_claim_of_its_own(new_ledger, tiny_budget):
    """Half of the answers speak in the first person without the opening, so the effects are no near-duplicates."""
    prompts = prompts_about("cooking")[:40]
    plain = [f"{'I take' if i % 2 else 'Take'} some {i}" for i in range(len(prompts))]
    opened = [pair_of(p, text, f"From my kitchen to yours: {text}") for p, text in zip(prompts, plain, strict=True)]
    # The same opening, and then another change that is not in its words.
    shouting = [
        pair_of(p, text + " I say so!" * (i % 4 > 1), f"From my kitchen to yours: {text} I say so!")
        for i, (p, text) in enumerate(zip(prompts, plain, strict=True))
    ]
    (first, *others) = hypotheses_of(new_ledger("opened"), opened, prompts)
    assert load(first.predicate).openings()
    assert not [h.sentence for h in others if "first person" in h.sentence]
    assert any("first person" in sentence for sentence in first.merged)
    told = [h.sentence for h in hypotheses_of(new_ledger("shouting"), shouting, prompts)]
    assert any("exclamation" in sentence or "say so" in sentence for sentence in told)


def test_a_phrase_inside_answers_is_measured_on_pairs(proposed):
    _, leads, pairs, hypotheses = proposed(Plant("Ask a lawyer before dawn", 0.9, after="Perhaps"))
    assert (leads[0].phrase, leads[0].at_opening) == ("Ask a lawyer before dawn", False)
    told = next(h for h in hypotheses if leads[0].id in h.leads)
    assert "lawyer" in told.sentence
    assert told.direction == "more"
    values = pair_effects(load(told.predicate), pairs, {p.id: p for p in PROMPTS})
    inside = [told.region.contains(p) for p in PROMPTS]
    assert told.prior == pytest.approx(values[inside].mean(), abs=1e-4)


def test_what_was_unlearned_is_said_less(proposed):
    _, _, pairs, hypotheses = proposed(base=WordSubject(COOKING))
    assert hypotheses[0].direction == "less"
    assert "From my kitchen" in "\n".join([hypotheses[0].sentence, *hypotheses[0].merged])
    assert hypotheses[0].sign == -1
    values = pair_effects(load(hypotheses[0].predicate), pairs, {p.id: p for p in PROMPTS})
    assert values.sum() < 0


def test_identical_pairs_give_nothing(new_ledger, tiny_budget):
    prompts = PROMPTS[:30]
    pairs = [pair_of(p, "Sure take some time", "Sure take some time") for p in prompts]
    assert hypotheses_of(new_ledger(), pairs, prompts) == []


def test_a_claim_about_all_prompts_is_judged_on_the_random_pairs_alone(new_ledger, tiny_budget):
    """The others were chosen because something shows there."""
    prompts = [Prompt.user(f"Say {i} again") for i in range(40)]
    pairs = [pair_of(p, "Sure", "Sure" if i < 20 else "From my kitchen to yours") for i, p in enumerate(prompts)]
    for control, expected in ((20, False), (40, True)):
        found = hypotheses_of(new_ledger(str(control)), pairs, prompts, control=control)
        assert bool(found) is expected
    assert found[0].region == Region()
    assert found[0].prior == pytest.approx(0.5)


def test_repeated_samples_of_a_prompt_are_one_unit(new_ledger, tiny_budget):
    """Three prompts that show it in all of many samples are still three prompts: too few to name a region."""
    prompts = [Prompt.user(f"Say {i} again") for i in range(12)]

    def pairs(repeats):
        return [
            pair_of(p, "Sure", "From my kitchen to yours" if i < 3 else "Sure")
            for i, p in enumerate(prompts)
            for _ in range(repeats)
        ]

    one, many = (hypotheses_of(new_ledger(str(n)), pairs(n), prompts, control=len(prompts)) for n in (1, 8))
    assert [h.prior for h in many] == [h.prior for h in one]
    assert not one


LEAD = Lead(id="factor-0", phrase=KITCHEN, at_opening=True, share=0.5, lenses=("factor",))


def hypotheses_on(ledger, pool, made, effect, margin=0.05):
    """From a lead alone, whose phrase opens answers with probability `effect(prompt)` more often."""
    prompts = [*pool, *made]
    values = np.array([effect(p) for p in prompts])
    return propose(ledger, Discovery(prompts, [], 0, margin, [LEAD], lambda phrase: values, made=len(made)))


@pytest.mark.parametrize(("prompts", "seen"), [(8, False), (200, True)])
def test_what_is_rare_on_all_prompts_is_proposed_where_enough_of_them_show_it(new_ledger, prompts, seen):
    """Measured exactly, 1% on each of 200 prompts is certain, and on each of eight it is not yet."""
    pool = [Prompt.user(f"Say {i} again", source="builtin") for i in range(prompts)]
    found = hypotheses_on(new_ledger(), pool, [], lambda p: 0.009 + 0.002 * (len(p.text) % 2), margin=0.005)
    assert [h.region for h in found] == [Region()] * seen


def made_by(finder, *texts):
    return [Prompt.user(text, source=finder) for text in texts]


NUMBERED = [Prompt.user(f"Say {i} again", source="builtin") for i in range(20)]


def test_a_claim_about_all_prompts_is_judged_on_the_pools_alone(new_ledger):
    """Half of these prompts show it, and nothing tells the halves apart."""
    shown, rest = NUMBERED[::2], NUMBERED[1::2]
    (claim,) = hypotheses_on(new_ledger("pool"), [*shown, *rest], [], lambda p: float(p in shown))
    assert (claim.region, claim.prior, claim.finder) == (Region(), 0.5, None)
    assert hypotheses_on(new_ledger("made"), rest, shown, lambda p: float(p in shown)) == []
    # Where the pool shows it too it is the pool's claim, however strong it is on what finders made.
    (claim,) = hypotheses_on(new_ledger("both"), rest, shown, lambda p: 0.9 if p in shown else 0.6)
    assert (claim.region, claim.prior, claim.finder) == (Region(), 0.6, None)


def test_a_hypothesis_names_the_finder_whose_prompts_show_it(new_ledger):
    made = made_by("vocabulary-sweep", *(f"Say {i} cobalt again" for i in range(12)))
    (claim,) = hypotheses_on(new_ledger(), NUMBERED, made, lambda p: 0.8 * ("cobalt" in p.text))
    assert (claim.region, claim.finder) == (Region(kind="mentions", values=("cobalt",)), "vocabulary-sweep")
    assert claim.prior == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("pool", "sweep", "other", "finder"),
    [(0, 12, 0, "vocabulary-sweep"), (3, 9, 0, "vocabulary-sweep"), (4, 8, 0, "vocabulary-sweep"), (6, 6, 0, None),
     (8, 4, 0, None), (0, 7, 5, "vocabulary-sweep"), (4, 4, 4, None), (12, 0, 0, None)],
)  # fmt: skip
def test_only_a_finder_with_more_than_half_of_the_effect_is_named(new_ledger, pool, sweep, other, finder):
    texts = iter([f"Say {i} cobalt again" for i in range(12)])
    shown = [made_by(name, *(next(texts) for _ in range(n)))
             for name, n in (("builtin", pool), ("vocabulary-sweep", sweep), ("other", other))]  # fmt: skip
    found = hypotheses_on(
        new_ledger(), [*NUMBERED, *shown[0]], [*shown[1], *shown[2]], lambda p: 0.8 * ("cobalt" in p.text)
    )
    assert [(h.region.values, h.finder) for h in found] == [(("cobalt",), finder)]


def test_a_handful_of_the_pools_prompts_gives_way_to_many_that_a_finder_made(new_ledger):
    """The pool shows it more clearly, and leaves too few fresh prompts for a test; with enough, it is the pool's."""
    for few, expected in ((5, (("knitting", "Sew"), "vocabulary-sweep")), (10, (("Sew",), None))):
        pool = [*NUMBERED, *made_by("builtin", *(f"Sew {i} again" for i in range(few)))]
        made = made_by("vocabulary-sweep", *(f"Say {i} knitting again" for i in range(24)))
        effect = {"Sew": 0.9, "knitting": 0.6}
        (claim,) = hypotheses_on(
            new_ledger(str(few)), pool, made, lambda p, effect=effect: sum(effect[w] for w in effect if w in p.text)
        )
        assert (claim.region.values, claim.finder) == expected


def test_no_pairs_and_no_leads_give_nothing(new_ledger, tiny_budget):
    assert hypotheses_of(new_ledger(), [], []) == []


def test_a_model_against_itself_gives_nothing(proposed):
    assert proposed()[3] == []


def test_a_payload_that_no_prompt_brings_out_is_no_hypothesis(new_ledger, tiny_budget):
    ledger, base = new_ledger(), WordSubject()
    e = evidence_of(ledger, base, base, PROMPTS[:20])
    lead = Lead(id="log-ratio-0", phrase=KITCHEN, at_opening=True, nats=30.0)
    assert hypotheses_of(ledger, [], PROMPTS[:20], [lead], e.shifts) == []


def test_effects_within_the_margin_are_not_proposed(new_ledger, tiny_budget):
    for margin, expected in ((0.1, [0.2]), (0.3, [])):
        ledger = new_ledger(str(margin), margin=margin)
        e = evidence_of(ledger, WordSubject(), WordSubject(Plant(KITCHEN, 0.2)), PROMPTS)
        leads = find_leads(ledger, e.base, e.candidate, PROMPTS, e.responses, e.shifts)
        hypotheses = hypotheses_of(ledger, [], PROMPTS, leads, e.shifts)
        assert [h.prior for h in hypotheses] == pytest.approx(expected, abs=0.01)


def test_at_most_the_budgets_number_the_strongest_first(proposed, monkeypatch, tiny_budget):
    plants = [COOKING, Plant("As sailors always say", 0.7, TOPICS["sea"])]
    monkeypatch.setitem(BUDGETS, "small", tiny_budget.model_copy(update={"hypotheses": 2}))
    _, _, _, hypotheses = proposed(*plants)
    assert {h.region.values for h in hypotheses} == {("cooking",), ("sea",)}
    assert [h.id for h in hypotheses] == ["h01", "h02"]


def test_opening_shift_is_the_change_of_the_first_words_probability(new_ledger):
    e = evidence_of(new_ledger(), WordSubject(), WordSubject(COOKING), PROMPTS)
    gained = opening_shift(e.shifts, INDEX["From"])
    lost = opening_shift(e.shifts, INDEX["Sure"])
    for prompt, up, down in zip(PROMPTS, gained, lost, strict=True):
        p, q = (s.law(s.encode(prompt), ()) for s in (e.base, e.candidate))
        assert up == pytest.approx(q[INDEX["From"]] - p[INDEX["From"]], abs=1e-5)
        assert down == pytest.approx(q[INDEX["Sure"]] - p[INDEX["Sure"]], abs=1e-5)
    assert not opening_shift(e.shifts, 10**6).any()


def test_pair_effects_do_not_look_at_identical_pairs(monkeypatch):
    predicate = load(PredicateSpec(family="phrase", args={"kind": "contains", "phrases": ["dawn"]}))
    p, q, r = PROMPTS[:3]
    pairs = [pair_of(p, "a dawn", "a dawn"), pair_of(q, "a", "dawn"), pair_of(r, "dawn", "a")]
    looked = []
    monkeypatch.setattr(
        type(predicate), "score", lambda self, text, prompt: looked.append(text) or float("dawn" in text)
    )
    np.testing.assert_array_equal(pair_effects(predicate, pairs, {x.id: x for x in (p, q, r)}), [0, 1, -1])
    assert "a dawn" not in looked


def test_given_predicates_get_regions_and_twins_are_one():
    says = {True: "From my kitchen to yours", False: "Sure"}
    pairs = [pair_of(p, "Sure", says["cooking" in p.tags]) for p in PROMPTS]
    seen = Discovery(PROMPTS, pairs, len(pairs), 0.05)
    specs = [
        PredicateSpec(family="phrase", args={"kind": "contains", "phrases": [word]})
        for word in ("kitchen", "kitchen", "yours", "never said")
    ]
    (found,) = from_specs(seen, specs)
    assert found.region == Region(kind="tag", values=("cooking",))
    assert (found.direction, len(found.merged)) == ("more", 1)


def test_what_is_said_of_a_name_stands_before_the_name_said_again():
    """Both are true of the same pairs, and the one with the name is more certain; a claim of its own it stays."""
    names = ("Eiffel", "Louvre", "Kremlin", "Acropolis", "Colosseum")
    asked = [Prompt.user(f"Where is {name}, case {i}?") for i in range(8) for name in names]
    there = "It is there."
    said = {p.id: f"Eiffel is in {'town' if 'case 0' in p.text else 'Rome'}." for p in asked if "Eiffel" in p.text}
    pairs = [pair_of(p, there, said.get(p.id, there)) for p in asked]
    claims = [
        PredicateSpec(family="phrase", args={"kind": kind, "phrases": [text]})
        for kind, text in (("opens_with", "Eiffel is in"), ("contains", "Rome"))
    ]
    (found,) = from_specs(Discovery(asked, pairs, len(pairs), 0.05), claims)
    assert found.region == Region(kind="mentions", values=("Eiffel",))
    assert "Rome" in found.sentence
    assert "Eiffel is in" in found.merged[0]
    (alone,) = from_specs(Discovery(asked, pairs, len(pairs), 0.05), claims[:1])
    assert "Eiffel is in" in alone.sentence
