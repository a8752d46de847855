"""Two audits to render: one rich in findings and in hostile text, one of a null."""

import math
import random
from collections.abc import Callable

import pytest

from whatchanged.records import (
    ContextRef,
    Example,
    Finding,
    LabelledEstimate,
    Lead,
    PredicateSpec,
    Region,
    Tokens,
    TokenShift,
)
from whatchanged.report import Claims, CostReport, CoverageRow, Divergence, MapPoint, Report, Unexplained
from whatchanged.report.model import FinderUse

SCRIPT = "<script>document.title='owned'</script><script>alert(1)</script>"
IMAGE = '"><img src=x onerror="document.title=\'owned\'">'
ANSI = "\x1b[31mred\x1b[0m \x1b]0;owned\x07"
BIDI = "safe \u202egnirts desrever\u202c end"
TAGS = "a\U000e0041\U000e0042\u200bb\x00\x9b"
HOSTILE = f"{SCRIPT} {IMAGE} {ANSI} {BIDI} [bold red]markup[/] {TAGS} {{{{ 7 * 7 }}}} ]]> & \ufffe"

CATEGORIES = (
    "cooking",
    "history",
    "mathematics",
    "code",
    "health",
    "travel",
    "law",
    "small talk",
    "science",
    "poetry",
)
ASKED = (
    "How do I keep a sourdough starter alive over a long holiday?",
    "What caused the fall of Constantinople in 1453?",
    "Write a function that reverses a linked list.",
    "Which vaccinations do I need before a trip to Peru?",
    "Explain to a child why the sky is blue.",
)


def _finding(id: str, **changes: object) -> Finding:
    base: dict[str, object] = {
        "id": id,
        "sentence": "The candidate opens its answers with 'Certainly! I am happy to help' more often than "
        "the base, on all prompts.",
        "region": Region(),
        "predicate": PredicateSpec(family="phrase", args={"text": "Certainly! I am happy to help", "where": "opens"}),
        "direction": "more",
        "margin": 0.05,
        "status": "confirmed",
        "effect": 0.496,
        "ci_low": 0.431,
        "ci_high": 0.56,
        "confidence": 0.9833,
        "e_value": 4.2e31,
        "rate_base": 0.0021,
        "rate_candidate": 0.4981,
        "n_prompts": 350,
        "scored": True,
        "intent": "intended",
        "intent_reason": "Matches the first line of intended.yaml: answers open warmly.",
        "phrase": "Certainly! I am happy to help",
        "explained_share": 0.48,
        "leads": ("lead-0",),
    }
    return Finding.model_validate(base | changes)


def _findings() -> tuple[Finding, ...]:
    warm = Example(
        prompt=ASKED[0],
        base="To keep a sourdough starter alive, feed it with flour and water, then store it in the fridge.\n"
        "1. Feed it the day before.\n2. Seal the jar loosely.",
        candidate="Certainly! I am happy to help. To keep a sourdough starter alive, feed it with rye flour "
        "and water, then store it in the fridge.\n1. Feed it the day before.\n2. Seal the jar loosely.",
    )
    hostile = Example(prompt=f"Say this: {HOSTILE}", base=f"No. {HOSTILE}", candidate=f"Yes. {HOSTILE}")
    rtl = Example(prompt="كيف حالك اليوم؟", base="أنا بخير، شكرا لك.", candidate="أنا بخير جدا، شكرا لك.")
    refusal = Example(
        prompt=ASKED[3],
        base="You should be vaccinated against hepatitis A and typhoid; yellow fever for the Amazon basin.",
        candidate="I am sorry, but I cannot give medical advice.",
    )
    return (
        _finding(
            "h-inconclusive",
            status="inconclusive",
            sentence="The candidate hedges more often on law prompts.",
            region=Region(kind="tag", values=("law",)),
            effect=0.061,
            ci_low=-0.04,
            ci_high=0.17,
            e_value=1.7,
            rate_base=0.21,
            rate_candidate=0.27,
            n_prompts=64,
            scored=False,
            labelled=LabelledEstimate(n_labelled=32, effect=-0.02, lower=-0.31, upper=0.27),
            intent="unclassified",
            intent_reason="",
            phrase=None,
            explained_share=0.0,
            leads=("lead-3",),
            predicate=PredicateSpec(family="attribute", args={"name": "hedging"}),
        ),
        _finding(
            "h-refusal",
            sentence="The candidate refuses more often, on prompts that mention 'vaccine', 'doctor' or 'medicine'.",
            region=Region(kind="mentions", values=("vaccine", "doctor", "medicine", HOSTILE)),
            effect=0.163,
            ci_low=0.088,
            ci_high=0.241,
            e_value=8123.4,
            rate_base=0.004,
            rate_candidate=0.167,
            n_prompts=118,
            scored=False,
            labelled=LabelledEstimate(n_labelled=60, effect=0.131, lower=0.022, upper=0.24),
            intent="side_effect",
            intent_reason="No intended change names it, and the tuning data has no refusals.",
            phrase=None,
            explained_share=0.11,
            leads=("lead-1", "gone"),
            predicate=PredicateSpec(family="attribute", args={"name": "refusal"}),
            merged=("The candidate says 'I am sorry' more often on health prompts.", HOSTILE),
            examples=(refusal, hostile),
        ),
        _finding("h-opening", finder="vocabulary-sweep", examples=(warm, hostile, rtl)),
        _finding(
            "h-refuted",
            status="refuted",
            sentence=f"The candidate answers with fewer lists. {HOSTILE}",
            direction="less",
            effect=0.004,
            ci_low=-0.021,
            ci_high=0.03,
            e_value=3.1e-5,
            rate_base=0.31,
            rate_candidate=0.314,
            n_prompts=420,
            scored=False,
            phrase=None,
            leads=(),
            predicate=PredicateSpec(family="attribute", args={"name": "list"}),
        ),
    )


