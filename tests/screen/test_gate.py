"""Two-sample tests of models that only answer: they fire on a planted change and keep their level without one."""

import math

import numpy as np
import pytest
from scipy.stats import binom
from words import KITCHEN, OPENERS, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.elicit import text_pair
from whatchanged.screen.gate import LEAST_SHIFT, answers_gate, first_token_gate, first_token_leads, token_gate
from whatchanged.screen.heard import Heard

COOKING = Plant(KITCHEN, 0.7, TOPICS["cooking"])
PROMPTS = prompts_about("cooking", "sea")[:60]
SEEDS = 40
# Fewer than one in a thousand correct tests reject more often than this.
MOST_REJECTIONS = int(binom.ppf(0.999, SEEDS, 0.05))


def pairs(base, candidate, seed=0, draws=1):
    """Independent answers of both to every prompt."""
    found = []
    for draw in range(draws):
        a, b = (
            s.respond(PROMPTS, draw, 8, 1.0, f"{seed}-{side}") for s, side in ((base, "base"), (candidate, "candidate"))
        )
        found += [text_pair(p, x.text, y.text, draw) for p, x, y in zip(PROMPTS, a, b, strict=True)]
    return found


def openings(subject, side, seed=0, draws=4):
    """First words, draws of each prompt."""
    said = [subject.respond(PROMPTS, draw, 1, 1.0, f"{seed}-{side}") for draw in range(draws)]
    return [[row[i].text for row in said] for i in range(len(PROMPTS))]


def lists(subject, k=6, noise=0.0, seed=0):
    """Top-k first-token lists of every prompt, with a server's noise on the numbers."""
    rng = np.random.default_rng(seed)
    return [
        {t: min(0.0, v + noise * rng.standard_normal()) for t, v in top.log_probs.items()}
        for top in subject.first_tokens(PROMPTS, k, 1.0)
    ]


def test_whole_answers_tell_a_planted_change():
    (gate,) = answers_gate(pairs(WordSubject(), WordSubject(COOKING)), seed=0)
    assert gate.p_value == 0.001  # of 999 permutations none is as extreme
    assert gate.prompts == len(PROMPTS)
    assert "MMD" in gate.test


def test_first_tokens_tell_a_planted_change():
    (gate,) = token_gate(openings(WordSubject(), "base"), openings(WordSubject(COOKING), "candidate"), seed=0)
    assert gate.p_value <= 0.002
    assert gate.prompts == len(PROMPTS)


def test_log_probabilities_tell_a_planted_change():
    base, candidate = WordSubject(), WordSubject(COOKING)
    (gate,) = first_token_gate(lists(base, noise=0.01), lists(candidate), lists(base, noise=0.01, seed=1), seed=0)
    assert gate.p_value == 0.001
    assert gate.statistic > 0.1


def nulls():
    """p-values of a model against itself, by gate."""
    same, found = WordSubject(), {"answers": [], "tokens": [], "log_probs": []}
    for seed in range(SEEDS):
        found["answers"] += answers_gate(pairs(same, same, seed), seed)
        found["tokens"] += token_gate(openings(same, "base", seed), openings(same, "candidate", seed), seed)
        told = [lists(same, noise=0.05, seed=100 * seed + i) for i in range(3)]
        found["log_probs"] += first_token_gate(*told, seed)
    return {name: np.array([g.p_value for g in gates]) for name, gates in found.items()}


def test_a_model_against_itself_is_rejected_no_more_often_than_it_may_be():
    for name, p in nulls().items():
        assert len(p) == SEEDS
        assert (p <= 0.05).sum() <= MOST_REJECTIONS, name
        # Uniform on (0, 1] in the middle too: the mean of 40 is within four standard deviations of a half.
        assert abs(p.mean() - 0.5) < 4 / math.sqrt(12 * SEEDS), name


def test_equal_numbers_are_no_difference():
    told = lists(WordSubject())
    assert first_token_gate(told, told, told, seed=0)[0].p_value == 1.0
    same = [text_pair(p, "Yes.", "Yes.") for p in PROMPTS]
    assert answers_gate(same, seed=0)[0].p_value == 1.0


def test_without_pairs_there_is_no_gate():
    assert answers_gate([], seed=0) == []
    assert token_gate([], [], seed=0) == []
    assert first_token_gate([], [], [], seed=0) == []
    assert first_token_leads([], [], []) == []
    empty = Heard(access="text", prompts=[], confirmation=[], pairs=[], control=0, seed=0)
    assert empty.gates == ()


def test_answers_are_permuted_within_prompts():
    """Prompts that call for answers of their own drown no change, and repeats of a prompt are one unit."""
    told = [text_pair(p, f"{p.text} One.", f"{p.text} Two.") for p in PROMPTS]
    assert answers_gate(told, seed=0)[0].p_value == 0.001
    twice = answers_gate(pairs(WordSubject(), WordSubject(COOKING), draws=2), seed=0)[0]
    assert twice.prompts == len(PROMPTS)
    assert twice.p_value == 0.001


def test_the_gate_of_whole_answers_looks_at_the_random_sample_alone():
    """Pairs drawn where leads are strong were chosen for their difference: they are no test of whether there is one."""
    chosen = [text_pair(p, "One.", "Another thing.") for p in PROMPTS[20:]]
    random = [text_pair(p, "One.", "One.") for p in PROMPTS[:20]]
    heard = Heard(access="text", prompts=PROMPTS, confirmation=[], pairs=random + chosen, control=20, seed=0)
    (gate,) = heard.gates
    assert (gate.prompts, gate.p_value) == (20, 1.0)


def test_the_planted_openings_first_token_leads():
    base, candidate = WordSubject(), WordSubject(COOKING)
    leads = first_token_leads([p.id for p in PROMPTS], lists(base), lists(candidate))
    first = leads[0]
    (gained,) = first.gained
    assert gained.text == KITCHEN.split()[0]
    assert first.lost == ()
    assert first.at_opening
    cooking = {p.id for p in PROMPTS if "cooking" in p.tags}
    assert {c.prompt_id for c in first.contexts} == cooking
    assert sum(lead.share for lead in leads) <= 1 + 1e-6
    # What the phrase takes its share from begins fewer answers.
    assert {shift.text for lead in leads for shift in lead.lost} <= set(OPENERS)


@pytest.mark.parametrize("k", [1, 2, 3, 6, 20])
def test_bounds_never_exceed_the_true_shift(k):
    base, candidate = WordSubject(), WordSubject(COOKING)
    leads = first_token_leads([p.id for p in PROMPTS], lists(base, k), lists(candidate, k))
    true = {p.id: candidate.law(candidate.encode(p), ()) - base.law(base.encode(p), ()) for p in PROMPTS}
    assert leads
    for lead in leads:
        (shift,) = lead.gained or lead.lost
        (token,) = base.tokenize(shift.text)
        for at in lead.contexts:
            assert at.weight <= abs(true[at.prompt_id][token]) + 1e-5
        total = sum(true[at.prompt_id][token] for at in lead.contexts)
        assert bool(total > 0) is bool(lead.gained)
        assert shift.weight <= abs(total) + 1e-5
        assert abs(total) >= LEAST_SHIFT * len(PROMPTS)


def test_a_model_against_itself_leads_nowhere():
    same = lists(WordSubject())
    assert first_token_leads([p.id for p in PROMPTS], same, same) == []
