"""Tensor names: which layer, which module."""

import re

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
