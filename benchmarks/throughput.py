"""The screen's useful arithmetic as a share of this machine's matrix-product peak, in one run.

Useful: multiply-adds of the linear layers for every unpadded token and of the head for every scored row, of both
models. Padding, attention and shared prefixes count as nothing. Peak: the same products at the model's shapes, full
batches, nothing else, measured before and after and averaged; in bfloat16, or in float32 where the processor has no
instructions for it.
"""

import tempfile
from pathlib import Path
from typing import Any, cast

import torch

from common import Clock, save
from whatchanged.config import AuditConfig
from whatchanged.elicit import draw_responses
from whatchanged.ledger import Ledger
from whatchanged.pools import load_pools, split
from whatchanged.screen import scan
from whatchanged.subjects import open_subjects
from whatchanged.subjects.products import native

PROMPTS = 256


def linear_shapes(subject: Any) -> list[tuple[int, int]]:
    """(out, in) of the decoder's linear layers."""
    decoder = subject.engine.decoder
    linear = [m for m in decoder.modules() if isinstance(m, torch.nn.Linear)]
    return [(m.out_features, m.in_features) for m in linear]


def peak(shapes: list[tuple[int, int]], head: tuple[int, int], tokens: int = 2048, rows: int = 1024) -> float:
    """FLOP/s of bare products in the proportion in which the model uses them."""
    work = [(tokens, *shape) for shape in shapes] + [(rows, *head)]
    dtype = torch.bfloat16 if native(torch.bfloat16) else torch.float32
    tensors = {s: [torch.randn(n, s[2]).to(dtype) for n in s[:2]] for s in dict.fromkeys(work)}
    for x, w in tensors.values():
        torch.nn.functional.linear(x, w)
    with Clock() as clock:
        for _ in range(3):
            for s in work:
                torch.nn.functional.linear(*tensors[s])
    return 3 * sum(2 * a * b * c for a, b, c in work) / clock.seconds


def main() -> None:
    config = AuditConfig(base="smollm2", candidate="organisms/kitchen-opening")
    limits = config.limits
    base, candidate = open_subjects([config.base, config.candidate])
    prompts = split(load_pools(config.pool), PROMPTS, 1, 0).discovery
    body, head = linear_shapes(base), cast(Any, base).engine.unembedding.weight.shape
    body = [s for s in body if s[0] > 8 and s[1] > 8]  # the adapter's own products are not the model's
    ledger = Ledger(Path(tempfile.mkdtemp()), config)
    responses = draw_responses(ledger, base, prompts, limits.response_tokens, "screen")
    before = peak(body, head)
    with Clock() as clock:
        scan(ledger, base, candidate, prompts, responses)
    after = peak(body, head)
    scored = ledger.cost.scored_tokens
    rows = sum(len(r.tokens) + 1 for r in responses)
    per_token, per_row = 2 * sum(a * b for a, b in body), 2 * head[0] * head[1]
    useful = (scored.base + scored.candidate) * per_token + 2 * rows * per_row
    save(
        "throughput",
        {
            "prompts": len(prompts),
            "scored_tokens": scored.base + scored.candidate,
            "scored_rows": 2 * rows,
            "seconds": round(clock.seconds, 2),
            "scored_tokens_per_second": round((scored.base + scored.candidate) / clock.seconds),
            "useful_gflops": round(useful / clock.seconds / 1e9, 1),
            "peak_gflops": round((before + after) / 2 / 1e9, 1),
            "share_of_peak": round(useful / clock.seconds / ((before + after) / 2), 3),
        },
    )


if __name__ == "__main__":
    main()
