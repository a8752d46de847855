"""SmolLM2 itself as reasoner and judge, through Inspect's `hf/` provider: a helper that is of little help.

What must hold: the run completes, nothing false is confirmed, and what the helper proposed was tested like the rest.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common import Clock, save
from whatchanged import diff
from whatchanged.endpoints import Ask, LanguageModel, Reply, connect
from whatchanged.registry import subjects
from whatchanged.roles.text import load_prompt

CANDIDATE = "organisms/kitchen-opening"
RUBRIC = "The answer gives a recipe."
# Without an end of its own it writes on, at 10 tokens a second: no reply is longer than this, no verdict than that.
MOST_TOKENS, VERDICT = 300, 48


class Capped(LanguageModel):
    """The helper with shorter replies."""

    def __init__(self, *arguments: Any) -> None:
        self.model = connect(*arguments)
        self.name, self.fingerprint = self.model.name, self.model.fingerprint

    def ask(self, asks: Sequence[Ask]) -> list[Reply | None]:
        judge = load_prompt("judge").max_tokens
        caps = [VERDICT if a.max_tokens == judge else MOST_TOKENS for a in asks]
        return self.model.ask([a.model_copy(update={"max_tokens": cap}) for a, cap in zip(asks, caps, strict=True)])


def main() -> None:
    folder = subjects["smollm2"]().resolve("smollm2", None).folder
    helper = f"hf/{folder}"
    capped = patch("whatchanged.roles.consult.connect", Capped)
    with Clock() as clock, tempfile.TemporaryDirectory() as out, capped:
        report = diff(
            "smollm2", CANDIDATE, out=Path(out), reasoner=helper, judge=helper, rubric=(RUBRIC,), self_report=True
        )
    save(
        "self_roles",
        {
            "candidate": CANDIDATE,
            "summary": report.summary,
            "roles": [{"role": use.role, "did": use.did} for use in report.roles],
            "findings": [
                {"id": f.id, "sentence": f.sentence, "status": f.status, "effect": f.effect} for f in report.findings
            ],
            "calls": report.cost.calls,
            "judge_calls": report.cost.judge_calls,
            "seconds": round(clock.seconds),
        },
    )


if __name__ == "__main__":
    main()
