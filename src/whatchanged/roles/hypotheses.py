"""Proposals of the roles, and how they become hypotheses: nobody's word counts, only what can be executed."""

from collections.abc import Sequence

from whatchanged.predicates import load
from whatchanged.records import Direction, Hypothesis, PredicateSpec, Record, Region

# A guess is worth a test; an effect that was measured in discovery comes first.
PRIOR = 0.1
# Between a role's letter and the number, in ids of the second round: r2-01.
AGAIN = "2-"


class Proposal(Record):
    """A claim to be tested. `sentence` is built from the parts that are executed, never written by a model.

    `refuted_by` and `probes` are a model's own words.
    """

    sentence: str
    region: Region
    predicate: PredicateSpec
    direction: Direction
    refuted_by: str = ""
    probes: tuple[str, ...] = ()


def both_ways(specs: Sequence[PredicateSpec]) -> list[Proposal]:
    """Each predicate as two claims about all prompts, more and less often."""
    ways: tuple[Direction, ...] = ("more", "less")
    return [
        Proposal(sentence=sentence(Region(), spec, way), region=Region(), predicate=spec, direction=way)
        for spec in specs
        for way in ways
    ]


def sentence(region: Region, predicate: PredicateSpec, direction: Direction) -> str:
    """What is executed, in words. Raises SpecError for a predicate that cannot be loaded."""
    return f"On {region.describe()}, the candidate {load(predicate).describe(direction)}."


def to_hypotheses(proposals: Sequence[Proposal], margin: float, prefix: str) -> list[Hypothesis]:
    """Proposals as hypotheses with ids such as r01 (reasoner), r2-01 (its second round) or s01 (self-report)."""
    return [
        Hypothesis(
            id=f"{prefix}{number:02d}",
            sentence=proposal.sentence,
            region=proposal.region,
            predicate=proposal.predicate,
            direction=proposal.direction,
            margin=margin,
            prior=PRIOR,
        )
        for number, proposal in enumerate(proposals, 1)
    ]
