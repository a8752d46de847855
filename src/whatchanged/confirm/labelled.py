"""Findings by human verdicts: where labels are about answers that the judge read, they repair what it said.

Prediction-powered inference (Angelopoulos et al., Science 2023), the prompt being the unit: mean of the judge's
difference over all prompts read, plus mean of human minus judge over the labelled ones.
"""

from collections.abc import Iterable, Mapping, Sequence

from whatchanged.confirm.instruments import Rate
from whatchanged.records import LabelledEstimate, Prompt
from whatchanged.roles.judge import Label
from whatchanged.stats import ppi_interval

# With fewer a 95% interval is wider than 1, half of what an effect can be, even if all labels agree with the judge.
LEAST_LABELLED = 20

Verdicts = Mapping[tuple[str, str], float]


def human_verdicts(labels: Iterable[Label], rubric: str) -> Verdicts:
    """What people said of a rubric, by prompt id and answer: the mean where an answer was labelled more than once.

    The label's model plays no part: equal answers to one prompt have one verdict.
    """
    said: dict[tuple[str, str], list[bool]] = {}
    for label in labels:
        if label.rubric in (None, rubric):
            said.setdefault((label.prompt.id, label.response), []).append(label.holds)
    return {key: sum(holds) / len(holds) for key, holds in said.items()}


def human_difference(prompt: Prompt, base: Sequence[str], candidate: Sequence[str], verdicts: Verdicts) -> float | None:
    """candidate - base by human verdicts, means over their answers; None unless every answer was labelled."""
    if not all((prompt.id, text) in verdicts for text in (*base, *candidate)):
        return None
    before, after = (sum(verdicts[prompt.id, text] for text in texts) / len(texts) for texts in (base, candidate))
    return after - before


def labelled_estimate(rates: Sequence[Rate], alpha: float) -> LabelledEstimate | None:
    """The effect with its bounds at level 1 - alpha; None with fewer than 20 labelled prompts. `rates` in order.

    It supposes that the labelled prompts were chosen at random among those read, or among those read whose answers
    differ. Nothing is supposed of the judge.

    Prompts with equal answers need no label: judge and human see no difference there. They count as labelled in the
    share in which the others are. All of them would be too many beside the labelled others, and the mean of human
    minus judge would be too near 0. As the share of a simple random sample they keep the bets on that mean valid:
    with A and B a bet's expected factors on equal and other prompts, w the part of the others, and p the share,
    (1 - w) A^p + w B^p <= ((1 - w) A + w B)^p <= 1 (Jensen).
    """
    differing = [rate for rate in rates if rate.base is not None]
    told = [(rate.difference, rate.human) for rate in differing if rate.human is not None]
    if not told:
        return None
    equal = (len(rates) - len(differing)) * len(told) // len(differing)
    if len(told) + equal < LEAST_LABELLED:
        return None
    pairs: list[tuple[float, float]] = []
    for i, pair in enumerate(told):
        # Spread evenly: the bets look after every prompt, and the labelled ones may all be among the first.
        pairs += [pair, *[(0.0, 0.0)] * (equal * (i + 1) // len(told) - equal * i // len(told))]
    judged, human = zip(*pairs, strict=True)
    effect, low, high = ppi_interval([rate.difference for rate in rates], judged, human, alpha, -1, 1)
    return LabelledEstimate(n_labelled=len(pairs), effect=round(effect, 6), lower=round(low, 6), upper=round(high, 6))
