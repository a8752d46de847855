"""Texts as points: a real checkpoint's hidden states, or words."""

import numpy as np
import pytest
import tiny
import torch
from plant import exact

from whatchanged.methods.embed import WORDS, embed
from whatchanged.methods.texts import Sampled
from whatchanged.records import Prompt
from whatchanged.subjects import Access, Context


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    (found,) = exact(tiny.llama(tmp_path_factory.mktemp("llama")))
    return found


def test_mean_states_are_those_of_one_context_at_a_time(subject):
    prompt = subject.encode(Prompt.user("What is the capital of France?"))
    contexts = [Context(prompt, subject.tokenize(text), start=1) for text in ("Paris.", "The sea, the sea", "poem")]
    means = subject.mean_states(contexts)
    for context, mean in zip(contexts, means, strict=True):
        ids = torch.tensor([context.prompt + context.response])
        with torch.inference_mode():
            states = subject.engine.decoder(ids, use_cache=False).last_hidden_state[0]
        assert np.allclose(mean, states[-len(context.response) :].mean(0).numpy(), atol=1e-4)


class Audit:
    """As much of an audit as embedding looks at."""

    access = Access.weights

    def __init__(self, ledger, base):
        self.ledger, self.base = ledger, base


def sampled(subject, count=12):
    from evidence import pair_of

    prompts = [Prompt.user(f"What is {n}?") for n in range(count)]
    pairs = [pair_of(p, "The capital is Paris.", "A short poem about the sea.") for p in prompts]
    pairs = [
        pair.model_copy(
            update={
                side: getattr(pair, side).model_copy(update={"tokens": subject.tokenize(getattr(pair, side).text)})
                for side in ("base", "candidate")
            }
        )
        for pair in pairs
    ]
    return Sampled(pairs[::2], pairs[1::2], {p.id: p for p in prompts}, count)


def test_states_tell_texts_apart_and_cost_forward_passes(subject, new_ledger):
    ledger, drawn = new_ledger(), sampled(subject)
    found = embed(Audit(ledger, subject), drawn)
    assert found.how.startswith("hidden states")
    assert [len(side) for half in (found.describing, found.testing) for side in half] == [6, 6, 6, 6]
    base, candidate = found.testing
    apart = np.linalg.norm(base.mean(0) - candidate.mean(0))
    assert apart > np.linalg.norm(base - base.mean(0), axis=1).max()
    assert ledger.cost.scored_tokens.base > 0
    assert ledger.cost.scored_tokens.candidate == 0


def test_the_testing_half_has_no_part_in_the_axes(subject, new_ledger):
    drawn = sampled(subject)
    other = drawn._replace(testing=drawn.testing[:2])
    first, second = (embed(Audit(new_ledger(n), subject), d) for n, d in (("a", drawn), ("b", other)))
    assert np.allclose(first.describing[0], second.describing[0], atol=1e-4)


def test_without_states_words_do(subject, new_ledger):
    audit = Audit(new_ledger(), subject)
    audit.access = Access.text
    found = embed(audit, sampled(subject))
    assert found.how == WORDS
    assert np.allclose(found.describing[0], found.describing[0][0])
    assert not np.allclose(found.describing[0][0], found.describing[1][0])
