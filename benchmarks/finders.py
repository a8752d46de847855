"""Which finder finds what, at what cost: each alone, all by the allocator, and all evenly, on the same budget.

Evenly: each is given the same number of tokens, whatever it earns. A finder that is asked once leaves what it does not
need: ratios are told at the equal budget, and by token spent as well.

`new` is what the allocator pays for: signed shift that no prompt before had shown, beyond drift, in nats. `hits` are
made prompts on which the planted opening is likelier by 0.3 at least, read off both models; none of it is charged.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from common import Clock, save
from whatchanged import registry
from whatchanged.bench.recipe import Recipe, read_recipe
from whatchanged.config import BUDGETS, AuditConfig
from whatchanged.elicit import draw_responses
from whatchanged.elicit.openings import opening_probabilities
from whatchanged.ledger import Ledger
from whatchanged.pools import left_over, load_pools, split
from whatchanged.predicates import load
from whatchanged.records import Prompt
from whatchanged.screen import find_leads, scan
from whatchanged.search import Evidence, Finder
from whatchanged.search.rounds import EARNS, PATIENCE, Rounds, slice_of
from whatchanged.subjects import open_subjects

ORGANISMS = Path(__file__).parents[1] / "organisms"
NAMES = ("lantern-trigger", "rare-word", "kitchen-and-garden")
RISE = 0.3
ALLOCATED, EVENLY = "all, by the allocator", "all, evenly"


class Evenly(Rounds):
    """Each finder in turn, up to its equal share of the tokens."""

    def run(self, finders: Sequence[Finder]) -> None:
        share = self.left // len(finders)
        for finder in finders:
            end, vain = self.left - share, 0
            if finder.once:
                self._ask(finder, share)
                continue
            while vain < PATIENCE and self._can_go_on() and self.left > end:
                payoff = self._ask(finder, min(slice_of(share, share, 1), self.left - end))
                vain = 0 if payoff.mass >= EARNS else vain + 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--organism", action="append", help=f"default: {', '.join(NAMES)}")
    parser.add_argument("--finder", action="append", help="default: all that need neither library nor reasoner")
    parser.add_argument(
        "--tokens", type=int, default=BUDGETS["standard"].search_tokens, help="that both models may score in a search"
    )
    parser.add_argument("--name", default="finders", help="of the file in benchmarks/results")
    asked = parser.parse_args()
    finders = asked.finder or [name for name in registry.finders if name not in ("recall", "reasoner")]
    rows: list[dict[str, Any]] = []
    for name in asked.organism or NAMES:
        for row in study(name, finders, asked.tokens):
            rows.append(row)
            # Saved as it grows: a study that is cut short still says what it ran.
            save(asked.name, {"tokens": asked.tokens, "ratios": ratios(rows), "rows": rows})


def study(name: str, names: list[str], tokens: int) -> Iterator[dict[str, Any]]:
    """The pool is screened once; then a search for each finder alone, for all by the allocator, and for all evenly."""
    recipe = read_recipe(ORGANISMS / f"{name}.yaml").beside(ORGANISMS)
    candidate = str(ORGANISMS / name)
    limits = BUDGETS["small"].model_copy(update={"search_tokens": tokens})
    finders: list[Finder] = [registry.finders[n]() for n in names]
    with tempfile.TemporaryDirectory() as folder, patch.dict(BUDGETS, {"small": limits}):
        evidence = screened(Path(folder), AuditConfig(base=recipe.base, candidate=candidate))
        for label, some, kind in [
            *((f.name, [f], Rounds) for f in finders),
            (ALLOCATED, finders, Rounds),
            (EVENLY, finders, Evenly),
        ]:
            ledger = Ledger(Path(folder) / label.replace(" ", "-"), evidence.ledger.config)
            rounds = kind(replace(evidence, ledger=ledger))
            with Clock() as clock:
                rounds.run(some)
            yield {
                "organism": name,
                "finders": label,
                "seconds": round(clock.seconds, 1),
                **told(recipe, evidence, rounds),
            }


def screened(folder: Path, config: AuditConfig) -> Evidence:
    """What a search begins with."""
    base, candidate = open_subjects([config.base, config.candidate])
    pool, limits = load_pools(config.pool), config.limits
    prompts = split(pool, limits.discovery_prompts, limits.confirmation_prompts, config.seed)
    ledger = Ledger(folder / "screen", config)
    responses = draw_responses(ledger, base, prompts.discovery, limits.response_tokens, "screen")
    shifts = scan(ledger, base, candidate, prompts.discovery, responses)
    leads = find_leads(ledger, base, candidate, prompts.discovery, responses, shifts)
    reserve = left_over(pool, prompts, config.seed)
    return Evidence(
        ledger, base, candidate, prompts.discovery, responses, shifts, leads, prompts.confirmation, reserve=reserve
    )


def ratios(rows: list[dict[str, Any]]) -> dict[str, dict[str, float | str | None]]:
    """An organism to the allocator's new shift over that of even shares, and over that of the best finder alone: at the
    same budget, and by token spent. `all` of them: sums over sums, each organism's best finder being its own.
    """
    found: dict[str, dict[str, float | str | None]] = {}
    # Even shares come last: the others of such an organism are there.
    names = [row["organism"] for row in rows if row["finders"] == EVENLY]
    for suffix, column in (("", "new"), ("_by_token", "new_per_1000_tokens")):
        sums = np.zeros(3)
        for name in names:
            new = {row["finders"]: row[column] for row in rows if row["organism"] == name}
            best = max(new.keys() - {ALLOCATED, EVENLY}, key=lambda finder: new[finder])
            earned = np.array([new[ALLOCATED], new[EVENLY], new[best]])
            found.setdefault(name, {}).update({**_over(earned, suffix), f"best{suffix}": best})
            sums += earned
        found.setdefault("all", {}).update(_over(sums, suffix))
    return found


def _over(earned: Any, suffix: str) -> dict[str, float | None]:
    """None where nothing was earned that the allocator could be held against."""
    allocated, evenly, best = earned.tolist()
    return {
        f"over_even{suffix}": round(allocated / evenly, 2) if evenly else None,
        f"over_best{suffix}": round(allocated / best, 2) if best else None,
    }


def told(recipe: Recipe, evidence: Evidence, rounds: Rounds) -> dict[str, Any]:
    """What a search spent and showed, and whether the plant was among it."""
    payoffs = sorted((p for use in rounds.uses for p in use.payoffs), key=lambda p: p.round)
    hit = planted(recipe, evidence, rounds.prompts)
    spent, first, at = 0, None, 0
    for p in payoffs:
        spent, at = spent + p.tokens, at + p.prompts
        if first is None and hit[:at].any():
            first = spent
    mass = sum(p.mass for p in payoffs)
    return {
        "prompts": len(rounds.prompts),
        "tokens": spent,
        "new": round(mass, 2),
        "new_per_1000_tokens": round(1000 * mass / max(1, spent), 4),
        "hits": int(hit.sum()),
        "tokens_to_first_hit": first,
        "notes": {use.name: use.note for use in rounds.uses},
    }


def planted(recipe: Recipe, evidence: Evidence, prompts: list[Prompt]) -> Any:
    """bool[prompts]: whether the plant's opening is likelier there under the candidate."""
    assert recipe.truth is not None
    openings = load(recipe.truth.predicate).openings()
    if not prompts:
        return np.zeros(0, bool)
    before, after = (opening_probabilities(s, prompts, openings)[0] for s in (evidence.base, evidence.candidate))
    return after - before >= RISE


if __name__ == "__main__":
    main()
