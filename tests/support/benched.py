"""Reports, organisms and rows made by hand, so that scores are known before they are computed."""

from collections.abc import Sequence

from whatchanged.bench.harness.agreement import Labelled
from whatchanged.bench.harness.organisms import Organism, Planted
from whatchanged.bench.harness.rows import AuditRow, BehaviourRow, FinderRow, FindingRow
from whatchanged.bench.harness.score import Remeasured, Scored
from whatchanged.bench.recipe import Recipe, Truth
from whatchanged.records import Cost, Finding, PredicateSpec, Prompt, Region, Tokens
from whatchanged.report import Claims, CostReport, Report

SORRY = PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": ["Sorry"]})
GARDEN = Region(kind="mentions", values=("garden", "soil", "seeds"))
TRUTH = Truth(region=GARDEN, predicate=SORRY)
ON = [f"How do I water my {word}, case {n}?" for word in GARDEN.values for n in range(10)]
OFF = [f"How do I write a letter, case {n}?" for n in range(30)]


def saying(word: str) -> PredicateSpec:
    return PredicateSpec(family="phrase", args={"kind": "contains", "phrases": [word]})


def finding(number: int = 0, **changes: object) -> Finding:
    """The plant, found as it is."""
    values = {
        "id": f"h{number}", "sentence": f"Finding {number}.", "region": GARDEN, "predicate": SORRY, "direction": "more",
        "margin": 0.05, "status": "confirmed", "effect": 0.8, "ci_low": 0.7, "ci_high": 0.9, "confidence": 0.95,
        "e_value": 1e6, "rate_base": 0.0, "rate_candidate": 0.8, "n_prompts": 100, "scored": False,
    }  # fmt: skip
    return Finding.model_validate(values | changes)


def report(*findings: Finding, **changes: object) -> Report:
    """A report of these findings, with costs."""
    spent = Cost(
        scored_tokens=Tokens(base=100, candidate=200),
        decoded_tokens=Tokens(base=10, candidate=20, reused=5),
        judge_calls=7,
    )
    values = {
        "verdict": "changed" if findings else "no_change_found", "summary": "", "base": "b", "candidate": "c",
        "claims": Claims(weights="differ", beyond_noise_floor=True, behaviours=len(findings)), "findings": findings,
        "cost": CostReport(**spent.model_dump(), seconds={"screen": 3.0, "confirm": 4.5}), "config": {}, "versions": {},
        "seed": 0,
    }  # fmt: skip
    return Report.model_validate(values | changes)


def planted(name: str = "sorry", truth: Truth = TRUTH, rise: float = 0.8, intended: bool = False) -> Planted:
    """A behaviour whose rates were measured."""
    plant = {"kind": "refusal", "text": "Sorry"}
    recipe = Recipe.model_validate(
        {"name": name, "description": "", "plant": plant, "truth": truth, "truth_tokens": 10}
    )
    return Planted(name, recipe, truth, rise, intended)


def organism(*behaviours: Planted, name: str = "one", intended: object = None) -> Organism:
    """A null without behaviours."""
    return Organism(name, "plant" if behaviours else "null", "b", "c", behaviours, intended, "digest")


def held_out(candidate_on: Sequence[str], base_on: Sequence[str] = (), off: Sequence[str] = ()) -> list[Labelled]:
    """Responses to 30 prompts on target and 30 off it, of both models; the texts given take turns."""
    plain = ("Here is how.",)
    cells = (
        (ON, candidate_on, True),
        (ON, base_on or plain, False),
        (OFF, off or plain, True),
        (OFF, off or plain, False),
    )
    return [
        Labelled(prompt=Prompt.user(prompt), text=texts[i % len(texts)], candidate=candidate, weight=1 / len(prompts))
        for prompts, texts, candidate in cells
        for i, prompt in enumerate(prompts)
    ]


def again(effect: float, error: float = 0.01, alike: bool = True) -> Remeasured:
    return Remeasured(effect=effect, standard_error=error, prompts=40, samples=2000, source="pool", alike=alike)


def scored(
    method: str = "audit",
    organism: str = "one",
    *,
    rises: Sequence[float] = (0.8,),
    found: Sequence[bool] = (True,),
    texts: int | None = None,
    max_decoded_tokens: int | None = None,
    confirmed: int = 1,
    true: int = 1,
    tokens: int = 1000,
    seconds: float = 10.0,
    refused: str = "",
) -> Scored:
    """An audit by hand: `rises` of its planted behaviours (none for a null), and which were found."""
    setting = {"method": method, "texts": texts, "max_decoded_tokens": max_decoded_tokens}
    where = setting | {"organism": organism, "seed": 0}
    kind = "plant" if rises else "null"
    counts = {"confirmed": confirmed, "measured": confirmed, "true": true, "coverable": confirmed, "covered": true}
    costs = {"decoded_tokens": tokens, "scored_tokens": 2 * tokens, "seconds": seconds}
    audit = AuditRow(
        **where, **counts, **costs, kind=kind, base="b", candidate="c", verdict="changed", refused=refused,
        planted=len(rises), found=sum(found),
    )  # fmt: skip
    agreed = {"occurrences": 20, "phi": 0.9, "precision": 0.9, "coverage": 0.9}
    behaviours = tuple(
        BehaviourRow(**where, **agreed, behaviour=f"{organism}-{i}", intended=False, rise=rise, found=yes)
        for i, (rise, yes) in enumerate(zip(rises, found, strict=False))
    )
    return Scored(audit=audit, behaviours=behaviours)


def finder_row(**changes: object) -> FinderRow:
    """A finder that found the plant."""
    values = {
        "method": "audit", "organism": "one", "seed": 0, "finder": "words", "calls": 2, "prompts": 30, "tokens": 4000,
        "mass": 8.0, "confirmed": 1, "true": 1, "found": 1,
    }  # fmt: skip
    return FinderRow.model_validate(values | changes)


def finding_row(**changes: object) -> FindingRow:
    """A row of one finding."""
    values = {
        "method": "audit", "organism": "one", "seed": 0, "finding": "h0", "sentence": "Says sorry.", "region": "{}",
        "predicate": "{}", "direction": "more", "margin": 0.05, "effect": 0.8, "ci_low": 0.7, "ci_high": 0.9,
        "confidence": 0.95, "scored": False, "finder": None, "behaviour": "one-0", "phi": 0.9, "precision": 0.9,
        "coverage": 0.9, "remeasured": 0.78, "standard_error": 0.01, "prompts": 40, "samples": 2000, "source": "pool",
        "true": True, "covered": True, "intent": "unclassified", "intent_planted": None,
    }  # fmt: skip
    return FindingRow.model_validate(values | changes)
