"""Blue: the confirmed findings as executable predictors of the shift."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from whatchanged.game.profile import Profile, lookup, profile, quantiles, sums
from whatchanged.records import Finding, Lead, Prompt, Region, Shift

# A finding foresees as much of a token's shift as nine in ten of its region's prompts stay below.
FORESEEN = 0.9
# Drift is what most prompts show that no finding speaks of.
TYPICAL = 0.5


@dataclass(frozen=True)
class Judged:
    """Nats of each prompt beyond drift: `mass` in all, `foreseen` of it, float64[prompts]; what is `left`, entry by
    entry."""

    mass: NDArray[np.float64]
    foreseen: NDArray[np.float64]
    left: Profile

    @property
    def unforeseen(self) -> NDArray[np.float64]:
        """float64[prompts], nats."""
        return self.mass - self.foreseen

    def gained(self, row: int, count: int) -> list[int]:
        """The tokens with the most unforeseen gain at a prompt, at most `count`."""
        here = (self.left.row == row) & (self.left.token_gained >= 0) & (self.left.value > 0)
        order = np.argsort(-self.left.value[here], kind="stable")
        return list(dict.fromkeys(self.left.token_gained[here][order].tolist()))[:count]


@dataclass(frozen=True)
class Prediction:
    """What one finding foresees: nats by key, at the prompts of its region."""

    region: Region
    nats: Mapping[int, float]


@dataclass(frozen=True)
class Blue:
    """`drift` in nats by key, at every prompt; and a prediction for each finding."""

    drift: Mapping[int, float]
    predictions: Sequence[Prediction]

    @classmethod
    def fit(
        cls,
        findings: Iterable[Finding],
        leads: Sequence[Lead],
        prompts: Sequence[Prompt],
        shifts: Sequence[Shift],
        pool: int,
    ) -> Self:
        """From screened discovery prompts, aligned with their shifts; of the findings the confirmed ones.

        The first `pool` prompts are the pool's: drift is judged on those alone, since what was sought out is no sample.

        A finding speaks of the tokens of its leads. One without leads speaks of all tokens in its region, or of none
        where its region is everywhere: there is nothing to tell its part from the rest.
        """
        seen, by_id = profile(shifts), {lead.id: lead for lead in leads}
        spoken = []
        for finding in (f for f in findings if f.status == "confirmed"):
            keys = _keys([by_id[i] for i in finding.leads if i in by_id])
            if keys is None and finding.region.kind == "everywhere":
                continue
            inside = np.array([finding.region.contains(p) for p in prompts], bool)
            spoken.append((finding.region, inside, keys))
        sample = profile(shifts[:pool])
        drift = _drift(sample, [(inside[:pool], keys) for _, inside, keys in spoken])
        predictions = [
            Prediction(region, _beyond(quantiles(_about(seen, inside, keys), int(inside.sum()), FORESEEN), drift))
            for region, inside, keys in spoken
        ]
        return cls(drift, predictions)

    def judge(self, prompts: Sequence[Prompt], shifts: Sequence[Shift]) -> Judged:
        """What is seen of these prompts, against what was foreseen; a token counts once, whoever foresees it."""
        seen = profile(shifts)
        excess = np.maximum(seen.value - lookup(self.drift, seen.key), 0.0)
        predicted = np.zeros(len(excess))
        for prediction in self.predictions:
            inside = np.array([prediction.region.contains(p) for p in prompts], bool)
            here = inside[seen.row]
            predicted[here] = np.maximum(predicted[here], lookup(prediction.nats, seen.key[here]))
        foreseen = np.minimum(predicted, excess)
        return Judged(
            mass=sums(seen.row, excess, len(prompts)),
            foreseen=sums(seen.row, foreseen, len(prompts)),
            left=Profile(seen.row, seen.key, excess - foreseen, seen.count),
        )


def _keys(leads: Sequence[Lead]) -> NDArray[np.int64] | None:
    """The leads' tokens as keys, at the opening and later; None without a lead."""
    columns = {2 * t.token for lead in leads for t in lead.gained} | {
        2 * t.token + 1 for lead in leads for t in lead.lost
    }
    return np.array(sorted(2 * c + opening for c in columns for opening in (0, 1)), np.int64) if leads else None


def _about(seen: Profile, inside: NDArray[np.bool_], keys: NDArray[np.int64] | None) -> Profile:
    """The entries of which a finding speaks."""
    here = inside[seen.row]
    return seen.only(here if keys is None else here & np.isin(seen.key, keys))


def _drift(seen: Profile, spoken: Sequence[tuple[NDArray[np.bool_], NDArray[np.int64] | None]]) -> dict[int, float]:
    """Each key's median over the prompts at which no finding speaks of it."""
    whole = np.zeros(seen.count, bool)  # prompts of whose every token a finding speaks
    for inside, keys in spoken:
        if keys is None:
            whole |= inside
    drift = quantiles(seen.only(~whole[seen.row]), int((~whole).sum()), TYPICAL)
    named = np.unique(np.concatenate([keys for _, keys in spoken if keys is not None] or [np.zeros(0, np.int64)]))
    mentioned = seen.only(np.isin(seen.key, named))
    for key in named.tolist():
        taken = whole.copy()
        for inside, keys in spoken:
            if keys is not None and key in keys:
                taken |= inside
        apart = mentioned.only((mentioned.key == key) & ~taken[mentioned.row])
        drift.pop(key, None)
        drift |= quantiles(apart, int((~taken).sum()), TYPICAL)
    return drift


def _beyond(nats: Mapping[int, float], drift: Mapping[int, float]) -> dict[int, float]:
    return {key: value - drift.get(key, 0.0) for key, value in nats.items() if value > drift.get(key, 0.0)}
