"""Leads and pairs to hypotheses. Everything here looks at discovery prompts only."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from whatchanged.describe.beside import beside
from whatchanged.describe.merging import Draft, merge
from whatchanged.describe.regions import FLOOR, Subgroup, find_region
from whatchanged.ledger import Ledger, json_codec
from whatchanged.predicates import Predicate, families, load
from whatchanged.records import Cost, Hypothesis, Lead, Pair, PredicateSpec, Prompt

HYPOTHESES = json_codec(list[Hypothesis])
Openings = Callable[[str], NDArray[np.float64]]
MIN_PROMPTS = 4
# So many discovery prompts of a kind leave enough fresh ones of it to decide most changes: a pool holds more of those.
FEW = 8
MIN_Z = 2.5


@dataclass(frozen=True)
class Discovery:
    """All that hypotheses may be made from. The first `control` paired prompts are a random sample of the prompts;
    the others were chosen because a lead is strong there. A prompt may have several pairs: together they are one unit.
    The last `made` prompts are no part of the pool: finders made them.

    `openings(phrase)` gives float64[prompts]: how much likelier the candidate opens with the phrase.
    """

    prompts: Sequence[Prompt]
    pairs: Sequence[Pair]
    control: int
    margin: float
    leads: Sequence[Lead] = ()
    openings: Openings | None = None
    made: int = 0

    @cached_property
    def pool(self) -> int:
        """How many prompts are the pool's."""
        return len(self.prompts) - self.made

    @cached_property
    def maker(self) -> dict[str, str]:
        """The finder that made a prompt, by the prompt's id; the pool's own are not there."""
        return {p.id: p.source for p in self.prompts[self.pool :]}

    @cached_property
    def by_id(self) -> dict[str, Prompt]:
        """Prompts by id."""
        return {p.id: p for p in self.prompts}

    @cached_property
    def paired(self) -> dict[str, NDArray[np.intp]]:
        """Rows of `pairs` by prompt id, in the pairs' order."""
        rows: dict[str, list[int]] = {}
        for i, pair in enumerate(self.pairs):
            rows.setdefault(pair.prompt_id, []).append(i)
        return {prompt: np.array(found) for prompt, found in rows.items()}


def propose(ledger: Ledger, seen: Discovery, stage: str = "describe") -> list[Hypothesis]:
    """Executable hypotheses, most promising first, near-duplicates merged; at most the budget's number.

    Ids are h01 and so on; those of another stage have its initial.
    """
    gains = _opening_gains(seen)

    def work() -> tuple[list[Hypothesis], Cost]:
        merged = merge(_from_leads(seen, gains) + _from_pairs(seen), seen.pairs, seen.by_id)[
            : ledger.config.limits.hypotheses
        ]
        claims = _hypotheses(merged, seen.margin, "h" if stage == "describe" else stage[0])
        shown = {claim.id: _by_prompt(draft, seen) for claim, (draft, _) in zip(claims, merged, strict=True)}
        return [*claims, *beside(claims, seen.prompts[seen.pool :], seen.leads, shown)], Cost()

    return ledger.once(f"{stage}/hypotheses", HYPOTHESES, work)


def _opening_gains(seen: Discovery) -> dict[str, NDArray[np.float64]]:
    """What each lead's phrase gains at the opening of every prompt's answer, where distributions can be seen."""
    if seen.openings is None:
        return {}
    return {lead.phrase: seen.openings(lead.phrase) for lead in seen.leads if lead.phrase and lead.at_opening}


def _from_leads(seen: Discovery, gains: Mapping[str, NDArray[np.float64]]) -> list[Draft]:
    """A phrase at the opening is measured on every screened prompt, without a response."""
    drafts = []
    for lead in seen.leads:
        if not lead.phrase:
            continue
        kind = "opens_with" if lead.at_opening else "contains"
        predicate = load(PredicateSpec(family="phrase", args={"kind": kind, "phrases": [lead.phrase]}))
        if lead.at_opening and lead.phrase in gains:
            values = gains[lead.phrase]
            effects = pair_effects(predicate, seen.pairs, seen.by_id)
            draft = _draft(seen, predicate, seen.prompts, values, seen.pool, 1, effects, (lead.id,))
        else:
            draft = _draft_on_pairs(seen, predicate, (lead.id,))
        if draft is not None:
            drafts.append(draft)
    return drafts


def _from_pairs(seen: Discovery) -> list[Draft]:
    """What the predicate families themselves see in the pairs."""
    if all(pair.identical for pair in seen.pairs):
        return []
    specs = [spec for family in families().values() for spec in family.propose(seen.pairs, seen.by_id)]
    drafts = [_draft_on_pairs(seen, load(spec)) for spec in specs]
    return [draft for draft in drafts if draft is not None]


def from_specs(seen: Discovery, specs: Sequence[PredicateSpec]) -> list[Hypothesis]:
    """What these predicates say of the pairs: each with its region, past the margin there, near-duplicates merged."""
    drafts = [_draft_on_pairs(seen, load(spec)) for n, spec in enumerate(specs) if spec not in specs[:n]]
    return _hypotheses(merge([d for d in drafts if d is not None], seen.pairs, seen.by_id), seen.margin)


