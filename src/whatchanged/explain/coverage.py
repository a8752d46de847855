"""What was looked at, what would have been seen there, and what was not looked at."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from whatchanged.config import AuditConfig
from whatchanged.confirm.campaign import INDEPENDENT
from whatchanged.pools import hold_back
from whatchanged.records import Finding, Lead, Prompt, Shift
from whatchanged.report.model import CoverageRow, FinderUse, MapPoint
from whatchanged.roles import MAX_PROPOSALS
from whatchanged.stats import clopper_pearson_upper, smallest_detectable, threshold

# A prompt whose coupled responses differ more often than not counts as changed.
CHANGED = 0.5


def category(prompt: Prompt) -> str:
    """The first part of the prompt's first tag, or 'untagged'."""
    return prompt.tags[0].split("/")[0] if prompt.tags else "untagged"


def coverage(
    config: AuditConfig,
    discovery: Sequence[Prompt],
    confirmation: Sequence[Prompt],
    shifts: Sequence[Shift],
    hypotheses: int,
) -> list[CoverageRow]:
    """One row a category of the pool, in order of its name. No `shifts`: nothing is known of P(change)."""
    p_change = {s.prompt_id: s.p_change for s in shifts if s.followed}
    hypotheses, met = max(1, hypotheses), confirmation
    if config.reasoner is not None:
        # A first round meets no prompt that is held back, and leaves room for all that the second may add.
        hypotheses, met = hypotheses + MAX_PROPOSALS, hold_back(confirmation, config.seed)[0]
    evidence = math.log(threshold(config.fdr, config.alpha, hypotheses))
    # Rules that need independence divide the fresh prompts among the hypotheses.
    among = hypotheses if config.fdr in INDEPENDENT else 1
    rows = []
    for name in sorted({category(p) for p in (*discovery, *confirmation)}):
        seen = [p_change[p.id] for p in discovery if category(p) == name and p.id in p_change]
        fresh = sum(category(p) == name for p in met)
        effect = smallest_detectable(fresh // among, config.margin, evidence) if fresh >= among else None
        rows.append(
            CoverageRow(
                category=name,
                discovery_prompts=sum(category(p) == name for p in discovery),
                confirmation_prompts=sum(category(p) == name for p in confirmation),
                p_change=round(float(np.mean(seen)), 6) if seen else None,
                p_change_upper=_upper(seen) if seen else None,
                smallest_effect=round(effect, 4) if effect is not None else None,
            )
        )
    return rows


def unchanged_bound(shifts: Sequence[Shift], findings: Sequence[Finding], prompts: Mapping[str, Prompt]) -> float:
    """95% upper bound of the share of pool prompts that lie outside every finding's region and are changed."""
    shifts = [s for s in shifts if s.followed]
    regions = [f.region for f in findings if f.status == "confirmed"]
    outside = [s.p_change for s in shifts if not any(r.contains(prompts[s.prompt_id]) for r in regions)]
    changed = sum(p > CHANGED for p in outside)
    return round(clopper_pearson_upper(changed, len(shifts), 0.05), 6) if shifts else 1.0


def beyond_the_pool(finders: Sequence[FinderUse]) -> str:
    """Which prompts neither the pool held nor the searches could make, in words."""
    if any(use.name == "vocabulary-sweep" for use in finders):
        return "triggers of several tokens, and topics, that no prompt of the pool contains"
    if made := [use.name for use in finders if use.prompts]:
        return f"prompts unlike those of the pool, and unlike those that {' and '.join(made)} made"
    return "prompts unlike those of the pool: a trigger that none contains is not found"


def _upper(p_changes: Sequence[float]) -> float:
    return round(clopper_pearson_upper(sum(p > CHANGED for p in p_changes), len(p_changes), 0.05), 6)


def pool_map(shifts: Sequence[Shift], leads: Sequence[Lead], prompts: Mapping[str, Prompt]) -> list[MapPoint]:
    """Every screened prompt with its mean divergence and the lead that shows most in it."""
    strongest: dict[str, tuple[float, str]] = {}
    for lead in leads:
        if "factor" not in lead.lenses:
            continue
        for ref in lead.contexts:
            strongest[ref.prompt_id] = max(strongest.get(ref.prompt_id, (0.0, "")), (ref.weight, lead.id))
    return [
        MapPoint(
            prompt=prompts[s.prompt_id].text[:160],
            category=category(prompts[s.prompt_id]),
            kl=round(float(s.kl_qp.mean()), 6),
            p_change=round(min(s.p_change, 1.0), 6) if s.followed else None,
            lead=strongest[s.prompt_id][1] if s.prompt_id in strongest else None,
        )
        for s in shifts
    ]
