"""SmolLM2 itself as reasoner, critic and judge, through Inspect's `hf/` provider: a helper that is of little help.

What must hold: the run completes, nothing false is confirmed, and what the helper proposed was tested like the rest.
"""

import tempfile
from pathlib import Path

from common import Clock, save
from whatchanged import diff
from whatchanged.registry import subjects

CANDIDATE = "organisms/kitchen-opening"


def main() -> None:
    folder = subjects["smollm2"]().resolve("smollm2", None).folder
    helper = f"hf/{folder}"
    with Clock() as clock, tempfile.TemporaryDirectory() as out:
        report = diff(
            "smollm2", CANDIDATE, out=Path(out), reasoner=helper, critic=helper, judge=helper, self_report=True
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