def pair_effects(predicate: Predicate, pairs: Sequence[Pair], by_id: Mapping[str, Prompt]) -> NDArray[np.float64]:
    """float64[pairs]: f(candidate) - f(base); 0 without a look where the pair is identical."""
    return np.array(
        [
            0.0
            if pair.identical
            else predicate.score(pair.candidate.text, by_id[pair.prompt_id])
            - predicate.score(pair.base.text, by_id[pair.prompt_id])
            for pair in pairs
        ]
    )


def _draft_on_pairs(seen: Discovery, predicate: Predicate, leads: tuple[str, ...] = ()) -> Draft | None:
    effects = pair_effects(predicate, seen.pairs, seen.by_id)
    values = np.array([effects[rows].mean() for rows in seen.paired.values()])
    sign = 1 if values.sum() >= 0 else -1
    paired = [seen.by_id[prompt] for prompt in seen.paired]
    return _draft(seen, predicate, paired, sign * values, seen.control, sign, effects, leads)


def _draft(
    seen: Discovery,
    predicate: Predicate,
    prompts: Sequence[Prompt],
    values: NDArray[np.float64],
    sample: int,
    sign: int,
    on_pairs: NDArray[np.float64],
    leads: tuple[str, ...],
) -> Draft | None:
    """On the pool's prompts, where they show the effect; else with those that finders made, where those do.

    Where only a handful of the pool's do, a finder's prompts speak for them: the pool's fresh ones of that kind are too
    few for a test, however clear the handful is, and a finder makes as many as are needed.
    """

    def told(prompts: Sequence[Prompt], values: NDArray[np.float64]) -> Draft | None:
        shown = _shown(prompts, values, sample, seen.margin)
        if shown is None:
            return None
        group, effect, z = shown
        # A claim about all prompts is the pool's, wherever else it shows.
        everywhere = group.region.kind == "everywhere"
        finder = None if everywhere else _finder(seen, prompts, np.where(group.inside, values, 0.0))
        return Draft(predicate, sign, group, z, effect, on_pairs, leads, finder)

    mine = np.array([p.id not in seen.maker for p in prompts], bool)
    pools = told([p for p, own in zip(prompts, mine, strict=True) if own], values[mine])
    if mine.all() or (pools is not None and pools.group.inside.sum() >= FEW):
        return pools
    wider = told(prompts, values)
    return wider if pools is None or (wider is not None and wider.finder) else pools


def _shown(
    prompts: Sequence[Prompt], values: NDArray[np.float64], sample: int, margin: float
) -> tuple[Subgroup, float, float] | None:
    """(region, mean effect in it, standard errors). None when that is too small, or too few prompts show it.

    The first `sample` values belong to a random sample: a claim about all prompts is judged on those alone.
    """
    group = find_region(prompts, values, margin)
    inside = values[:sample] if group.region.kind == "everywhere" else values[group.inside]
    if len(inside) < MIN_PROMPTS or inside.mean() <= margin:
        return None
    # The floor keeps a handful of equal values from looking certain, and sinks with their number: what is rare on all
    # of hundreds of prompts is seen as exactly as it is measured.
    error = max(inside.std() / np.sqrt(len(inside)), FLOOR * np.sqrt(MIN_PROMPTS) / len(inside))
    z = float(inside.mean() / error)
    return None if z < MIN_Z else (group, float(inside.mean()), z)


def _finder(seen: Discovery, prompts: Sequence[Prompt], values: NDArray[np.float64]) -> str | None:
    """Who made the prompts that hold more than half of the effect; None where the pool holds as much."""
    mass: dict[str | None, float] = defaultdict(float)
    for prompt, value in zip(prompts, values.tolist(), strict=True):
        mass[seen.maker.get(prompt.id)] += value
    best = max(mass, key=lambda maker: mass[maker])
    return best if mass[best] > sum(mass.values()) / 2 else None


def _by_prompt(draft: Draft, seen: Discovery) -> dict[str, float]:
    """What the pairs of each prompt show of it."""
    return {prompt: draft.sign * float(draft.on_pairs[rows].mean()) for prompt, rows in seen.paired.items()}


def _hypotheses(merged: Sequence[tuple[Draft, list[Draft]]], margin: float, initial: str = "h") -> list[Hypothesis]:
    return [
        Hypothesis(
            id=f"{initial}{n:02d}",
            sentence=_sentence(draft),
            region=draft.group.region,
            predicate=draft.predicate.spec,
            direction="more" if draft.sign > 0 else "less",
            margin=margin,
            leads=tuple(dict.fromkeys([*draft.leads, *(lead for t in twins for lead in t.leads)])),
            merged=tuple(_sentence(t) for t in twins),
            prior=round(draft.effect, 4),
            finder=draft.finder,
        )
        for n, (draft, twins) in enumerate(merged, 1)
    ]


def _sentence(draft: Draft) -> str:
    where = draft.group.region.describe()
    return f"On {where}, the candidate {draft.predicate.describe('more' if draft.sign > 0 else 'less')}."
