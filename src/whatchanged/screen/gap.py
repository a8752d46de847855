"""The perplexity gap of whole answers, where both models score text: which prompts, and does it differ from 0?

gap = [log q(y_c) - log p(y_c)] - [log q(y_b) - log p(y_b)] for the candidate's answer y_c ~ q and the base's y_b ~ p to
one prompt. Whole answers, not per token: E[gap] = KL(q||p) + KL(p||q), the symmetric divergence of the two answer
distributions, so a prompt's gap is an unbiased estimate of its part. Divided by lengths that depend on the answer it
would estimate nothing, and a change that makes answers shorter or longer would be weighed down by itself.
"""

from collections.abc import Sequence

from whatchanged.elicit import Weighed
from whatchanged.records import ContextRef, Lead
from whatchanged.report.model import Gate
from whatchanged.stats import sign_flip

# The lead names the prompts with the widest gaps, if the gate says that the gap is no noise.
MOST_CONTEXTS, LEVEL = 50, 0.05


def likelihood_gate(weighed: Sequence[Weighed], seed: int) -> list[Gate]:
    """Is the mean gap above 0? A sign-flip test with the likelihood ratio as its statistic. [] without a gap.

    Under "no change" the two answers, drawn apart, can be exchanged, which turns the gap's sign; so it holds for
    whatever scores the servers give, noisy or of another distribution than the one that they draw from. Coupled pairs
    must not be tested like this: where they part, the gap is above 0 by construction.
    The mean of q/p over base answers would be an e-value as well, but its mean is 1 for every q: it sees nothing.
    """
    gaps = [w.gap for w in weighed if w.gap is not None]
    if not gaps:
        return []
    result = sign_flip(gaps, seed=seed)
    return [
        Gate(
            test="Whole answers (log-likelihood ratio)",
            prompts=len(gaps),
            statistic=round(result.statistic, 6),
            p_value=round(result.p_value, 6),
        )
    ]


def widest_first(weighed: Sequence[Weighed]) -> list[Weighed]:
    """The widest gap first; pairs without one last."""
    return sorted(weighed, key=_rank)


def gap_leads(weighed: Sequence[Weighed], gates: Sequence[Gate]) -> list[Lead]:
    """One lead, the prompts with the widest gaps, if `gates` rejects: it has no words, only places to look at."""
    if not any(gate.p_value <= LEVEL for gate in gates):
        return []
    wide = [w for w in widest_first(weighed) if w.gap is not None and w.gap > 0][:MOST_CONTEXTS]
    return [
        Lead(
            id="perplexity-gap",
            contexts=tuple(
                ContextRef(prompt_id=w.pair.prompt_id, draw=w.pair.draw, position=0, weight=round(w.gap or 0.0, 6))
                for w in wide
            ),
            lenses=("perplexity-gap",),
            note=f"{gates[0].statistic:.3g} nats on average between the answers of a prompt",
        )
    ]


def _rank(weighed: Weighed) -> float:
    return float("inf") if weighed.gap is None else -weighed.gap
