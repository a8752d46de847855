"""P(change) and coupling on the real model."""

import numpy as np
import pytest

from whatchanged.config import AuditConfig
from whatchanged.elicit import coupled_pairs, draw_responses, opening_probabilities
from whatchanged.ledger import Ledger
from whatchanged.pools import load_builtin
from whatchanged.screen import noise_floor, scan
from whatchanged.subjects import Continue, open_subjects, stream_key

# Minutes each where the processor has no instructions for bfloat16.
pytestmark = [pytest.mark.model, pytest.mark.timeout(1800)]


def test_change_probability_matches_the_coupled_pairs(tiny, tmp_path):
    """Weight noise stands in for an intervention that moves every distribution a little."""
    base, candidate = open_subjects(["smollm2", "smollm2+noise=0.015"])
    prompts = load_builtin()[:128]
    ledger = Ledger(tmp_path, AuditConfig(base="smollm2", candidate="smollm2+noise=0.015"))
    responses = draw_responses(ledger, base, prompts, tiny.response_tokens, "screen")
    shifts = scan(ledger, base, candidate, prompts, responses)
    pairs = coupled_pairs(ledger, base, candidate, prompts, responses, "elicit")
    estimates = np.array([s.p_change for s in shifts])
    differing = np.array([not p.identical for p in pairs])
    error = np.sqrt((estimates.var() + differing.var()) / len(prompts))
    assert 0.02 < differing.mean() < 0.98
    assert abs(estimates.mean() - differing.mean()) < 4 * error
    # Rounding alone changes some answers too: the noise floor is measured, and it lies well below.
    noise = np.mean([s.p_change for s in noise_floor(ledger, base, prompts, responses)])
    assert noise < estimates.mean() / 2


def test_scored_openings_agree_with_sampled_ones():
    """The sampled rate lies within Monte-Carlo error of the probability that a forward pass gives."""
    (base,) = open_subjects(["smollm2"])
    prompts = load_builtin()[:128]
    openings = ("The", "I", "To", "A", "It", "In", "You", "There", "One", "This")
    scored, _ = opening_probabilities(base, prompts, openings)
    drawn = base.sample([Continue(base.encode(p), (), stream_key("openings", p.id)) for p in prompts], 1)
    firsts = {base.tokenize(o)[0] for o in openings}
    sampled = np.mean([d.tokens[:1] != () and d.tokens[0] in firsts for d in drawn])
    error = np.sqrt((scored * (1 - scored)).sum()) / len(prompts)
    assert 0.1 < scored.mean() < 0.95
    assert abs(scored.mean() - sampled) < 4 * error
