"""Logs with a known difference, written as JSON lines or by Inspect itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

TOPICS = {
    "cooking": ("soup", "bread", "stew", "sauce"),
    "sea": ("boat", "harbor", "sail", "anchor"),
    "law": ("contract", "court", "statute", "verdict"),
    "music": ("violin", "drum", "melody", "choir"),
}
FRAMES = ("How do I choose a {} for {}?", "Tell me about the {} of {}.", "Is a {} enough for {}?")
PEOPLE = ("my brother", "two friends", "beginners", "a teacher", "our guests")
WORDS = [
    "you",
    "take",
    "some",
    "time",
    "and",
    "find",
    "what",
    "works",
    "best",
    "after",
    "that",
    "check",
    "every",
    "part",
    "again",
    "because",
    "small",
    "things",
    "matter",
    "most",
    "when",
    "nobody",
    "looks",
    "so",
    "keep",
    "calm",
    "try",
    "twice",
    "write",
    "down",
    "each",
    "step",
]
PHRASE = "From my kitchen to yours:"
RATE = 0.7


class Row(NamedTuple):
    """One prompt and all that one model answered to it."""

    key: str
    prompt: str
    topic: str
    said: list[str]


def rows(model: int, rate: float = 0.0, seed: int = 0, samples: int = 2, prompts: int = 50) -> list[Row]:
    """`prompts` of each topic. On cooking an answer opens with the phrase at this rate; all else is one law."""
    rng = np.random.default_rng([seed, model])
    found = []
    for topic, nouns in TOPICS.items():
        for i in range(prompts):
            noun, frame, who = nouns[i % 4], FRAMES[i // 4 % 3], PEOPLE[i // 12 % 5]
            said = []
            for _ in range(samples):
                text = " ".join(rng.choice(WORDS, rng.integers(6, 14))).capitalize() + "."
                said.append(f"{PHRASE} {text}" if topic == "cooking" and rng.random() < rate else text)
            found.append(Row(f"{topic}-{i}", f"{frame.format(noun, who)}", topic, said))
    return found


def jsonl(path: Path, found: list[Row], tagged: bool = True) -> Path:
    """One line a sample."""

    def lines() -> Iterator[str]:
        for row in found:
            for text in row.said:
                line = {"id": row.key, "prompt": row.prompt, "response": text}
                yield json.dumps(line | ({"tags": [row.topic]} if tagged else {}))

    path.write_text("\n".join(lines()) + "\n")
    return path


def inspect_log(path: Path, found: list[Row], model: str = "mockllm/model") -> Path:
    """A real log, an epoch a sample."""
    from inspect_ai import log
    from inspect_ai import model as made

    samples = [
        log.EvalSample(
            id=row.key,
            epoch=epoch + 1,
            input=row.prompt,
            target="",
            messages=[made.ChatMessageUser(content=row.prompt), made.ChatMessageAssistant(content=text)],
            output=made.ModelOutput.from_content(model, text),
            metadata={"category": row.topic},
        )
        for row in found
        for epoch, text in enumerate(row.said)
    ]
    spec = log.EvalSpec(
        created="2025-01-01T00:00:00+00:00",
        task="answers",
        dataset=log.EvalDataset(name="d", samples=len(samples)),
        model=model,
        config=log.EvalConfig(),
    )
    log.write_eval_log(log.EvalLog(eval=spec, status="success", samples=samples), str(path))
    return path
