"""What users write, by the models' own account: real templates, real tokenizers, tiny weights."""

import numpy as np
import pytest
import tiny

from whatchanged.records import Prompt
from whatchanged.search import Evidence
from whatchanged.search.odds import Odds
from whatchanged.search.words import LONGEST, UserWords
from whatchanged.subjects import Context, Subject, open_subjects

PROMPTS = [Prompt.user("What is the capital?"), Prompt.user("Write a poem"), Prompt.user("the sea " * 200)]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=["with a template", "without"])
def pair(request, tmp_path_factory) -> list[Subject]:
    folder = tmp_path_factory.mktemp("pair")
    words = tiny.tokenizer(template=tiny.TEMPLATE if request.param == "with a template" else None)
    return open_subjects([str(tiny.llama(folder / name, seed, words)) for seed, name in enumerate("ab")])


@pytest.fixture
def evidence(pair, new_ledger) -> Evidence:
    return Evidence(new_ledger(), *pair, PROMPTS, [], [], [])


def laws(subject, context):
    """float64[rows, vocabulary]: probabilities."""
    return np.concatenate([block.double().exp().numpy() for block in subject.score([context]).blocks()])


def test_frequent_tokens_are_the_likeliest_in_users_turns(evidence):
    base, words = evidence.base, UserWords(evidence)
    start = len(base.user_opening())
    total = 0
    for prompt, text in zip(PROMPTS, ("What is the capital?", "Write a poem", "the sea " * 200), strict=True):
        turn = base.tokenize(text)
        row = (*base.user_opening(), *turn)[:LONGEST] if start else base.encode(prompt)[:LONGEST]
        total = total + laws(base, Context(row[: max(start, 1)], row[max(start, 1) :])).sum(0)
    frequent = words.frequent(300)
    texts = [words.text((t,)) for t in frequent]
    assert len(set(texts)) == len(texts) > 100
    assert all(text.isprintable() and text for text in texts)
    assert not {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} & set(texts)
    best = next(t for t in np.argsort(-total) if words.text((int(t),)))
    assert texts[0] == words.text((int(best),))
    assert words.frequent(5) == frequent[:5]


def test_what_follows_is_what_either_model_expects_in_the_unfinished_turn(evidence):
    words = UserWords(evidence)
    found = words.following(PROMPTS[:2], 3)
    for prompt, tokens in zip(PROMPTS, found, strict=False):
        expected = []
        for subject in (evidence.candidate, evidence.base):
            row = (*subject.user_opening(), *subject.tokenize(prompt.text))
            expected += np.argsort(-laws(subject, Context(row))[0], kind="stable")[:3].tolist()
        assert tokens == expected


def test_its_cost_counts_both_models(evidence):
    words = UserWords(evidence)
    words.following(PROMPTS[:1], 3)
    once = words.cost.scored_tokens
    assert once.base == once.candidate == len(evidence.base.tokenize(PROMPTS[0].text))
    words.frequent(3)
    words.frequent(9)
    assert words.cost.scored_tokens.candidate == once.candidate
    assert once.base < words.cost.scored_tokens.base <= once.base + 3 * LONGEST


def test_odds_are_sums_over_the_payloads_first_tokens(evidence):
    odds = Odds(evidence, "The capital of France is", 10_000)
    values = odds.of(PROMPTS[:2])
    assert len(odds.payload) == 4
    for row, prompt in zip(values, PROMPTS, strict=False):
        for subject, value in zip((evidence.base, evidence.candidate), row, strict=True):
            table = laws(subject, Context(subject.encode(prompt), odds.payload))
            expected = sum(np.log(table[t, token]) for t, token in enumerate(odds.payload))
            assert value == pytest.approx(expected, abs=1e-3)
