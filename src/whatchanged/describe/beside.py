"""A claim that a finder's own prompts showed may hold beside them too: the same predicate, next to its region."""

from collections.abc import Iterator, Mapping, Sequence

from whatchanged import registry
from whatchanged.predicates import load
from whatchanged.records import Hypothesis, Lead, Prompt
from whatchanged.search import Finder


def beside(
    claims: Sequence[Hypothesis],
    made: Sequence[Prompt],
    leads: Sequence[Lead],
    shown: Mapping[str, Mapping[str, float]],
) -> Iterator[Hypothesis]:
    """For each claim whose finder knows what is near its region, the claim about that; ids end in "b".

    `made` are the discovery prompts that finders made. What is seen there only chooses where to look: `shown`, by claim
    and prompt, is the claim's effect on pairs of answers; where no pair beside the region shows it, the leads do.
    """
    for claim in claims:
        said = Prompt.user(load(claim.predicate).describe(claim.direction))
        # Prompts of the game are no finder's; and what names the region itself does not spill over.
        if claim.finder is None or claim.finder not in registry.finders or claim.region.contains(said):
            continue
        finder: Finder = registry.finders[claim.finder]()
        own = [p for p in made if p.source == claim.finder]
        weights = shown.get(claim.id, {})
        if not any(weights.get(p.id, 0.0) > 0 for p in own if not claim.region.contains(p)):
            weights = _weights([lead for lead in leads if lead.id in claim.leads])
        region = finder.beside(claim.region, [(p, weights.get(p.id, 0.0)) for p in own])
        if region is not None:
            sentence = claim.sentence.replace(claim.region.describe(), region.describe())
            changed = {"id": f"{claim.id}b", "region": region, "sentence": sentence, "merged": (), "prior": 0.0}
            yield claim.model_copy(update=changed)


def _weights(leads: Sequence[Lead]) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for lead in leads:
        for context in lead.contexts:
            weights[context.prompt_id] = weights.get(context.prompt_id, 0.0) + context.weight
    return weights
