"""An audit under way: everything that it needs, opened once. Input is checked before anything is written or loaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from whatchanged import registry
from whatchanged.config import AuditConfig
from whatchanged.endpoints import Purse
from whatchanged.explain import content_digest
from whatchanged.ledger import Ledger, Progress, run_directory
from whatchanged.pools import Split, left_over, load_pools, split
from whatchanged.records import Prompt
from whatchanged.report import finished_report
from whatchanged.roles import Roles, check_roles, open_roles
from whatchanged.search import check_library, chosen
from whatchanged.subjects import Access, Subject, check_specs, open_subjects, stream_key


class Opened(NamedTuple):
    """One audit under way."""

    ledger: Ledger
    prompts: Split
    base: Subject
    candidate: Subject
    access: Access
    roles: Roles
    purse: Purse
    reserve: Sequence[Prompt] = ()


def open_audit(config: AuditConfig, out: Path | None, progress: Progress | None) -> Opened:
    """Run directory, pool (split once), both models, roles. Input is checked before anything is written or loaded."""
    check_specs([config.base, config.candidate])
    chosen(config.finders)
    registry.methods[config.method]
    if config.library is not None:
        check_library(config.library)
    limits, labels = config.limits, check_roles(config)
    pool = load_pools(config.pool)
    prompts = split(pool, limits.discovery_prompts, limits.confirmation_prompts, config.seed)
    reserve = left_over(pool, prompts, config.seed)
    ledger = Ledger(out or run_directory(config), config, progress)
    # Texts can be compared whatever the tokens.
    tokens = Access[config.access] >= Access.logits
    base, candidate = open_subjects([config.base, config.candidate], check_vocabulary=tokens)
    # A resumed run must be about the same content, not only about the same names.
    pinned: dict[str, str | list[str]] = {
        "base": base.fingerprint,
        "candidate": candidate.fingerprint,
        "prompts": [p.id for side in prompts for p in side],
        "reserve": f"{stream_key(*(p.id for p in reserve)):016x}",
        "intent": content_digest(config.intended, config.intended_data, config.judge_labels),
    }
    if finished_report(ledger.directory) is None:
        # Steps of the search are numbered: with a finder more or less they would be another's.
        pinned["finders"] = list(registry.finders)
    ledger.identify(**pinned)
    purse = Purse(config.max_cost, ledger.directory / "max-cost-reached")
    for subject in (base, candidate):
        subject.keep(ledger.directory / "replies", purse)
    access = min(base.access, candidate.access, Access[config.access])
    if access == Access.logprobs and config.temperature != 1:
        access = Access.text  # a list that was cut cannot be tempered again
    return Opened(ledger, prompts, base, candidate, access, open_roles(ledger, purse, labels), purse, reserve)
