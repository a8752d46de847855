"""What `score` gives is the model's own distribution, however the work is batched and shared."""

import warnings

import pytest
import torch
from scoring import by_hand, scored

from whatchanged.records import Message, Prompt
from whatchanged.subjects import Access, Context, open_subjects

PLAIN = [Prompt.user("What is the capital of France?"), Prompt.user("hi"), Prompt.user("Zwölf 🙂 \n\n  boxes")]
TURNS = Prompt(
    messages=(
        Message(role="user", content="Please write a poem"),
        Message(role="assistant", content="The sea, the sea"),
        Message(role="user", content="and explain it"),
    )
)
OWN_SYSTEM = Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="hi")))
RESPONSES = ["The capital of France is Paris.", "", "sea", "a short poem about " * 12, "Paris?\n"]


def contexts(subject, prompts, starts=(0, 1, 3)):
    """Ragged: every prompt with every response, scored from several positions on."""
    made = [
        Context(subject.encode(p), response, start)
        for p in prompts
        for response in map(subject.tokenize, RESPONSES)
        for start in starts
        if start <= len(response)
    ]
    assert len({c.length for c in made}) > 4
    return made


def assert_close(found, expected, tolerance=2e-4):
    assert found.dtype == torch.float32
    assert found.shape == expected.shape
    # Compared as log probabilities where they matter, so that no tiny tail decides.
    assert (found.exp() - expected.exp()).abs().max() < tolerance / 10
    assert (found - expected).abs().max() < tolerance


@pytest.mark.parametrize("prompts", [PLAIN, [TURNS], [OWN_SYSTEM], [*PLAIN, TURNS, OWN_SYSTEM]], ids=len)
@pytest.mark.parametrize(("temperature", "parts"), [(1.0, 1), (0.6, 2), (2.0, 7), (1.0, 1000)])
def test_equals_the_models_own_forward_pass(exact, prompts, temperature, parts):
    subject = exact["base"]
    asked = contexts(subject, prompts)
    rows = subject.score(asked, temperature, parts)
    found = torch.cat(list(rows.blocks()))
    assert rows.count == len(found) == sum(c.n_rows for c in asked)
    assert_close(found, by_hand(subject.engine.model, asked, temperature))
    assert (found.exp().sum(-1) - 1).abs().max() < 1e-5


class Older:
    """A decoder that knows its cache by the name that it had in Transformers before."""

    def __init__(self, decoder):
        self.decoder = decoder

    def forward(self, ids, past_key_values=None, use_cache=None):
        return self.decoder(ids, cache=past_key_values, use_cache=use_cache)

    __call__ = forward


def test_the_cache_goes_by_the_name_that_the_decoder_knows(folders, monkeypatch):
    (subject,) = open_subjects([f"{folders['base']}+dtype=float32"])
    asked = contexts(subject, PLAIN)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        now = scored(subject, asked)
    (again,) = open_subjects([f"{folders['base']}+dtype=float32"])
    monkeypatch.setattr(again.engine, "decoder", Older(again.engine.decoder))
    again.engine.__dict__.pop("_takes_cache", None)
    assert torch.equal(scored(again, asked), now)


@pytest.mark.parametrize("name", ["neox", "gpt2"])
def test_equals_it_without_a_chat_template(exact, name):
    subject = exact[name]
    asked = contexts(subject, [*PLAIN, TURNS])
    assert subject.common_prefix([c.prompt for c in asked]) == 0
    assert_close(scored(subject, asked, 0.8, 2), by_hand(subject.engine.model, asked, 0.8))


def test_blocks_pick_and_at_agree_over_block_borders(exact):
    subject = exact["base"]
    asked = contexts(subject, PLAIN, starts=(0,))
    rows = subject.score(asked, 0.7)
    blocks = list(rows.blocks())
    table = torch.cat(blocks)
    assert rows.count > 128  # more than one product with the head
    assert max(map(len, blocks)) <= 16
    chosen = [rows.count - 1, 0, 130, 15, 16, 0]
    assert_close(rows.pick(chosen), table[chosen], 1e-5)
    tokens = torch.arange(rows.count) * 7 % table.shape[1]
    assert rows.at(tokens.tolist()) == pytest.approx(table[range(rows.count), tokens].tolist(), abs=1e-5)


