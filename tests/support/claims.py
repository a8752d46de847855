"""Findings made by hand."""

from whatchanged.records import Finding, PredicateSpec, Region


def opens_with(*phrases: str) -> PredicateSpec:
    return PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": list(phrases)})


def contains(*phrases: str) -> PredicateSpec:
    return PredicateSpec(family="phrase", args={"kind": "contains", "phrases": list(phrases)})


def tagged(*tags: str) -> Region:
    return Region(kind="tag", values=tags)


def finding(**changes: object) -> Finding:
    """Confirmed: opens with the kitchen phrase on cooking prompts."""
    values: dict[str, object] = {
        "id": "h01",
        "sentence": "On prompts tagged 'cooking', the candidate opens with it more often.",
        "region": tagged("cooking"),
        "predicate": opens_with("From my kitchen"),
        "direction": "more",
        "margin": 0.05,
        "status": "confirmed",
        "effect": 0.7,
        "ci_low": 0.6,
        "ci_high": 0.8,
        "confidence": 0.95,
        "e_value": 1e6,
        "rate_base": 0.0,
        "rate_candidate": 0.7,
        "n_prompts": 100,
        "scored": True,
    }
    return Finding.model_validate(values | changes)
