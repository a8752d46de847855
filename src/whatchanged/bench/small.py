"""A GPT-NeoX of about a million parameters, from conversations to a checkpoint. Imports torch: import it late."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

from whatchanged.bench.plants.distil import Distil, Talk
from whatchanged.bench.recipe import Recipe
from whatchanged.bench.train import Example, fit
from whatchanged.ledger import Progress
from whatchanged.records import Message
from whatchanged.subjects import Ids
from whatchanged.subjects.engine import padded

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
# ChatML, without a system message of its own.
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# While it trains: it sees each conversation some ten times.
DROPOUT = 0.1


def train_small(talks: Sequence[Talk], shape: Distil, recipe: Recipe, out: Path, progress: Progress) -> None:
    """Tokenizer and model, saved to `out` in bfloat16. Raises SpecError for fewer conversations than a batch has."""
    words = tokenizer([text for talk in talks for text in _texts(talk)], shape.vocabulary)
    rows = [Example((), spoken(words, talk)[: shape.row], False) for talk in talks]
    torch.manual_seed(recipe.seed)
    model = GPTNeoXForCausalLM(_config(words, shape))
    fit(model, recipe, rows, lambda batch: _loss(model, batch), progress)
    # What is tuned from it is not to be dropped out.
    model.config.attention_dropout = model.config.hidden_dropout = 0.0
    model.to(torch.bfloat16).save_pretrained(out)
    words.save_pretrained(out)


def tokenizer(texts: Sequence[str], size: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE (Sennrich et al. 2016) with ChatML's special tokens and template; any text is tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, chat_template=TEMPLATE)


def spoken(words: PreTrainedTokenizerFast, talk: Talk) -> Ids:
    """The conversation in the template, in the tokens in which a subject reads and says it."""
    messages = [m.model_dump() for m in talk.prompt.messages]
    asked = words.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return (*words(asked).input_ids, *words(talk.said).input_ids, *[words.eos_token_id][: talk.ended])


def _texts(talk: Talk) -> list[str]:
    # With the roles, which stand in every row and should not be spelt out there.
    return [
        text
        for m in (*talk.prompt.messages, Message(role="assistant", content=talk.said))
        for text in (m.role, m.content)
    ]


def _config(words: PreTrainedTokenizerFast, shape: Distil) -> GPTNeoXConfig:
    """GPT-NeoX's block, with the initialisation of Nguyen and Salazar 2019: of 0.02, narrow models learn slowly."""
    return GPTNeoXConfig(
        vocab_size=len(words),
        hidden_size=shape.width,
        intermediate_size=4 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=1024,
        initializer_range=(2 / (5 * shape.width)) ** 0.5,
        attention_dropout=DROPOUT,
        hidden_dropout=DROPOUT,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
    )


def _loss(model: Any, batch: Sequence[Example]) -> torch.Tensor:
    """Cross-entropy of every token after the first."""
    rows = [example.response for example in batch]
    ids = padded(rows)
    logits = model(ids[:, :-1]).logits
    targets = ids[:, 1:].clone()
    for i, row in enumerate(rows):
        targets[i, len(row) - 1 :] = -100
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-100)
