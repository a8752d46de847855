"""The claims that the method rests on: coupled candidates are exact, and P(change) is the share that differs."""

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from toy import ToySubject, exact_response_law, perturbed, random_chain
from whatchanged.config import BUDGETS, AuditConfig
from whatchanged.elicit.couple import draw_pairs
from whatchanged.ledger import Ledger
from whatchanged.records import Prompt, Response
from whatchanged.screen import shifts_of
from whatchanged.subjects import Context, Continue, stream_key

LENGTH = 3
DRAWS = 2500


def ledger_for(folder, **settings):
    config = AuditConfig(base="toy", candidate="toy2", **settings)
    return Ledger(folder, config)


def drawn(subject, prompt, count):
    requests = [Continue(subject.encode(prompt), (), stream_key("base", i)) for i in range(count)]
    return [
        Response(
            prompt_id=prompt.id,
            draw=i,
            tokens=d.tokens,
            text=subject.detokenize(d.tokens),
            finished=d.end is not None,
            end=d.end,
        )
        for i, d in enumerate(subject.sample(requests, LENGTH))
    ]


@pytest.fixture(autouse=True, scope="module")
def short_responses():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(BUDGETS, "small", BUDGETS["small"].model_copy(update={"response_tokens": LENGTH}))
        yield


@pytest.fixture(params=[1, 2, 3], scope="module")
def case(request, tmp_path_factory):
    table = random_chain(request.param)
    base, candidate = ToySubject(table, "base"), ToySubject(perturbed(table, 100 + request.param), "candidate")
    prompt = Prompt.user("a")
    responses = drawn(base, prompt, DRAWS)
    ledger = ledger_for(tmp_path_factory.mktemp("run"))
    pairs, _ = draw_pairs(ledger, base, candidate, [prompt] * DRAWS, responses)
    return base, candidate, prompt, responses, pairs


def test_coupled_candidates_have_the_candidates_exact_distribution(case):
    _, candidate, prompt, _, pairs = case
    law = exact_response_law(candidate.table.numpy(), candidate.encode(prompt)[0], LENGTH)
    seen = Counter(pair.candidate.drawn for pair in pairs)
    assert set(seen) <= set(law)
    common = [r for r, p in law.items() if p * DRAWS >= 5]
    observed = [seen[r] for r in common] + [DRAWS - sum(seen[r] for r in common)]
    expected = [law[r] * DRAWS for r in common] + [DRAWS * (1 - sum(law[r] for r in common))]
    assert chisquare(observed, expected).pvalue > 1e-3


def test_an_uncoupled_chi_square_would_notice_the_base(case):
    _, candidate, prompt, responses, _ = case
    law = exact_response_law(candidate.table.numpy(), candidate.encode(prompt)[0], LENGTH)
    seen = Counter(r.drawn for r in responses)
    common = [r for r, p in law.items() if p * DRAWS >= 5]
    observed = [seen[r] for r in common] + [DRAWS - sum(seen[r] for r in common)]
    expected = [law[r] * DRAWS for r in common] + [DRAWS * (1 - sum(law[r] for r in common))]
    assert chisquare(observed, expected).pvalue < 1e-6


def test_change_probability_equals_the_share_of_pairs_that_differ(case):
    base, candidate, prompt, responses, pairs = case
    contexts = [Context(base.encode(prompt), r.tokens) for r in responses]
    estimates = np.array([s.p_change for s in shifts_of(base.score(contexts), candidate.score(contexts), responses)])
    differing = np.array([not pair.identical for pair in pairs])
    error = np.sqrt(estimates.var() / DRAWS + differing.var() / DRAWS)
    assert abs(estimates.mean() - differing.mean()) < 4 * error
    assert estimates.std() < differing.std()  # that is what it is for
    assert 0.05 < differing.mean() < 0.95


def test_a_model_coupled_to_itself_never_parts(case):
    base, _, prompt, responses, _ = case
    from whatchanged.elicit.couple import find_splits

    splits, _ = find_splits(base, base, [prompt] * 200, responses[:200], 0, 1.0)
    assert splits == [None] * 200


@pytest.mark.parametrize("asked", [None, False])
def test_uncoupled_draws_are_the_candidates_too_and_share_nothing(case, tmp_path, asked):
    base, candidate, prompt, responses, _ = case
    ledger = ledger_for(tmp_path, coupled=asked is False)
    pairs, cost = draw_pairs(ledger, base, candidate, [prompt] * DRAWS, responses, asked)
    law = exact_response_law(candidate.table.numpy(), candidate.encode(prompt)[0], LENGTH)
    top = max(law, key=law.get)
    seen = sum(pair.candidate.drawn == top for pair in pairs) / DRAWS
    assert abs(seen - law[top]) < 4 * np.sqrt(law[top] * (1 - law[top]) / DRAWS)
    assert cost.scored_tokens.base == 0
    assert not any(pair.coupled for pair in pairs)
