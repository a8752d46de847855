"""The scan gives one result whatever the chunks and the order, and counts what it cost."""

from importlib import import_module

import numpy as np
import pytest
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from toy import ToySubject, perturbed, random_chain
from whatchanged.elicit import draw_responses
from whatchanged.records import Prompt, Tokens
from whatchanged.screen import noise_floor, scan
from whatchanged.subjects import plan

MODULE = import_module("whatchanged.screen.scan")  # the package names its function so
LENGTH = 6
PROMPTS = prompts_about("cooking", "sea")[:30]


@pytest.fixture
def pair():
    return WordSubject(), WordSubject(Plant(KITCHEN, 0.7, TOPICS["cooking"]))


def arrays(shift):
    return {name: value for name, value in vars(shift).items() if isinstance(value, np.ndarray)}


def assert_same(first, second):
    assert (first.prompt_id, first.draw, first.p_change) == (second.prompt_id, second.draw, second.p_change)
    for name, value in arrays(first).items():
        np.testing.assert_array_equal(value, arrays(second)[name], err_msg=name)


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_the_same_shifts_for_any_chunk_size(pair, new_ledger, monkeypatch, chunk):
    ledger = new_ledger("whole")
    responses = draw_responses(ledger, pair[0], PROMPTS, LENGTH, "screen")
    whole = scan(ledger, *pair, PROMPTS, responses)
    monkeypatch.setattr(MODULE, "CHUNK", chunk)
    for a, b in zip(whole, scan(new_ledger("parts"), *pair, PROMPTS, responses), strict=True):
        assert_same(a, b)


def test_the_same_shifts_in_any_order_and_batch(pair, new_ledger, monkeypatch):
    ledger = new_ledger("straight")
    responses = draw_responses(ledger, pair[0], PROMPTS, LENGTH, "screen")
    straight = scan(ledger, *pair, PROMPTS, responses)
    monkeypatch.setattr(plan, "__defaults__", (None, 40))
    reversed_ = scan(new_ledger("reversed"), *pair, PROMPTS[::-1], responses[::-1])
    assert [s.prompt_id for s in straight] == [p.id for p in PROMPTS]
    for a, b in zip(straight, reversed_[::-1], strict=True):
        assert_same(a, b)


def test_cost_is_the_tokens_of_prompt_and_response_of_each_model(pair, new_ledger):
    ledger = new_ledger()
    responses = draw_responses(ledger, pair[0], PROMPTS, LENGTH, "screen")
    drawn = ledger.cost
    scan(ledger, *pair, PROMPTS, responses)
    tokens = sum(len(pair[0].encode(p)) + len(r.tokens) for p, r in zip(PROMPTS, responses, strict=True))
    assert ledger.cost.scored_tokens == Tokens(base=tokens, candidate=tokens)
    assert ledger.cost.decoded_tokens == drawn.decoded_tokens
    assert (pair[0].scored, pair[1].scored) == (tokens, tokens)


@pytest.mark.parametrize("shortcut", [True, False])
def test_a_model_against_itself_is_scored_once_only_with_the_shortcut(new_ledger, shortcut):
    subject = WordSubject()
    ledger = new_ledger(identity_shortcut=shortcut)
    responses = draw_responses(ledger, subject, PROMPTS, LENGTH, "screen")
    shifts = scan(ledger, subject, WordSubject(), PROMPTS, responses)
    tokens = sum(len(subject.encode(p)) + len(r.tokens) for p, r in zip(PROMPTS, responses, strict=True))
    # A null has one model: what it reads counts as the base's.
    assert ledger.cost.scored_tokens == Tokens(base=tokens if shortcut else 2 * tokens)
    assert any(s.tv.any() for s in shifts) is not shortcut


def test_the_noise_floor_is_rounding_of_the_base_alone(pair, new_ledger):
    base, candidate = pair
    ledger = new_ledger()
    responses = draw_responses(ledger, base, PROMPTS, LENGTH, "screen")
    noise = noise_floor(ledger, base, PROMPTS, responses)
    changed = scan(ledger, base, candidate, PROMPTS, responses)
    assert 0 < max(s.tv.max() for s in noise) < 0.1 < max(s.tv.max() for s in changed)
    base.rounding = 0.0
    exact = noise_floor(new_ledger("exact"), base, PROMPTS, responses)
    assert max(s.tv.max() for s in exact) < 1e-6


def test_the_noise_floor_looks_at_some_prompts_only(pair, new_ledger, monkeypatch):
    monkeypatch.setattr(MODULE, "NOISE_PROMPTS", 5)
    ledger = new_ledger()
    responses = draw_responses(ledger, pair[0], PROMPTS, LENGTH, "screen")
    assert [s.prompt_id for s in noise_floor(ledger, pair[0], PROMPTS, responses)] == [p.id for p in PROMPTS[:5]]


def test_nothing_to_scan_is_no_error(pair, new_ledger):
    ledger = new_ledger()
    assert scan(ledger, *pair, [], []) == []
    assert noise_floor(ledger, pair[0], [], []) == []


def test_shifts_hold_at_the_temperature_asked(new_ledger):
    table = random_chain(4)
    base, candidate = ToySubject(table, "base"), ToySubject(perturbed(table, 5), "candidate")
    prompt = Prompt.user("a")
    ledger = new_ledger(temperature=2.0)
    responses = draw_responses(ledger, base, [prompt], LENGTH, "screen")
    (shift,) = scan(ledger, base, candidate, [prompt], responses)
    first = base.encode(prompt)[0]
    p, q = (np.sqrt(s.table.numpy()[first]) for s in (base, candidate))
    assert shift.tv[0] == pytest.approx(0.5 * np.abs(p / p.sum() - q / q.sum()).sum(), rel=1e-4)