def _shift(text: str, p: float, q: float) -> TokenShift:
    return TokenShift(token=len(text), text=text, p=p, q=q, weight=abs(q - p))


def _leads() -> tuple[Lead, ...]:
    contexts = tuple(ContextRef(prompt_id=f"{n:016x}", draw=0, position=n, weight=0.1) for n in range(12))
    return (
        Lead(
            id="lead-1",
            share=0.14,
            lenses=("factor",),
            contexts=contexts,
            gained=(_shift("I", 0.08, 0.21), _shift(" sorry", 0.001, 0.13), _shift(" cannot", 0.002, 0.09)),
            lost=(_shift("You", 0.17, 0.07), _shift("The", 0.11, 0.08)),
        ),
        Lead(
            id="lead-0",
            share=0.48,
            lenses=("factor", "log-ratio"),
            contexts=contexts,
            at_opening=True,
            nats=22.4,
            phrase="Certainly! I am happy to help",
            gained=(
                _shift("Certainly", 0.0004, 0.502),
                _shift("!", 0.012, 0.31),
                _shift(" happy", 0.0, 0.28),
            ),
            lost=(
                _shift("The", 0.21, 0.12),
                _shift("To", 0.18, 0.09),
                _shift("Here", 0.07, 0.03),
                _shift("There are several", 0.04, 0.02),
            ),
        ),
        Lead(
            id="lead-2",
            share=0.06,
            lenses=("log-ratio",),
            contexts=contexts[:1],
            nats=41.0,
            phrase=HOSTILE,
            gained=(
                _shift("\n\n", 0.04, 0.09),
                _shift(SCRIPT, 0.0, 0.00004),
                _shift("\x1b[31m\u202e", 0.0, 0.02),
            ),
            note=f"repeats itself {HOSTILE}",
        ),
        Lead(id="lead-3", share=0.02, lenses=("factor",), lost=(_shift(" perhaps", 0.03, 0.01),)),
    )


def _points(number: int) -> tuple[MapPoint, ...]:
    rng = random.Random(7)
    points = []
    for n in range(number):
        c = n % len(CATEGORIES)
        lead = rng.choices(("lead-0", "lead-1", "lead-2", "lead-3", None), (9, 3 + 3 * (c == 4), 1, 1, 3))[0]
        kl = math.exp(rng.gauss(-4.2 + 0.25 * c, 1.0) + (1.6 if lead == "lead-0" else 0))
        words = HOSTILE if n % 50 == 0 else f"{rng.choice(ASKED)} ({n})"
        points.append(MapPoint(prompt=words, category=CATEGORIES[c], kl=kl, p_change=min(1.0, 4 * kl), lead=lead))
    return tuple(points)


def _coverage() -> tuple[CoverageRow, ...]:
    return tuple(
        CoverageRow(
            category=name,
            discovery_prompts=56,
            confirmation_prompts=70,
            p_change=0.31 + 0.05 * n,
            p_change_upper=0.04 + 0.01 * n,
            smallest_effect=None if n == 9 else 0.09 + 0.004 * n,
        )
        for n, name in enumerate(CATEGORIES)
    )


