"""User turns that the model writes itself: feed its template up to the user's words, and sample.

`python -m whatchanged.pools.selfmade OUT.jsonl` rebuilds the built-in everyday pool from smollm2.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from whatchanged.pools.split import normalise
from whatchanged.records import Prompt
from whatchanged.subjects import Continue, Subject, open_subjects, stream_key

OPENERS = Path(__file__).parent / "data" / "openers.yaml"
MAX_TOKENS = 28
WAVES = 4
_CLEAN = re.compile(r"[A-Z][^\n<>|{}\[\]_#*\\]{14,170}[.?!]")


def load_openers() -> dict[str, list[str]]:
    """Topic to the first words that a user turn may be given."""
    loaded: dict[str, list[str]] = yaml.safe_load(OPENERS.read_text())
    return loaded


def write_prompts(
    subject: Subject, openers: Mapping[str, Sequence[str]], per_topic: int, seed: int, temperature: float = 0.9
) -> list[Prompt]:
    """Up to `per_topic` distinct, clean user turns a topic, tagged everyday/TOPIC."""
    found: dict[str, dict[str, Prompt]] = {topic: {} for topic in openers}
    for wave in range(WAVES):
        short = [topic for topic, prompts in found.items() if len(prompts) < per_topic]
        starts = [(topic, openers[topic][i % len(openers[topic])], i) for topic in short for i in range(per_topic)]
        keys = [stream_key(f"{seed}/{topic}/{wave}", i) for topic, _, i in starts]
        for (topic, start, _), text in zip(starts, _continue(subject, starts, keys, temperature), strict=True):
            if (turn := clean(start + text)) is not None:
                prompt = Prompt.user(turn, tags=(f"everyday/{topic}",), source="selfmade")
                found[topic].setdefault(normalise(prompt), prompt)
    return [p for prompts in found.values() for p in list(prompts.values())[:per_topic]]


def _continue(
    subject: Subject, starts: Sequence[tuple[str, str, int]], keys: Sequence[int], temperature: float
) -> list[str]:
    """What the model writes after each opener, as the user."""
    opening = subject.user_opening()
    requests = [
        Continue((*opening, *subject.tokenize(start)), (), key) for (_, start, _), key in zip(starts, keys, strict=True)
    ]
    return [subject.detokenize(d.tokens) for d in subject.sample(requests, MAX_TOKENS, temperature)]


def clean(text: str) -> str | None:
    """The first sentence or two on one line, or None where there is none worth asking."""
    line = " ".join(text.split("\n")[0].split())
    end = max(line.rfind(mark) for mark in ".?!")
    line = line[: end + 1]
    return line if _CLEAN.fullmatch(line) else None


def main(out: str) -> None:
    """Rebuild the built-in everyday pool."""
    (subject,) = open_subjects(["smollm2"])
    prompts = write_prompts(subject, load_openers(), per_topic=60, seed=11)
    lines = [json.dumps({"prompt": p.text, "tags": list(p.tags)}, ensure_ascii=False) for p in prompts]
    Path(out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
