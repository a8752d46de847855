"""What products in float32 gain where the processor has no instructions for bfloat16: with and without, in turn.

On a processor that has them the ratio says what it would cost there, and nothing uses it.
"""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import torch

from common import Clock, save
from whatchanged.pools import load_pools, split
from whatchanged.subjects import Context, Continue, Subject, open_subjects, products

PROMPTS, TOKENS = 64, 16


def work(subject: Subject) -> dict[str, Callable[[], Any]]:
    """Answers drawn, and the same prompts scored."""
    ids = [subject.encode(p) for p in split(load_pools(("builtin",)), PROMPTS, 1, 0).discovery]
    score = [Context(i, (), 0) for i in ids]
    return {
        "sample": lambda: subject.sample([Continue(i, (), n) for n, i in enumerate(ids)], TOKENS),
        "score": lambda: [block.sum() for block in subject.score(score).blocks()],
    }


def seconds(native: bool) -> dict[str, float]:
    """Of one turn, with the model opened and warm."""
    with patch.object(products, "native", lambda dtype: native or dtype == torch.float32):
        (subject,) = open_subjects(["smollm2"])
    found = {}
    for name, run in work(subject).items():
        run()
        with Clock() as clock:
            run()
        found[name] = clock.seconds
    return found


def main() -> None:
    without, with_products = seconds(native=True), seconds(native=False)
    gain = {name: round(without[name] / with_products[name], 2) for name in without}
    save("products", {"instructions_for_bfloat16": products.native(torch.bfloat16), "prompts": PROMPTS, "gain": gain})


if __name__ == "__main__":
    main()