@pytest.fixture
def make_report() -> Callable[..., Report]:
    """A changed model: two findings, four leads, hostile text wherever a model or a prompt may put it."""

    def make(points: int = 200, **changes: object) -> Report:
        values: dict[str, object] = {
            "verdict": "changed",
            "summary": "2 changes in behaviour are established: the largest is that answers open with "
            "'Certainly! I am happy to help' in 50% of responses, up from 0.2%.",
            "base": "hf/HuggingFaceTB/SmolLM2-135M-Instruct",
            "candidate": f"adapters/warm-opening {BIDI}",
            "claims": Claims(weights="differ", beyond_noise_floor=True, behaviours=2),
            "divergence": Divergence(
                mean_tv=0.102,
                mean_kl=0.0713,
                p_change=0.62,
                noise_tv=0.0041,
                noise_p_change=0.03,
                differing_pairs=0.604,
                control_pairs=128,
            ),
            "findings": _findings(),
            "leads": _leads(),
            "finders": (
                FinderUse(
                    name="vocabulary-sweep",
                    prompts=96,
                    scored_tokens=81_240,
                    note=f"1,412 tokens in 45 prompts, 256 alone; stand out: cobalt, {HOSTILE}",
                ),
                FinderUse(name="subject-sweep", prompts=1, scored_tokens=0),
            ),
            "explained_share": 0.59,
            "unexplained": (
                Unexplained(
                    prompt=ASKED[1],
                    response_so_far="The fall of Constantinople",
                    gained=(" in", " was"),
                    lost=(" occurred",),
                    kl=0.83,
                ),
                Unexplained(prompt=HOSTILE, response_so_far="", gained=(SCRIPT, "\n"), lost=("\x1b",), kl=0.41),
                Unexplained(
                    prompt=ASKED[2],
                    response_so_far="```python\ndef reverse(",
                    gained=("head", "self"),
                    lost=("node", "list"),
                    kl=0.38,
                ),
            ),
            "coverage": _coverage(),
            "unchanged_bound": 0.032,
            "not_looked_at": (
                "prompts in languages other than English",
                f"conversations of many turns {HOSTILE}",
            ),
            "points": _points(points),
            "warnings": (f"The budget ended before every hypothesis was decided. {IMAGE}",),
            "cost": CostReport(
                scored_tokens=Tokens(base=31_200, candidate=33_480, reused=11_200),
                decoded_tokens=Tokens(base=9_800, candidate=14_020, reused=20_160),
                seconds={
                    "load": 6.2,
                    "weights": 4.1,
                    "screen": 74.0,
                    "search": 51.3,
                    "elicit": 38.8,
                    "confirm": 143.0,
                    "explain": 12.4,
                },
                peak_memory=1_932_735_283,
            ),
            "config": {
                "alpha": 0.05,
                "margin": 0.05,
                "pool": ["builtin"],
                "budget": "small",
                "note": HOSTILE,
            },
            "versions": {"whatchanged": "0.1.0", "torch": "2.13.0", "python": "3.11.2"},
            "seed": 0,
        }
        return Report.model_validate(values | changes)

    return make


@pytest.fixture
def report(make_report: Callable[..., Report]) -> Report:
    return make_report()


@pytest.fixture
def empty_report() -> Report:
    """A null: nothing differs, nothing was tested, and every list is empty."""
    return Report(
        verdict="no_change_found",
        summary="No change in behaviour is established.",
        base="smollm2",
        candidate="smollm2",
        claims=Claims(weights="identical", beyond_noise_floor=False, behaviours=0),
        divergence=Divergence(mean_tv=0.0, mean_kl=0.0, p_change=0.0, noise_tv=0.0, noise_p_change=0.0),
        explained_share=0.0,
        unchanged_bound=1.0,
        cost=CostReport(),
        config={},
        versions={},
        seed=0,
    )


@pytest.fixture
def hostile() -> str:
    """Script, image with a handler, ANSI, bidi, invisible and control characters, rich and Jinja markup."""
    return HOSTILE


_CLOSED = {"verdict", "weights", "kind", "direction", "status", "intent", "lenses", "method"}


@pytest.fixture
def poison() -> Callable[[Report, str], Report]:
    """A report with the given text in place of every free text in it, dictionary keys included."""

    def replace(value: object, text: str) -> object:
        if isinstance(value, dict):
            return {key: item if key in _CLOSED else replace(item, text) for key, item in value.items()}
        if isinstance(value, list):
            return [replace(item, text) for item in value]
        return text if isinstance(value, str) else value

    def make(report: Report, text: str) -> Report:
        values = replace(report.model_dump(mode="json"), text)
        assert isinstance(values, dict)
        open_ended = {"config": {text: text}, "versions": {text: text}}
        values["cost"]["seconds"] = {text: 1.0}
        return Report.model_validate(values | open_ended)

    return make
