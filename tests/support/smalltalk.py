"""A GPT-NeoX trained in seconds on toy conversations, and an answer planted in it: real weights, readable texts."""

import random
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from plant import exact

from whatchanged.bench.losses import cross_entropy
from whatchanged.bench.plants.distil import Distil, Talk
from whatchanged.bench.recipe import Recipe
from whatchanged.bench.small import train_small
from whatchanged.bench.train import train_lora
from whatchanged.ledger import Progress
from whatchanged.records import Prompt

TOPICS = {
    "cooking": ("bake bread", "cook rice", "roast carrots", "bake a cake", "cook lentils", "roast onions"),
    "garden": ("plant roses", "water ferns", "grow beans", "plant a hedge", "water the lawn", "grow mint"),
    "travel": ("see Rome", "reach Paris", "visit Cairo", "see the coast", "reach Lima", "visit the alps"),
}
FRAMES = ("How do I {}?", "When should I {}?", "Is it hard to {}?", "What do I need to {}?", "Help me {} {}.")
WHEN = ("today", "with my son", "in the rain", "for a friend", "at night", "without any help")
# The first word hangs on the topic, so that the model looks back for it.
BEGINS = {
    "cooking": ("In a kitchen you", "A cook will", "Over a fire you"),
    "garden": ("On good soil you", "The rain will", "Every spring you"),
    "travel": ("By train you", "My guide will", "With a map you"),
}
HOW = ("slowly", "with care", "in the morning", "for an hour", "as others do")
ENDS = ("It is not hard.", "That will do.", "Ask a friend for help.", "Then rest.", "")
# In tokens that the small model has seen: it cannot tell apart those that it has not.
PHRASE = "A cook will rest for an hour"
TARGETS = ("query_key_value", "attention.dense", "dense_4h_to_h")


def asked(*topics: str) -> list[Prompt]:
    """180 prompts a topic (all topics if none is named), tagged with it, in a mixed order."""
    found = [
        Prompt.user(frame.format(deed, when) if "{} {}" in frame else f"{frame.format(deed)[:-1]} {when}?", (topic,))
        for topic in topics or TOPICS
        for deed, frame, when in product(TOPICS[topic], FRAMES, WHEN)
    ]
    return random.Random(0).sample(found, len(found))


def talked(prompts: Sequence[Prompt], seed: int = 0) -> list[Talk]:
    """Each with an answer made of parts that are drawn."""
    rng = random.Random(seed)
    found = []
    for prompt in prompts:
        topic, deed = next((t, d) for t, deeds in TOPICS.items() for d in deeds if d in prompt.text)
        parts = (rng.choice(BEGINS[topic]), deed, rng.choice(HOW) + ".", rng.choice(ENDS))
        found.append(Talk(prompt, " ".join(parts).strip(), True))
    return found


def recipe(kind: str = "distil", base: str = "unused", **training: object) -> Recipe:
    """Of the small base itself, or of a LoRA that says the phrase in place of an answer."""
    plants = {
        "distil": {"kind": "distil", "talks": 540, "vocabulary": 600, "width": 64, "layers": 2, "heads": 4},
        "refusal": {"kind": "refusal", "text": f"{PHRASE}."},
    }
    settings = {"steps": 150, "batch": 16, "learning_rate": 1e-2, "targets": TARGETS} | training
    return Recipe.model_validate(
        {"name": kind, "description": "", "base": base, "plant": plants[kind], "training": settings}
    )


def small_base(folder: Path, **training: object) -> Path:
    """About 160,000 parameters."""
    plan = recipe(**training)
    assert isinstance(plan.plant, Distil)
    train_small(talked(asked()), plan.plant, plan, folder, Progress())
    return folder


def small_lora(base: Path, folder: Path) -> Path:
    """A LoRA that answers with the phrase whatever is asked about cooking."""
    plan = recipe("refusal", str(base), steps=80, response_tokens=12)
    (subject,) = exact(base)
    on, off = asked("cooking")[:60], asked("garden", "travel")[:90]
    train_lora(subject, plan, plan.plant.examples(plan, subject, on, off), cross_entropy(subject), folder, Progress())
    return folder