def test_order_of_contexts_is_the_order_of_rows(exact):
    subject = exact["base"]
    asked = contexts(subject, [*PLAIN, OWN_SYSTEM])
    forth, back = scored(subject, asked), scored(subject, asked[::-1])
    starts = [0]
    for c in asked:
        starts.append(starts[-1] + c.n_rows)
    reversed_rows = [r for i in reversed(range(len(asked))) for r in range(starts[i], starts[i + 1])]
    assert_close(back, forth[reversed_rows], 1e-4)


def test_shared_prefix_is_computed_once(exact):
    """The decoder reads the template's opening in one call of one row, and never again."""
    subject = exact["base"]
    subject.engine._prefixes.clear()
    asked = contexts(subject, PLAIN, starts=(0,))
    shared = subject.common_prefix([c.prompt for c in asked])
    read = []
    hook = subject.engine.decoder.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0].shape))
    subject.score(asked)
    subject.score(asked)
    hook.remove()
    longest = max(c.length for c in asked) - shared
    assert shared > 20
    assert read == [(1, shared), (len(asked), longest), (len(asked), longest)]
    assert subject.scored_tokens(asked) == sum(c.length - shared for c in asked)


def test_one_context_of_another_kind_unshares_the_batch_only(exact):
    subject = exact["base"]
    common, own = subject.encode(PLAIN[0]), subject.encode(OWN_SYSTEM)
    assert subject.common_prefix([common]) == len(subject.user_opening())
    assert subject.common_prefix([common, own]) == 0
    assert subject.common_prefix([subject.user_opening()]) == 0  # nothing would be left to read
    asked = [Context(common), Context(own)]
    assert subject.scored_tokens(asked) == len(common) - len(subject.user_opening()) + len(own)


def test_out_of_memory_goes_through_in_halves(exact, monkeypatch):
    subject = exact["base"]
    asked = contexts(subject, PLAIN)
    whole, hidden, sizes = scored(subject, asked), subject.engine.hidden, []

    def small(some, prefix):
        sizes.append(len(some))
        if len(some) > 5:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return hidden(some, prefix)

    monkeypatch.setattr(subject.engine, "hidden", small)
    assert_close(scored(subject, asked), whole, 1e-4)
    assert max(sizes) == len(asked)
    monkeypatch.setattr(subject.engine, "hidden", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        subject.score(asked)


def test_bfloat16_is_the_default_and_near_the_exact_one(exact, folders):
    (subject,) = open_subjects([str(folders["base"])])
    assert subject.engine.model.dtype == torch.bfloat16
    asked = contexts(subject, PLAIN)
    gap = scored(subject, asked).exp() - scored(exact["base"], asked).exp()
    tv = gap.abs().sum(-1) / 2
    assert 0 < tv.mean() < 0.05


def test_prompts_read_as_the_template_writes_them(exact):
    subject = exact["base"]
    text = subject.rendered.tokenizer.decode
    default = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM<|im_end|>\n"
    assert text(subject.encode(PLAIN[1])) == (f"{default}<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    assert text(subject.user_opening()) == f"{default}<|im_start|>user\n"
    assert text(subject.encode(OWN_SYSTEM)).startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi")
    assert text(subject.encode(TURNS)) == (
        f"{default}<|im_start|>user\nPlease write a poem<|im_end|>\n<|im_start|>assistant\nThe sea, the sea<|im_end|>\n"
        "<|im_start|>user\nand explain it<|im_end|>\n<|im_start|>assistant\n"
    )


def test_without_a_template_prompts_are_plain_text(exact):
    subject = exact["neox"]
    assert subject.detokenize(subject.encode(TURNS)) == "Please write a poem\nThe sea, the sea\nand explain it"
    assert subject.user_opening() == ()
    assert subject.encode(Prompt.user("")) == (0,)  # a model must read something


def test_response_text_survives_tokens(exact):
    subject = exact["base"]
    for text in [*RESPONSES, "Zwölf 🙂\r\n\t "]:
        assert subject.detokenize(subject.tokenize(text)) == text
    assert subject.detokenize((*subject.tokenize("Paris"), *subject.end_ids)) == "Paris"
    assert subject.end_ids == {subject.rendered.tokenizer.eos_token_id}
    assert subject.access is Access.weights
