"""Draws come from the distribution that is scored, and depend on their key alone."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import tiny
import torch
from scipy.stats import chisquare
from scoring import by_hand, scored

from whatchanged.records import Message, Prompt
from whatchanged.subjects import Context, Continue, Drawn, open_subjects, stream_key
from whatchanged.subjects.decode import draw

WORDS = ["What", "is", "the", "capital", "of", "France?", "Please", "write", "a", "short", "poem", "about", "the sea"]
LENGTH = 10
DRAWS = 3000
# Ids that end a response in the folder `ends`: a fifth of the vocabulary, so that responses do end.
ENDS = list(range(60, 120))


def crowd(subject, count=70):
    """Prompts of many lengths, some with a system message of their own, some with a response begun."""
    made = []
    for i in range(count):
        messages = [Message(role="user", content=" ".join(WORDS[: 1 + i % len(WORDS)]))]
        if i % 7 == 3:
            messages.insert(0, Message(role="system", content="Be brief."))
        prefix = subject.tokenize(WORDS[i % 5])[: i % 4]
        made.append(Continue(subject.encode(Prompt(messages=tuple(messages))), prefix, stream_key("crowd", i)))
    return made


@pytest.fixture(scope="module")
def ends(folders, tmp_path_factory):
    """The base again, with other sampling defaults: greedy, and ended by any of ENDS."""
    folder = tiny.copied(folders["base"], tmp_path_factory.mktemp("ends") / "model")
    defaults = {"do_sample": True, "top_k": 1, "top_p": 0.01, "temperature": 0.01, "repetition_penalty": 9.0}
    (folder / "generation_config.json").write_text(json.dumps(defaults | {"eos_token_id": ENDS}))
    return open_subjects([f"{folder}+dtype=float32"])[0]


@pytest.mark.parametrize("name", ["base", "a", "neox"])
def test_draw_is_the_same_alone_and_among_seventy(exact, name):
    subject = exact[name]
    requests = crowd(subject)
    together = subject.sample(requests, LENGTH)
    assert len(set(together)) > 60
    for i in (0, 3, 10, 38, 69):
        assert subject.sample([requests[i]], LENGTH) == [together[i]]
    assert subject.sample(requests[::-1], LENGTH) == together[::-1]


def test_length_counts_the_prefix(exact):
    subject = exact["base"]
    requests = crowd(subject)
    for request, drawn in zip(requests, subject.sample(requests, 3), strict=True):
        assert len(request.prefix) + len(drawn.tokens) == 3 or drawn.end is not None
        assert len(request.prefix) + len(drawn.tokens) <= 3
    full = Continue(requests[0].prompt, (5, 6, 7), 1)
    assert subject.sample([full, full], 3) == [Drawn((), None)] * 2
    assert subject.sample([full, requests[0]], 3) == [Drawn((), None), *subject.sample([requests[0]], 3)]
    assert subject.sample([], 3) == []


def test_a_request_may_ask_for_fewer(exact):
    """The first tokens of what it would be given otherwise, and its neighbours what they are given otherwise."""
    subject = exact["base"]
    whole = crowd(subject)
    drawn = subject.sample(whole, LENGTH)
    few = [replace(r, most=2) if i % 2 else r for i, r in enumerate(whole)]
    for i, (before, now) in enumerate(zip(drawn, subject.sample(few, LENGTH), strict=True)):
        cut = i % 2 and len(before.tokens) >= 2
        assert now == (Drawn(before.tokens[:2], None) if cut else before)
    assert subject.sample([replace(whole[0], most=0)], LENGTH) == [Drawn((), None)]
    assert subject.sample([replace(whole[0], most=99)], LENGTH) == drawn[:1]


def test_a_prefix_continues_the_same_distribution(exact):
    """The tokens drawn after a prefix follow the law given prompt and prefix."""
    subject, prompt = exact["base"], exact["base"].encode(Prompt.user("the sea"))
    prefix = subject.tokenize("Paris")
    found = draws(subject, Continue(prompt, prefix, 0), 1.0, len(prefix) + 1)
    assert_law(found, scored(subject, [Context(prompt, prefix, len(prefix))])[0].exp())


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_first_tokens_follow_the_scored_law(exact, temperature):
    subject, prompt = exact["a"], exact["a"].encode(Prompt.user("the sea"))
    law = scored(subject, [Context(prompt)], temperature)[0].exp()
    assert_law(draws(subject, Continue(prompt, (), 0), temperature, 1), law)


def draws(subject, request, temperature, length):
    requests = [Continue(request.prompt, request.prefix, stream_key("law", i)) for i in range(DRAWS)]
    return [d.tokens[0] if d.tokens else d.end for d in subject.sample(requests, length, temperature)]


def assert_law(found, law):
    """Chi-square of the tokens expected five times or more; the others together are one cell."""
    counts = Counter(found)
    common = [t for t in range(len(law)) if law[t] * DRAWS >= 5]
    observed = [counts[t] for t in common]
    expected = [float(law[t]) * DRAWS for t in common]
    assert len(common) > 20
    observed.append(DRAWS - sum(observed))
    expected.append(DRAWS - sum(expected))
    assert chisquare(observed, expected, sum_check=False).pvalue > 1e-3
    # The test has teeth: the law turned by one token is refused.
    assert (
        chisquare(observed[1:-1], [e * sum(observed[1:-1]) / sum(expected[:-2]) for e in expected[:-2]]).pvalue < 1e-6
    )


@pytest.mark.parametrize("name", ["base", "b"])
def test_near_zero_temperature_is_greedy(exact, name):
    subject = exact[name]
    requests = crowd(subject, 12)
    drawn = subject.sample(requests, 6, temperature=1e-4)
    for request, one in zip(requests, drawn, strict=True):
        said = (*request.prefix, *one.tokens) if one.end is None else (*request.prefix, *one.tokens, one.end)
        best = scored(subject, [Context(request.prompt, said, len(request.prefix))]).argmax(-1)[:-1]
        assert said[len(request.prefix) :] == tuple(best.tolist())


def test_sampling_defaults_of_the_checkpoint_have_no_effect(exact, ends):
    """Same draws as the base's, but cut at the first token that ends a response here."""
    assert ends.engine.model.generation_config.top_k == 1
    assert ends.end_ids == {*ENDS, ends.rendered.tokenizer.eos_token_id}
    requests = crowd(ends)
    seen = 0
    for free, cut in zip(exact["base"].sample(requests, LENGTH), ends.sample(requests, LENGTH), strict=True):
        stop = next((i for i, token in enumerate(free.tokens) if token in ends.end_ids), None)
        if stop is None:
            assert cut == free
        else:
            assert cut == Drawn(free.tokens[:stop], free.tokens[stop])
            seen += 1
    assert seen > 30


