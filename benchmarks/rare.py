"""A behaviour at 1 in 1,000, a hundred times: how often the interval holds the truth, and what counting would cost.

On the tests' word models, whose rates are known exactly. Brute force is not only computed: for each kind it is run
once, with as many answers as the narrowest interval calls for, and its exact interval is compared.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import Clock, save
from whatchanged.config import AuditConfig
from whatchanged.elicit import RareSide, rare_rate
from whatchanged.elicit.weighed import LADDER, PLAIN
from whatchanged.ledger import Ledger
from whatchanged.predicates import Predicate, load
from whatchanged.records import PredicateSpec
from whatchanged.stats import clopper_pearson_upper
from whatchanged.subjects import Continue

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from quick import QuickWords, opening_rate, opens_with_rate, phrase_rate
from words import KITCHEN, SAILOR, Plant, prompts_about

ALPHA, BLOCK = 0.05, 2000
PROMPTS = prompts_about("cooking")
LIMIT = AuditConfig(base="base", candidate="candidate").limits.response_tokens


def phrase(kind: str, text: str) -> Predicate:
    return load(PredicateSpec(family="phrase", args={"kind": kind, "phrases": [text]}))


def studies() -> dict[str, tuple[QuickWords, Predicate, float, int]]:
    """Candidate, predicate, the true rate, and answers a replication."""
    opening = opens_with_rate(KITCHEN, 1e-3)
    busy = QuickWords(Plant(KITCHEN, 3e-3, after="you"), Plant(SAILOR, 0.3, after="then"))
    said = "From my kitchen"
    return {
        "opening": (opening, phrase("opens_with", KITCHEN), opening_rate(opening, KITCHEN), 80_000),
        "opening, few answers": (opening, phrase("opens_with", KITCHEN), opening_rate(opening, KITCHEN), 4096),
        "a tenth or more out of reach": (busy, phrase("contains", said), phrase_rate(busy, said, LIMIT), 8192),
    }


def replicate(candidate: QuickWords, predicate: Predicate, count: int, seed: int) -> RareSide:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder), AuditConfig(base="base", candidate="candidate", seed=seed, alpha=ALPHA))
        return rare_rate(ledger, QuickWords(), candidate, PROMPTS, predicate, count).candidate


def study(name: str, replications: int) -> dict[str, Any]:
    candidate, predicate, truth, count = studies()[name]
    with Clock() as clock:
        sides = [replicate(candidate, predicate, count, seed) for seed in range(replications)]
    ratios = [s.brute_force_tokens / s.decoded_tokens for s in sides]
    widths = [s.high - s.low for s in sides]
    return {
        "truth": truth,
        "answers": count,
        "replications": replications,
        "covered": sum(s.low <= truth <= s.high for s in sides),
        "width_over_truth": spread(np.array(widths) / truth),
        "standard_error_over_truth": spread([s.standard_error / truth for s in sides]),
        "mean_rate_over_truth": float(np.mean([s.rate for s in sides]) / truth),
        "decoded_tokens": spread([s.decoded_tokens for s in sides]),
        "fewer_tokens_than_brute_force": spread(ratios),
        "at_least_20_times": sum(r >= 20 for r in ratios),
        "brute_force": brute_force(candidate, predicate, sides[int(np.argmin(widths))]),
        "seconds": round(clock.seconds),
    }


def brute_force(candidate: QuickWords, predicate: Predicate, side: RareSide) -> dict[str, Any]:
    """Plain answers until as many tokens are decoded as counting would take, by our count, to be as narrow."""
    start, k, n = candidate.sampled, 0, 0
    while candidate.sampled - start < side.brute_force_tokens:
        drawn = candidate.sample([Continue((), (), n)] * BLOCK, LIMIT)
        n += BLOCK
        k += sum(predicate.score(candidate.detokenize(d.tokens), PROMPTS[0]) == 1.0 for d in drawn)
    high = clopper_pearson_upper(k, n, ALPHA / 2)
    low = 1 - clopper_pearson_upper(n - k, n, ALPHA / 2)
    return {
        "answers": n, "seen": k, "decoded_tokens": candidate.sampled - start, "low": low, "high": high,
        "width_over_importance_sampling": (high - low) / (side.high - side.low),
    }  # fmt: skip


def spread(values: Any) -> dict[str, float]:
    return {"least": float(np.min(values)), "median": float(np.median(values)), "most": float(np.max(values))}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--replications", type=int, default=100)
    asked = parser.parse_args()
    found = {name: study(name, asked.replications) for name in studies()}
    save("rare", {"alpha": ALPHA, "plain": PLAIN, "ladder": LADDER, "studies": found})


if __name__ == "__main__":
    main()
