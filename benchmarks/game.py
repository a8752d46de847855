"""The game on a model with two unrelated changes: once with all findings, once with one change withheld from them.

The audit runs at `standard` in `--out`. Then its screen, search and pairs are taken again, and every hypothesis whose
sentence matches `--withhold` is struck out before the first round of tests: what red finds against the rest, and what
the second round makes of it, is the game's work alone.
"""

import argparse
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common import save
from whatchanged import audit, diff
from whatchanged.describe import Discovery, propose
from whatchanged.ledger import Ledger
from whatchanged.records import Hypothesis
from whatchanged.report import Report

# What is made again once a hypothesis is withheld.
LATER = ("describe", "confirm", "game", "explain")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("candidate", nargs="?", default="organisms/kitchen-and-garden")
    parser.add_argument("--base", default="smollm2")
    parser.add_argument("--budget", default="standard")
    parser.add_argument("--withhold", default="garden|plant|sorry|refuse", help="a regular expression")
    parser.add_argument("--out", type=Path, required=True, help="of the audit with all findings; may be there already")
    asked = parser.parse_args()
    whole = diff(asked.base, asked.candidate, budget=asked.budget, out=asked.out)
    again = asked.out.with_name(asked.out.name + "-withheld")
    shutil.rmtree(again, ignore_errors=True)
    taken_again(asked.out, again)
    struck: list[str] = []

    def without(ledger: Ledger, seen: Discovery, stage: str = "describe") -> list[Hypothesis]:
        kept = propose(ledger, seen, stage)
        struck.extend(h.sentence for h in kept if re.search(asked.withhold, h.sentence, re.IGNORECASE))
        return [h for h in kept if h.sentence not in struck]

    with patch.object(audit, "propose", without):
        rest = diff(asked.base, asked.candidate, budget=asked.budget, out=again)
    save(
        f"game-{Path(asked.candidate).name}",
        {
            "candidate": asked.candidate,
            "budget": asked.budget,
            "withheld": struck,
            "whole": told(whole),
            "without": told(rest),
        },
    )


def taken_again(run: Path, to: Path) -> None:
    """A copy of the run up to its hypotheses."""
    shutil.copytree(run, to, ignore=shutil.ignore_patterns("report.*", "junit.xml", *LATER))


def told(report: Report) -> dict[str, Any]:
    """The game's rounds, and what was confirmed, by whose claim."""
    game = report.game
    assert game is not None, "the budget has no game"
    return {
        "value": game.value,
        "ended": game.ended,
        "foreseen": [r.foreseen for r in game.rounds],
        "earned": [r.earned for r in game.rounds],
        "findings_per_round": [r.findings for r in game.rounds],
        "claimed_by_red": list(game.proposed),
        "findings": sentences(report, game.proposed),
    }


def sentences(report: Report, proposed: Sequence[str]) -> list[dict[str, Any]]:
    """Each claim that was tested: its verdict, effect and interval, and whether red made it."""
    return [
        {
            "id": f.id,
            "by_red": f.id in proposed,
            "status": f.status,
            "effect": [f.effect, f.ci_low, f.ci_high],
            "prompts": f.n_prompts,
            "sentence": f.sentence,
        }
        for f in report.findings
    ]


if __name__ == "__main__":
    main()