def test_ended_rows_leave_the_batch(ends):
    requests = [Continue(ends.encode(Prompt.user("hi")), (), stream_key("leave", i)) for i in range(40)]
    sizes = []
    hook = ends.engine.decoder.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    drawn = ends.sample(requests, LENGTH)
    hook.remove()
    steps = [len(d.tokens) + (d.end is not None) for d in drawn]
    assert sizes[-max(steps) :] == [sum(s > t for s in steps) for t in range(max(steps))]
    assert sizes[-1] < 20
    assert ends.end_ids.isdisjoint(t for d in drawn for t in d.tokens)


def test_out_of_memory_goes_through_in_halves(exact, monkeypatch):
    from whatchanged.subjects import transformers

    subject = exact["base"]
    requests, decode = crowd(subject, 20), transformers.decode
    whole = subject.sample(requests, 4)

    def small(engine, some, *rest):
        if len(some) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return decode(engine, some, *rest)

    monkeypatch.setattr(transformers, "decode", small)
    assert subject.sample(requests, 4) == whole


def test_draw_inverts_the_cumulative_distribution():
    p = torch.tensor([0.0, 0.25, 0.0, 0.5, 0.25, 0.0])
    uniforms = [0.0, 0.2499, 0.2501, 0.7499, 0.7501, 1 - 2**-53]
    logits = p.log().repeat(len(uniforms), 1)
    assert draw(logits, uniforms).tolist() == [1, 1, 3, 3, 4, 4]
    # Rare tokens keep their share among many: a float32 running sum would lose them.
    many = torch.zeros(1, 50_000)
    assert draw(many, [0.999985]).item() == 49_999


def check_stepper(subject, stepper, rows):
    assert (stepper.log_probs() - scored(subject, rows)).abs().max() < 2e-4


PLAIN = [Prompt.user("the sea"), Prompt.user("What is the capital of France?"), Prompt.user("hi")]
OWN = Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="hi")))
MOVES = [([0, 0, 2, 1], [9, 40, 77, 9]), ([3, 3, 3], [5, 6, 7]), ([2, 0, 1, 0, 2], [88, 1, 30, 30, 200]), ([4], [17])]


@pytest.mark.parametrize(("name", "prompts"), [("base", PLAIN), ("a", [*PLAIN, OWN]), ("neox", PLAIN)])
def test_stepper_follows_repeated_and_dropped_parents(exact, name, prompts):
    subject = exact[name]
    rows = [Context(subject.encode(p)) for p in prompts]
    stepper = subject.stepper([c.prompt for c in rows])
    check_stepper(subject, stepper, rows)
    for parents, tokens in MOVES:
        stepper.advance(parents, tokens)
        said = [(*rows[parent].response, token) for parent, token in zip(parents, tokens, strict=True)]
        rows = [Context(rows[p].prompt, r, len(r)) for p, r in zip(parents, said, strict=True)]
        check_stepper(subject, stepper, rows)


def test_steppers_of_one_engine_do_not_disturb_each_other(exact, reference, folders):
    """As in log-ratio decoding: base and adapter in turn, scoring in between."""
    rows = [Context(exact["base"].encode(p)) for p in PLAIN]
    sides = {name: exact[name].stepper([c.prompt for c in rows]) for name in ("base", "a")}
    for step in range(3):
        for name, stepper in sides.items():
            expected = by_hand(reference(folders[name]), [Context(c.prompt, c.response, step) for c in rows])
            assert (stepper.log_probs() - expected).abs().max() < 2e-4
            exact["b"].score(rows)
        for stepper in sides.values():
            stepper.advance(range(3), [7, 8, 9])
        rows = [Context(c.prompt, (*c.response, t)) for c, t in zip(rows, [7, 8, 9], strict=True)]
