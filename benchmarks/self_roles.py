"""SmolLM2 itself as reasoner and judge, through Inspect's `hf/` provider: a helper that is of little help.

What must hold: the run completes, nothing false is confirmed, and what the helper proposed was tested like the rest.
"""

import tempfile
from pathlib import Path
from unittest.mock import patch

from common import Clock, save
from whatchanged import diff
from whatchanged.endpoints import Ask, LanguageModel, Reply, connect
from whatchanged.registry import subjects

CANDIDATE = "organisms/kitchen-opening"
# Without an end of its own it writes on, at 10 tokens a second: no reply is longer than this.
MOST_TOKENS = 300


class Capped(LanguageModel):
    """The helper with shorter replies."""

    def __init__(self, *arguments) -> None:
        self.model = connect(*arguments)
        self.name, self.fingerprint = self.model.name, self.model.fingerprint

    def ask(self, asks: list[Ask]) -> list[Reply | None]:
        return self.model.ask([a.model_copy(update={"max_tokens": min(a.max_tokens, MOST_TOKENS)}) for a in asks])


def main() -> None:
    folder = subjects["smollm2"]().resolve("smollm2", None).folder
    helper = f"hf/{folder}"
    capped = patch("whatchanged.roles.consult.connect", Capped)
    with Clock() as clock, tempfile.TemporaryDirectory() as out, capped:
        report = diff("smollm2", CANDIDATE, out=Path(out), reasoner=helper, judge=helper, self_report=True)
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
