"""Prompts for a second measurement: of the kind that a finding was tested on, and never asked by its audit."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from whatchanged import registry
from whatchanged.bench.harness.rows import Source
from whatchanged.config import AuditConfig
from whatchanged.ledger import Ledger
from whatchanged.pools import load_pools, split
from whatchanged.records import BASE, Finding, Hypothesis, Prompt, Region
from whatchanged.search import Finder, FromBase, written
from whatchanged.search.fresh import MADE
from whatchanged.subjects import Subject

# With fewer prompts a mean says little, and its standard error less.
LEAST = 8


class Run:
    """A finished audit: its directory and settings."""

    def __init__(self, directory: Path, config: AuditConfig) -> None:
        self.directory, self.config = directory, config

    @cached_property
    def pool(self) -> list[Prompt]:
        """All prompts that the audit could ask."""
        return load_pools(self.config.pool)

    @cached_property
    def confirmation(self) -> tuple[Prompt, ...]:
        """Those that it tested on."""
        limits = self.config.limits
        return split(self.pool, limits.discovery_prompts, limits.confirmation_prompts, self.config.seed).confirmation

    def written(self, claim: str) -> list[Prompt]:
        """What the base wrote for a claim's test."""
        return written(Ledger(self.directory, self.config), claim)


class Fresh(NamedTuple):
    """Prompts in the finding's region, where they came from, and whether the test's came from there too."""

    prompts: list[Prompt]
    source: Source
    alike: bool


def fresh_for(
    finding: Finding, held_out: Sequence[Prompt], run: Run, ledger: Ledger, base: Callable[[], Subject]
) -> Fresh | None:
    """From the held-out pool, or made of it by the finder that made the test's; else written by the base, as
    `search.FromBase` does for tests. None where that does not give eight.
    """
    if finding.finder is None:
        inside = [p for p in held_out if finding.region.contains(p)]
        if len(inside) >= LEAST:
            return Fresh(inside, "pool", alike=True)
    elif finding.finder != BASE:
        finder: Finder = registry.finders[finding.finder]()
        if len(made := _made(finder, finding.region, held_out, run)) >= LEAST:
            return Fresh(made, "finder", alike=not finder.asks_its_own)
    said = _written(finding, held_out, run, ledger, base())
    return Fresh(said, "base", alike=finding.finder == BASE) if len(said) >= LEAST else None


def _made(finder: Finder, region: Region, held_out: Sequence[Prompt], run: Run) -> list[Prompt]:
    made = finder.fresh(region, held_out, MADE)
    if not finder.asks_its_own:
        return made
    # What it asks whatever it is given, it has asked in the test.
    asked = {p.id for p in finder.fresh(region, run.confirmation, MADE)}
    return [p for p in made if p.id not in asked]


def _written(finding: Finding, held_out: Sequence[Prompt], run: Run, ledger: Ledger, base: Subject) -> list[Prompt]:
    before = run.written(finding.id) if finding.finder == BASE else []
    told = {name: getattr(finding, name) for name in ("sentence", "region", "predicate", "direction", "margin")}
    # The id is part of the random numbers' key: what is written is not what the audit's own test had.
    claim = Hypothesis(id=f"again-{run.directory.name}-{finding.id}", **told)
    inside = [p for p in run.confirmation if finding.region.contains(p)]
    return FromBase(ledger, base, [*run.pool, *held_out, *before])(claim, inside)
