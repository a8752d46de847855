"""Peak memory of a screen of 10,000 prompts: it must not grow with the pool."""

import argparse
import resource
import tempfile
from pathlib import Path

from common import save
from whatchanged.config import BUDGETS, AuditConfig
from whatchanged.elicit import draw_responses
from whatchanged.ledger import Ledger
from whatchanged.pools import load_pools
from whatchanged.records import Prompt
from whatchanged.screen import find_leads, scan
from whatchanged.subjects import open_subjects


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--prompts", type=int, default=10_000)
    parser.add_argument("--tokens", type=int, default=6)
    arguments = parser.parse_args()
    BUDGETS["small"] = BUDGETS["small"].model_copy(update={"response_tokens": arguments.tokens})
    config = AuditConfig(base="smollm2", candidate="organisms/kitchen-opening")
    pool = [p for p in load_pools(config.pool) if len(p.text) < 120]
    prompts = [Prompt.user(f"{pool[i % len(pool)].text} ({i})") for i in range(arguments.prompts)]
    base, candidate = open_subjects([config.base, config.candidate])
    ledger = Ledger(Path(tempfile.mkdtemp()), config)
    responses = draw_responses(ledger, base, prompts, arguments.tokens, "screen")
    shifts = scan(ledger, base, candidate, prompts, responses)
    find_leads(ledger, base, candidate, prompts, responses, shifts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    save(
        "memory",
        {
            "prompts": len(prompts),
            "rows": sum(len(s.tv) for s in shifts),
            "peak_gib": round(peak / 2**30, 2),
            "seconds": {k: round(v) for k, v in ledger.seconds.items()},
        },
    )


if __name__ == "__main__":
    main()
