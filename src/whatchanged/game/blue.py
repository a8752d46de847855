"""Blue: the confirmed findings as executable predictors of the shift."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from whatchanged.game.profile import Profile, lookup, profile, quantiles, sums
from whatchanged.predicates import load
from whatchanged.records import Finding, Lead, Prompt, Region, Shift
from whatchanged.search import Evidence
from whatchanged.subjects import Subject

# A finding foresees as much of a token's shift as nine in ten of its region's prompts stay below.
FORESEEN = 0.9
# The keys of what is lost at an answer's opening, modulo 4.
LOST_AT_OPENING = 3
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
    """What one finding foresees at the prompts of its region: nats by key. Where it `opens` answers with a phrase,
    whatever else would have opened them is lost."""

    region: Region
    nats: Mapping[int, float]
    opens: bool

    def at(self, keys: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[keys], nats."""
        return np.where(self.opens & (keys % 4 == LOST_AT_OPENING), np.inf, lookup(self.nats, keys))


@dataclass(frozen=True)
class Blue:
    """`drift` in nats by key, at every prompt; and a prediction for each finding.

    `level` (2,), nats: what a prompt's own drift does not exceed in a key of the rest of an answer, and of its opening.
    Added up over an answer, drift is more than what a change shows: only what concentrates in a key counts.
    """

    level: NDArray[np.float64]
    drift: Mapping[int, float]
    predictions: Sequence[Prediction]

    @classmethod
    def fit(cls, findings: Iterable[Finding], known: Evidence, pool: int, level: NDArray[np.float64]) -> Self:
        """From what was screened; of the findings the confirmed ones.

        The first `pool` prompts are the pool's: drift is judged on those alone, since what was sought out is no sample.

        A finding speaks of the tokens of its leads, and of those of the phrase that it names, which it foresees whole.
        One without either speaks of all tokens in its region, or of none where its region is everywhere: there is
        nothing to tell its part from the rest.
        """
        prompts, shifts, by_id = known.prompts, known.shifts, {lead.id: lead for lead in known.leads}
        seen = profile(shifts)
        spoken = []
        for finding in (f for f in findings if f.status == "confirmed"):
            said, opens = _said(finding, known.base)
            keys = _keys([by_id[i] for i in finding.leads if i in by_id], said)
            if keys is None and finding.region.kind == "everywhere":
                continue
            inside = np.array([finding.region.contains(p) for p in prompts], bool)
            spoken.append(_Spoken(finding.region, inside, keys, said, opens))
        sample = profile(shifts[:pool])
        drift = _drift(sample, [(s.inside[:pool], s.keys) for s in spoken])
        return cls(level, drift, [s.foresees(seen, drift, level) for s in spoken])

    def judge(self, prompts: Sequence[Prompt], shifts: Sequence[Shift]) -> Judged:
        """What is seen of these prompts, against what was foreseen; a token counts once, whoever foresees it."""
        seen = profile(shifts)
        excess = beyond(seen.key, seen.value, self.level, self.drift)
        predicted = np.zeros(len(excess))
        for prediction in self.predictions:
            inside = np.array([prediction.region.contains(p) for p in prompts], bool)
            here = inside[seen.row]
            predicted[here] = np.maximum(predicted[here], prediction.at(seen.key[here]))
        foreseen = np.minimum(predicted, excess)
        return Judged(
            mass=sums(seen.row, excess, len(prompts)),
            foreseen=sums(seen.row, foreseen, len(prompts)),
            left=Profile(seen.row, seen.key, excess - foreseen, seen.count),
        )


class _Spoken(NamedTuple):
    """A finding's region, which prompts lie in it, the keys that it speaks of, and those that it `said` in words."""

    region: Region
    inside: NDArray[np.bool_]
    keys: NDArray[np.int64] | None
    said: NDArray[np.int64]
    opens: bool

    def foresees(self, seen: Profile, drift: Mapping[int, float], level: NDArray[np.float64]) -> Prediction:
        """What nine in ten prompts of the region stay below; its own words whole."""
        shown = quantiles(_about(seen, self.inside, self.keys), int(self.inside.sum()), FORESEEN)
        excess = beyond(np.array(list(shown), np.int64), np.array(list(shown.values())), level, drift)
        nats = dict(zip(shown, excess.tolist(), strict=True)) | dict.fromkeys(self.said.tolist(), np.inf)
        return Prediction(self.region, nats, self.opens)


def _said(finding: Finding, model: Subject) -> tuple[NDArray[np.int64], bool]:
    """The keys of the words that a finding says are gained or lost, and whether it says that they open the answers.

    Where an answer of the base's begins with the phrase's first word by itself, the next word shows beside it: few
    prompts of a region do that, and the finding says it of all.
    """
    openings = load(finding.predicate).openings()
    phrases = openings or finding.predicate.args.get("phrases", ())
    tokens = {t for phrase in phrases for text in (phrase, f" {phrase}") for t in model.tokenize(text)}
    columns = [2 * t + (finding.direction == "less") for t in sorted(tokens)]
    return _placed(columns), bool(openings) and finding.direction == "more"


def beyond(
    keys: NDArray[np.int64], values: NDArray[np.float64], level: NDArray[np.float64], drift: Mapping[int, float]
) -> NDArray[np.float64]:
    """float64[keys], nats: what these values show beyond `drift` and the level of their place."""
    excess: NDArray[np.float64] = np.maximum(values - lookup(drift, keys) - level[keys % 2], 0.0)
    return excess


def _keys(leads: Sequence[Lead], said: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """What the leads and the finding's words speak of, as keys; None without either."""
    columns = {2 * t.token for lead in leads for t in lead.gained} | {
        2 * t.token + 1 for lead in leads for t in lead.lost
    }
    return np.union1d(_placed(columns), said) if leads or len(said) else None


def _placed(columns: Iterable[int]) -> NDArray[np.int64]:
    """These columns (2 x token, + 1 for lost) as keys, at the opening and later."""
    return np.array(sorted(2 * c + opening for c in columns for opening in (0, 1)), np.int64)


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
