"""1,000 campaigns in which nothing is past its margin, through the whole confirm stage: how many confirm anything?

No model: the tests' instruments give differences of known laws. All hypotheses lie exactly at their margin, as skewed
as a margin allows, so every confirmed finding is a false discovery, and under each rule at most alpha of the campaigns
may have one. Each campaign has two rounds, of which the second proposes again what did best in the first. Intervals are
made as in an audit; how often one misses the truth is counted over all of them.
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from common import Clock, save
from whatchanged.config import AuditConfig
from whatchanged.confirm import Later, confirm
from whatchanged.ledger import Ledger
from whatchanged.pools import hold_back
from whatchanged.stats import clopper_pearson_upper

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from law import LawInstruments, best_again, beta, hypothesis, two_point
from words import prompts_about

ALPHA, MARGIN = 0.05, 0.05
LAWS = [
    two_point(MARGIN), two_point(MARGIN, -1.0, 1.0), beta(MARGIN, 2), beta(MARGIN, 20), two_point(MARGIN, -0.1, 1.0),
]  # fmt: skip
# Of both paces: measured by forward passes, and by sampled answers.
HYPOTHESES = [hypothesis(i, scored=i < len(LAWS)) for i in range(2 * len(LAWS))]
RULES = ("e-bh", "e-lond", "saffron", "addis")


def study(rule: str, campaigns: int) -> dict[str, Any]:
    prompts, held = hold_back(prompts_about(), 0)
    later = Later(partial(best_again, HYPOTHESES), 8, held)
    with tempfile.TemporaryDirectory() as folder, Clock() as clock:
        ledger = Ledger(Path(folder), AuditConfig(base="base", candidate="candidate", fdr=rule, alpha=ALPHA))
        found = [
            confirm(ledger, LawInstruments(LAWS * 2, seed), HYPOTHESES, prompts, later) for seed in range(campaigns)
        ]
    false = sum(any(f.status == "confirmed" for f in campaign) for campaign in found)
    every = [f for campaign in found for f in campaign]
    missed = sum(not f.ci_low <= MARGIN <= f.ci_high for f in every)
    return {
        "campaigns": campaigns,
        "with_a_false_discovery": false,
        "realised_fdr": false / campaigns,
        "realised_fdr_upper_95": clopper_pearson_upper(false, campaigns, 0.05),
        "nominal_fdr": ALPHA,
        "intervals": len(every),
        "intervals_that_miss": missed,
        "least_confidence": min(f.confidence for f in every),
        "prompts_a_hypothesis": sum(f.n_prompts for f in every) / len(every),
        "seconds": round(clock.seconds, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--campaigns", type=int, default=1000)
    campaigns = parser.parse_args().campaigns
    save("null_campaigns", {"hypotheses": len(HYPOTHESES), "rules": {rule: study(rule, campaigns) for rule in RULES}})


if __name__ == "__main__":
    main()
