"""What an organism's audits are held against: labelled held-out responses, and findings measured again."""

import hashlib
import json
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from whatchanged.bench.harness.agreement import Labelled, events
from whatchanged.bench.harness.fresh import LEAST, Run, fresh_for
from whatchanged.bench.harness.organisms import Organism, Planted
from whatchanged.bench.harness.score import Remeasured
from whatchanged.bench.harness.spoken import Spoken
from whatchanged.config import AuditConfig
from whatchanged.elicit import Side, opening_probabilities
from whatchanged.elicit.independent import SIDES
from whatchanged.ledger import Ledger, json_codec
from whatchanged.predicates import Predicate, load
from whatchanged.records import Cost, Finding, Prompt
from whatchanged.subjects import Subject, open_subjects

TARGETS = json_codec(tuple[list[Prompt], list[Prompt]])
DIFFERENCES = json_codec(list[float])
# Held-out prompts are no one else's: training and the measured rates use other seeds.
SEED = 3000
# A rare plant is drawn again until it has shown itself so often, or so many times.
OCCURRENCES, MOST_DRAWS = 20, 10


class Examiner:
    """One organism's models, opened when they are first needed; all that is drawn is kept in `folder`.

    `count`: prompts on target, and as many off it, for each planted behaviour. `samples`: responses a model for each
    second measurement; 0 for none. `held_out`: the part of the pool that no audit sees.
    """

    def __init__(
        self,
        organism: Organism,
        folder: Path,
        config: AuditConfig,
        held_out: Sequence[Prompt],
        count: int,
        samples: int,
    ) -> None:
        same = {"pool": config.pool, "budget": config.budget, "temperature": config.temperature}
        told = AuditConfig(base=organism.base, candidate=organism.candidate, seed=SEED, **same)
        self.ledger = Ledger(folder, told)
        self.ledger.identify(organism=organism.digest)
        self.held_out, self.count, self.samples = held_out, count, max(samples, LEAST) if samples else 0
        self._labelled: dict[str, list[Labelled]] = {}

    @cached_property
    def subjects(self) -> tuple[Subject, Subject]:
        """Base and candidate."""
        base, candidate = open_subjects([self.ledger.config.base, self.ledger.config.candidate])
        return base, candidate

    @cached_property
    def spoken(self) -> Spoken:
        """What the two said."""
        return Spoken(self.ledger, *self.subjects)

    def labelled(self, planted: Planted) -> list[Labelled]:
        """Held-out responses of both models, on target and off it: each of the four kinds has the same weight.

        On target, the model that shows the plant more is drawn again where it shows it rarely.
        """
        if planted.name not in self._labelled:
            self._labelled[planted.name] = self._label(planted)
        return self._labelled[planted.name]

    def remeasure(self, finding: Finding, run: Run) -> Remeasured | None:
        """The finding's effect on fresh prompts; None where there are none, and where a judge read the answers."""
        if self.samples == 0 or finding.judge is not None:
            return None
        fresh = fresh_for(finding, self.held_out, run, self.ledger, lambda: self.subjects[0])
        if fresh is None:
            return None
        prompts, predicate = fresh.prompts[: self.samples], load(finding.predicate)
        scored = bool(predicate.openings())
        differences = self._scored(predicate, prompts) if scored else self._sampled(predicate, prompts)
        return Remeasured(
            effect=round(float(differences.mean()), 6),
            standard_error=round(float(differences.std(ddof=1) / math.sqrt(len(differences))), 6),
            prompts=len(prompts),
            samples=0 if scored else self.samples,
            source=fresh.source,
            alike=fresh.alike,
        )

    def _label(self, planted: Planted) -> list[Labelled]:
        on, off = self.ledger.once(f"held-out/{planted.name}", TARGETS, lambda: (self._targets(planted), Cost()))
        favoured: Side = "candidate" if planted.truth.direction == "more" else "base"
        length = self._length(planted)
        found: list[Labelled] = []
        for side in SIDES:
            cells = [(prompts, self.spoken.texts(side, prompts, length, 0)) for prompts in (on, off)]
            if side == favoured:
                cells[0] = self._until_it_shows(planted, on, side)
            for prompts, texts in cells:
                found += _labels(side, prompts, texts, 1 / max(len(prompts), 1))
        return found

    def _until_it_shows(self, planted: Planted, on: Sequence[Prompt], side: Side) -> tuple[list[Prompt], list[str]]:
        prompts: list[Prompt] = []
        texts: list[str] = []
        for draw in range(MOST_DRAWS):
            prompts = [*prompts, *on]
            texts = [*texts, *self.spoken.texts(side, on, self._length(planted), draw)]
            if not on or events(planted.truth, _labels(side, prompts, texts)).sum() >= OCCURRENCES:
                break
        return prompts, texts

    def _length(self, planted: Planted) -> int:
        """Tokens of a held-out response: those that the truth is about, where they are not the first few."""
        opens = load(planted.truth.predicate).openings()
        return self.ledger.config.limits.response_tokens if opens else planted.recipe.truth_tokens

    def _targets(self, planted: Planted) -> tuple[list[Prompt], list[Prompt]]:
        recipe = planted.recipe
        on, off = recipe.plant.targets(recipe, self.subjects[0], self.count, self.count, recipe.seed + SEED)
        # A finding may name its region by tags, which no words of a prompt can tell.
        return [p.model_copy(update={"tags": (*p.tags, *recipe.tags)}) for p in on], off

    def _scored(self, predicate: Predicate, prompts: Sequence[Prompt]) -> NDArray[np.float64]:
        """float64[prompts]: exact differences, by forward passes."""
        temperature, openings = self.ledger.config.temperature, predicate.openings()

        def work() -> tuple[list[float], Cost]:
            p, q = (opening_probabilities(s, prompts, openings, temperature)[0] for s in self.subjects)
            return (q - p).round(9).tolist(), Cost()

        digest = hashlib.sha256(json.dumps([openings, *(p.id for p in prompts)]).encode()).hexdigest()[:16]
        return np.array(self.ledger.once(f"again/{digest}", DIFFERENCES, work))

    def _sampled(self, predicate: Predicate, prompts: Sequence[Prompt]) -> NDArray[np.float64]:
        """float64[prompts]: differences of mean scores, `samples` responses a model spread over the prompts."""
        sums, counts = np.zeros(len(prompts)), np.zeros(len(prompts))
        length = self.ledger.config.limits.response_tokens
        for draw, start in enumerate(range(0, self.samples, len(prompts))):
            asked = prompts[: self.samples - start]
            for sign, side in zip((-1, 1), SIDES, strict=True):
                said = self.spoken.texts(side, asked, length, draw)
                sums[: len(asked)] += [sign * predicate.score(t, p) for t, p in zip(said, asked, strict=True)]
            counts[: len(asked)] += 1
        return sums / counts


def _labels(side: Side, prompts: Sequence[Prompt], texts: Sequence[str], weight: float = 1.0) -> list[Labelled]:
    said = zip(prompts, texts, strict=True)
    return [Labelled(prompt=p, text=t, candidate=side == "candidate", weight=weight) for p, t in said]
