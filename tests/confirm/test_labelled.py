"""Human verdicts on answers that the judge read: the interval holds the truth where the judge's own does not."""

import numpy as np
import pytest

from whatchanged.confirm.corrected import Calibrated, corrected_bounds
from whatchanged.confirm.instruments import Rate
from whatchanged.confirm.labelled import LEAST_LABELLED, human_difference, human_verdicts, labelled_estimate
from whatchanged.records import Prompt
from whatchanged.roles.judge import Label
from whatchanged.stats import Calibration, interval

PROMPT = Prompt.user("May I?")
RUBRIC = "It tells the reader to ask a lawyer."


def label(response, holds, rubric=RUBRIC, prompt=PROMPT, model="base"):
    return Label(prompt=prompt, response=response, model=model, rubric=rubric, holds=holds)


# --- what a label is about --------------------------------------------------------------------------------


def test_labels_belong_to_an_answer_by_its_content():
    labels = [
        label("yes", True),
        label("no", False, rubric=None),
        label("other rubric", True, rubric="It rhymes."),
        label("other prompt", True, prompt=Prompt.user("Must I?")),
    ]
    known = human_verdicts(labels, RUBRIC)
    assert human_difference(PROMPT, ["yes"], ["no"], known) == -1.0
    assert human_difference(PROMPT, ["no"], ["yes"], known) == 1.0  # whoever the label says wrote it
    assert human_difference(PROMPT, ["yes"], ["other rubric"], known) is None
    assert human_difference(PROMPT, ["yes"], ["other prompt"], known) is None


def test_every_answer_of_both_models_has_to_be_labelled():
    known = human_verdicts([label("a", True), label("b", False), label("c", True)], RUBRIC)
    assert human_difference(PROMPT, ["a", "b"], ["c"], known) == 0.5
    assert human_difference(PROMPT, ["a", "b", "?"], ["c"], known) is None


def test_people_who_disagree_are_averaged():
    known = human_verdicts([label("a", True), label("a", False), label("b", False)], RUBRIC)
    assert human_difference(PROMPT, ["b"], ["a"], known) == 0.5


# --- the estimate -----------------------------------------------------------------------------------------


def test_with_few_labels_there_is_no_estimate():
    read = [Rate(0.0, 1.0)] * 100
    told = [Rate(0.0, 1.0, 1.0)] * LEAST_LABELLED
    assert labelled_estimate([], 0.05) is None
    assert labelled_estimate(read, 0.05) is None
    assert labelled_estimate([*read, *told[1:]], 0.05) is None
    found = labelled_estimate([*read, *told], 0.05)
    assert (found.n_labelled, found.effect, found.method) == (LEAST_LABELLED, 1.0, "prediction-powered")


def test_below_the_least_number_agreement_in_everything_says_next_to_nothing():
    """Why it is that number: the repair alone leaves half of what an effect can be."""
    widths = [np.diff(interval(np.zeros(n), 0.025, -2, 2))[0] for n in (LEAST_LABELLED - 1, LEAST_LABELLED)]
    assert widths[0] > 1 > widths[1] > 0.9


def test_equal_answers_count_in_the_share_in_which_the_others_are_labelled():
    differing = [Rate(0.0, 1.0, 0.0), Rate(0.0, 1.0)] * 20
    rates = [rate for other in differing for rate in (other, Rate(None, None), Rate(None, None))]
    found = labelled_estimate(rates, 0.05)
    assert found.n_labelled == 20 + 40
    # A third of the prompts differ by the judge, none by the human.
    assert found.effect == pytest.approx(0.0, abs=1e-9)
    assert found.lower < 0 < found.upper


def test_it_does_not_matter_which_of_the_prompts_are_labelled():
    """The first ones, say: the interval looks after every prompt, and must not see too few equal answers on the way."""
    told, untold, equal = [Rate(0.0, 1.0, 0.0)] * 40, [Rate(0.0, 1.0)] * 40, [Rate(None, None)]
    first = [rate for other in (*told, *untold) for rate in (other, *equal * 3)]
    evenly = [rate for pair in zip(told, untold, strict=True) for other in pair for rate in (other, *equal * 3)]
    assert labelled_estimate(first, 0.05) == labelled_estimate(evenly, 0.05)


def test_labels_on_equal_answers_change_nothing():
    differing = [Rate(0.0, 1.0, 1.0), Rate(0.0, 1.0)] * 20
    plain = labelled_estimate([*differing, *[Rate(None, None)] * 40], 0.05)
    assert labelled_estimate([*differing, *[Rate(None, None, 0.0)] * 40], 0.05) == plain
    assert labelled_estimate([Rate(None, None, 0.0)] * 80, 0.05) is None


def judged(rng, prompts, equal, truth, base, candidate, labelled):
    """Rates as a campaign has them, and the calibration that the same labels give.

    `equal` is the share of prompts with equal answers, `truth` how often the rubric holds on the others, `base` and
    `candidate` the judge's (sensitivity, specificity); so many of the others are labelled, at random.
    """
    differ = rng.random(prompts) >= equal
    chosen = np.isin(np.arange(prompts), rng.permutation(np.flatnonzero(differ))[:labelled])
    holds = rng.random((2, prompts)) < np.array(truth)[:, None]
    sensitivity, specificity = np.array([base, candidate]).T[:, :, None]
    says = rng.random((2, prompts)) < np.where(holds, sensitivity, 1 - specificity)
    rates = [
        Rate(*map(float, says[:, i]), float(holds[1, i]) - float(holds[0, i]) if chosen[i] else None)
        if differ[i]
        else Rate(None, None)
        for i in range(prompts)
    ]
    counts = [
        [int(np.sum(chosen & (h == truly) & (s == said))) for truly, said in ((1, 1), (1, 0), (0, 0), (0, 1))]
        for h, s in zip(holds, says, strict=True)
    ]
    return rates, Calibrated(Calibration(*counts[0]), Calibration(*counts[1]), 0.005)


@pytest.mark.parametrize(
    ("equal", "truth", "candidate", "labelled"),
    [(0.0, (0.4, 0.4), (0.95, 0.45), 80), (0.5, (0.1, 0.7), (0.35, 0.95), 50)],
    ids=["no change looks like one", "a change is hidden, half of the answers equal"],
)
def test_it_covers_where_the_judge_does_not_and_is_narrower_than_the_correction(equal, truth, candidate, labelled):
    rng = np.random.default_rng(7)
    effect = (1 - equal) * (truth[1] - truth[0])
    plain, covered, narrower, estimates = 0, 0, 0, []
    for _ in range(200):
        rates, calibrated = judged(rng, 200, equal, truth, (0.95, 0.95), candidate, labelled)
        low, high = interval([r.difference for r in rates], 0.05)
        plain += low <= effect <= high
        found = labelled_estimate(rates, 0.05)
        covered += found.lower <= effect <= found.upper
        estimates.append(found.effect)
        _, low, high = corrected_bounds(rates, calibrated, 0.05)
        narrower += found.upper - found.lower < high - low
    assert plain < 0.5 * 200
    assert covered >= 0.9 * 200
    assert narrower >= 0.95 * 200
    assert np.mean(estimates) == pytest.approx(effect, abs=0.02)
