"""A claim that a finder's own prompts showed may hold beside them too: the same predicate, next to its region."""

from collections.abc import Iterator, Mapping, Sequence

from whatchanged import registry
from whatchanged.predicates import load
from whatchanged.records import Hypothesis, Lead, Prompt
from whatchanged.search import Finder


def beside(claims: Sequence[Hypothesis], made: Sequence[Prompt], leads: Sequence[Lead]) -> Iterator[Hypothesis]:
    """For each claim whose finder knows what is near its region, the claim about that; ids end in "b".

    `made` are the discovery prompts that finders made. What the leads show there only chooses where to look.
    """
    for claim in claims:
        said = Prompt.user(load(claim.predicate).describe(claim.direction))
        if claim.finder is None or claim.region.contains(said):
            continue  # what names the region itself does not spill over
        finder: Finder = registry.finders[claim.finder]()
        weights = _weights([lead for lead in leads if lead.id in claim.leads])
        shown = [(p, weights.get(p.id, 0.0)) for p in made if p.source == claim.finder]
        region = finder.beside(claim.region, shown)
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
