"""How many judge calls an audit of a narrow change takes, and how many equal answers save.

The change is int8 rounding of the weights. Reasoner and judge are scripts, so that the count depends on the audit
alone: the reasoner proposes one rubric, the judge reads it by its words.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from common import Clock, save
from whatchanged import diff
from whatchanged.endpoints import Ask, LanguageModel, Reply

CANDIDATE = "smollm2+quantize=int8"
RUBRIC = {
    "sentence": "", "region": {"kind": "everywhere"}, "direction": "less",
    "predicate": {"family": "judged", "args": {"rubric": "The answer helps.", "cues": ["help", "can", "here"]}},
}  # fmt: skip
# What the older recipe pays an experiment, by its own account (DESIGN: 160,000 to 320,000).
OLDER_RECIPE = 160_000


class Script(LanguageModel):
    """Answers as a function of the ask."""

    def __init__(self, name: str, answer: Callable[[str], str]) -> None:
        self.name = self.fingerprint = name
        self.answer = answer

    def ask(self, asks: Sequence[Ask]) -> list[Reply | None]:
        return [Reply(text=self.answer(a.messages[-1].content)) for a in asks]


def players(spec: str, *_: Any) -> Script:
    reasons = json.dumps({"hypotheses": [RUBRIC]})
    return Script(spec, (lambda _: reasons) if spec == "mockllm/reasoner" else verdict)


def verdict(question: str) -> str:
    answer = question.rsplit("<<<ANSWER", 1)[-1].lower()
    return "YES" if any(word in answer for word in ("help", " can ", "here")) else "NO"


def main() -> None:
    with Clock() as clock, tempfile.TemporaryDirectory() as folder, patch("whatchanged.roles.consult.connect", players):
        report = diff(
            "smollm2", CANDIDATE, out=Path(folder), reasoner="mockllm/reasoner", judge="mockllm/judge", seed=1
        )
    judged = [f for f in report.findings if f.judge]
    save(
        "judge_calls",
        {
            "candidate": CANDIDATE,
            "verdict": report.verdict,
            "judged_hypotheses": [{"sentence": f.sentence, "status": f.status, "n": f.n_prompts} for f in judged],
            "judge_calls": report.cost.judge_calls,
            "judge_did": next(use.did for use in report.roles if use.role == "judge"),
            "p_change": report.divergence and report.divergence.p_change,
            "older_recipe": OLDER_RECIPE,
            "seconds": round(clock.seconds),
        },
    )


if __name__ == "__main__":
    main()
