"""How the cost grows: with the model, with the number of prompts, and with the size of the change.

Models are random Llamas with SmolLM2's tokenizer against themselves with noise; prompts and changes are SmolLM2's own.
"""

import tempfile
from pathlib import Path
from typing import Any

import torch

from common import Clock, save
from whatchanged.config import AuditConfig
from whatchanged.elicit import coupled_pairs, draw_responses
from whatchanged.ledger import Ledger
from whatchanged.pools import load_pools, split
from whatchanged.screen import scan
from whatchanged.subjects import open_subjects

WIDTHS = (192, 384, 576, 960)
PROMPTS = (64, 128, 256, 512)
NOISES = ("0.001", "0.003", "0.01", "0.03", "0.1")
SCREENED = 64
PAIRED = 96


def main() -> None:
    result: dict[str, list[dict[str, Any]]] = {}
    for name, study in (("model", by_model), ("change", by_change), ("prompts", by_prompts)):
        result[name] = study()
        save("growth", result)


def by_model() -> list[dict[str, Any]]:
    """The screen of 64 prompts by models of 12 layers."""
    rows = []
    for width in WIDTHS:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(screened(str(llama(Path(folder), width)), "+noise=0.01", SCREENED))
    return rows


def by_prompts() -> list[dict[str, Any]]:
    """The screen of ever more prompts by SmolLM2."""
    return [screened("smollm2", "+noise=0.01", count) for count in PROMPTS]


def screened(base_spec: str, change: str, count: int) -> dict[str, Any]:
    """Seconds of the scan, both models; base responses are drawn before."""
    base, candidate, ledger, prompts, responses = opened(base_spec, change, count)
    with Clock() as clock:
        scan(ledger, base, candidate, prompts, responses)
    scored = ledger.cost.scored_tokens
    return {
        "parameters": sum(p.numel() for p in base.engine.model.parameters()),
        "prompts": count,
        "scored_tokens": scored.base + scored.candidate,
        "seconds": round(clock.seconds, 2),
    }


def by_change() -> list[dict[str, Any]]:
    """What coupled pairs decode, as a share of what independent ones would, at ever larger noise in the weights."""
    rows = []
    for noise in NOISES:
        base, candidate, ledger, prompts, responses = opened("smollm2", f"+noise={noise}", PAIRED)
        shifts = scan(ledger, base, candidate, prompts, responses)
        before = ledger.cost.decoded_tokens
        pairs = coupled_pairs(ledger, base, candidate, prompts, responses, "elicit")
        spent = ledger.cost.decoded_tokens
        whole = sum(len(pair.candidate.tokens) for pair in pairs)
        rows.append(
            {
                "noise": float(noise),
                "mean_tv": round(sum(float(s.tv.mean()) for s in shifts) / len(shifts), 4),
                "p_change": round(sum(s.p_change for s in shifts) / len(shifts), 3),
                "differing_pairs": round(sum(p.base.text != p.candidate.text for p in pairs) / len(pairs), 3),
                "decoded_share": round((spent.candidate - before.candidate) / whole, 3),
            }
        )
    return rows


def opened(base_spec: str, change: str, count: int) -> tuple[Any, ...]:
    """Both models, a ledger, prompts and the base's responses to them."""
    config = AuditConfig(base=base_spec, candidate=base_spec + change)
    base, candidate = open_subjects([config.base, config.candidate])
    prompts = split(load_pools(config.pool), count, 1, 0).discovery
    ledger = Ledger(Path(tempfile.mkdtemp()), config)
    responses = draw_responses(ledger, base, prompts, config.limits.response_tokens, "screen")
    return base, candidate, ledger, prompts, responses


def llama(folder: Path, width: int) -> Path:
    """A random Llama of 12 layers with SmolLM2's tokenizer."""
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from whatchanged.registry import subjects

    words = AutoTokenizer.from_pretrained(subjects["smollm2"]().resolve("smollm2", None).folder)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words), hidden_size=width, intermediate_size=8 * width // 3, num_hidden_layers=12,
            num_attention_heads=width // 64, num_key_value_heads=width // 64, tie_word_embeddings=True,
            bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id,
        )
    )  # fmt: skip
    model.bfloat16().save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
