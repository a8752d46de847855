"""Tensor names: which layer, which module."""

import re
from collections.abc import Iterable

_LAYER = re.compile(r"(?:^|\.)(?:layers|blk|h|blocks|block)\.(\d+)\.")
_EMBEDDING = re.compile(r"embed_tokens|embed_in\b|token_embd|\bwte\b|word_embeddings|tok_embeddings")
_HEAD = re.compile(r"^(?:lm_head|output|embed_out)\.")


def layer_of(name: str) -> int | None:
    """The decoder layer's number; None outside the layers."""
    match = _LAYER.search(name)
    return int(match[1]) if match else None


def module_of(name: str) -> str:
    """The name without its layer and without .weight or .bias: 'self_attn.q_proj'."""
    match = _LAYER.search(name)
    inner = name[match.end() :] if match else name
    return re.sub(r"\.(?:weight|bias)$", "", inner)


def is_embedding(name: str) -> bool:
    """Whether it is the token embedding or the unembedding."""
    return bool(_EMBEDDING.search(name) or _HEAD.search(name))


def is_head(name: str) -> bool:
    """Whether it belongs to the unembedding."""
    return bool(_HEAD.match(name))


def same_head(name: str, among: Iterable[str]) -> str | None:
    """The name among others of this tensor of the head: Transformers calls GPT-NeoX's embed_out in files, else lm_head.

    None where it is no part of a head, or there is none.
    """
    leaf = name.rpartition(".")[2]
    return next((n for n in among if is_head(name) and is_head(n) and n.rpartition(".")[2] == leaf), None)
