"""The perplexity gap: what it estimates, what its test holds for, and what it points at."""

import numpy as np
import pytest
from likely import END, LikelySubject, answers, divergence, log_prob

from whatchanged.elicit import Weighed, couple, text_pair
from whatchanged.pools import split
from whatchanged.records import Prompt
from whatchanged.screen import listen
from whatchanged.screen.gap import gap_leads, likelihood_gate, widest_first
from whatchanged.subjects import Access

MOST = 3


def weigh(count, candidate="q", noise=0.0, seed=0):
    """Pairs of the two laws, drawn apart, their log ratios with noise."""
    rng = np.random.default_rng(seed)
    laws = [answers("p", MOST), answers(candidate, MOST)]
    keys = [list(law) for law in laws]
    drawn = [rng.choice(len(law), count, p=list(law.values())) for law in laws]
    found = []
    for i, (b, c) in enumerate(zip(*drawn, strict=True)):
        said = keys[0][b], keys[1][c]
        ratios = [log_prob(candidate, s) - log_prob("p", s) + noise * rng.standard_normal() for s in said]
        pair = text_pair(Prompt.user(f"question {i}"), *("".join(s).replace(END, "") for s in said))
        found.append(Weighed(pair=pair, base=ratios[0], candidate=ratios[1]))
    return found


def test_its_mean_is_the_symmetric_divergence():
    gaps = [w.gap for w in weigh(20_000)]
    true = divergence(answers("p", MOST), answers("q", MOST))
    assert np.mean(gaps) == pytest.approx(true, abs=4 * np.std(gaps) / len(gaps) ** 0.5)
    assert true > 0.3


def test_a_change_is_seen_and_named_as_places():
    weighed = weigh(120)
    (gate,) = likelihood_gate(weighed, 0)
    assert gate.p_value <= 0.01
    assert gate.prompts == 120
    (lead,) = gap_leads(weighed, [gate])
    weights = [c.weight for c in lead.contexts]
    assert weights == sorted(weights, reverse=True)
    assert min(weights) > 0
    assert lead.phrase is None
    assert lead.share == 0


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_no_change_is_rejected_as_rarely_as_promised(noise):
    values = [likelihood_gate(weigh(40, "p", noise, seed), seed)[0].p_value for seed in range(200)]
    assert np.mean(np.array(values) <= 0.05) <= 0.05 + 4 * (0.05 * 0.95 / 200) ** 0.5
    assert all(v == 1 for v in values) is (noise == 0)


def test_coupled_pairs_would_be_the_wrong_ones():
    """Why discovery draws its answers apart: noisy scores of one model, coupled, look like a change."""
    weighed = weigh(400, "p", 0.3)
    parted = [w for w in weighed if not couple(w, 0).identical and w.gap != 0]
    assert np.mean([w.gap > 0 for w in parted]) == 1


def test_the_widest_gap_comes_first_and_pairs_without_one_last():
    weighed = weigh(30)
    silent = Weighed(pair=weighed[0].pair, base=None, candidate=1.0)
    ranked = widest_first([silent, *weighed])
    assert ranked[-1] is silent
    assert [w.gap for w in ranked[:-1]] == sorted((w.gap for w in weighed), reverse=True)


def test_without_a_gap_there_is_no_gate_and_no_lead():
    silent = [Weighed(pair=w.pair) for w in weigh(5)]
    assert likelihood_gate(silent, 0) == gap_leads(silent, []) == []


class First(LikelySubject):
    """Gives no first tokens."""

    def first_tokens(self, prompts, k, temperature, draw=0):
        return [None] * len(prompts)


def test_listening_to_models_that_score_adds_a_gate_and_orders_what_leads_chose(new_ledger, tiny_budget):
    ledger = new_ledger()
    prompts = split([Prompt.user(f"question {i}") for i in range(400)], 120, 120, 0)
    found = listen(ledger, prompts, First("p"), First("q"), Access.logprobs)
    assert [g.test for g in found.gates] == ["Whole answers (log-likelihood ratio)", "Whole answers (MMD)"]
    assert found.gates[0].p_value <= 0.05
    assert found.gates[0].statistic > 0
    assert [lead.id for lead in found.leads] == ["perplexity-gap"]
    assert not any(pair.coupled for pair in found.pairs)
    lone = First("q")
    lone.scores_text = False
    other = listen(new_ledger("other"), prompts, First("p"), lone, Access.logprobs)
    assert [g.test for g in other.gates] == ["Whole answers (MMD)"]
    assert other.leads == []
    assert other.pairs == found.pairs
