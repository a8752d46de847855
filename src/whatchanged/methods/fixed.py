"""Hypotheses tested once, on a fixed sample: a permutation p-value each, BH or SAFFRON over them.

So the older systems test. What is repaired: the unit is the prompt, the models' labels are swapped within prompts
(Fisher 1935), p is never 0, and a difference counts only past the margin. The p-value is against "no difference at
all"; that the margin is passed rests on the estimate alone. Each finding's e-value and interval are those of the
default method, from the same answers, so that both can be held against each other.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from whatchanged.config import AuditConfig
from whatchanged.confirm import Answers, Arm, Instruments, Recorded, finding_of, validations
from whatchanged.confirm.campaign import INDEPENDENT
from whatchanged.explain import Wanted, assemble_heard, classify
from whatchanged.methods.texts import Sampled, heard
from whatchanged.opened import Opened
from whatchanged.predicates import load
from whatchanged.records import Finding, Hypothesis, Pair, Prompt
from whatchanged.report import Report
from whatchanged.stats import decide, fcr_level, sign_flip
from whatchanged.subjects import stream_key

# Permutations: so many times those that the smallest level of BH, alpha / m, needs at least.
FINE = 10
LEAST_PERMUTATIONS, MOST_PERMUTATIONS = 2_000, 20_000


class Campaign(NamedTuple):
    """Hypotheses on answers that are there. `m` tests were made in all, `p_values` of some were made before."""

    audit: Opened
    answers: Mapping[str, Answers]
    m: int
    p_values: Mapping[str, float] = {}


def recorded(pairs: Sequence[Pair], prompts: Mapping[str, Prompt]) -> dict[str, Answers]:
    """Both models' texts by prompt id."""
    said: dict[str, tuple[list[str], list[str]]] = {}
    for pair in pairs:
        base, candidate = said.setdefault(pair.prompt_id, ([], []))
        base.append(pair.base.text)
        candidate.append(pair.candidate.text)
    return {i: Answers(prompts[i], *texts) for i, texts in said.items()}


def instruments(campaign: Campaign) -> Recorded:
    """What reads the answers: predicates themselves, or the judge."""
    return Recorded(campaign.audit.ledger, campaign.answers, campaign.audit.roles)


def decide_all(campaign: Campaign, tools: Instruments, hypotheses: Sequence[Hypothesis]) -> list[Finding]:
    """One finding a hypothesis, in order."""
    config = campaign.audit.ledger.config
    arms = [_arm(campaign, tools, h, n, len(hypotheses)) for n, h in enumerate(hypotheses)]
    p_values = [_p_value(campaign, arm) for arm in arms]
    m = max(campaign.m, len(arms), 1)
    rule = config.fdr if config.fdr in INDEPENDENT else "bh"
    rejected = decide(rule, [*p_values, *[1.0] * (m - len(arms))], config.alpha)[: len(arms)]
    confidence = fcr_level(config.alpha, sum(rejected), m)
    found = []
    for arm, p, yes in zip(arms, p_values, rejected, strict=True):
        effect, _, _ = arm.bounds(1 - confidence)
        past = arm.hypothesis.sign * effect > arm.hypothesis.margin
        finding = finding_of(arm, yes and past, confidence, math.log(1 / config.alpha))
        found.append(finding.model_copy(update={"p_value": p}))
    return found


def permuted(differences: ArrayLike, m: int, config: AuditConfig) -> float:
    """One-sided p of (prompts,) differences whose signs a swap of the models' labels flips; `m` tests share alpha."""
    d = np.asarray(differences, dtype=np.float64)
    permutations = min(MOST_PERMUTATIONS, max(LEAST_PERMUTATIONS, math.ceil(FINE * max(m, 1) / config.alpha)))
    # Where both models do the same a swap changes nothing.
    return sign_flip(d[d != 0], permutations, config.seed).p_value


def _arm(campaign: Campaign, tools: Instruments, h: Hypothesis, number: int, of: int) -> Arm:
    """All that the answers say of one hypothesis. Rules that need independence get it: no prompt serves two."""
    config, predicate = campaign.audit.ledger.config, load(h.predicate)
    prompts = [a.prompt for a in campaign.answers.values() if h.region.contains(a.prompt)]
    if config.fdr in INDEPENDENT:
        prompts = [p for p in prompts if stream_key("share", config.seed, p.id) % of == number]
    pace = tools.pace(predicate, len(prompts))
    judge, calibrated = tools.judged_by(predicate), tools.calibrated(predicate)
    arm = Arm(h, predicate, [], pace, judge=judge, calibrated=calibrated)
    arm.see(tools.measure(predicate, prompts[: pace.most], h.id))
    return arm


def _p_value(campaign: Campaign, arm: Arm) -> float:
    """The larger of the hypothesis's own and of the one it had before: both nulls must be rejected (Berger 1982)."""
    signed = arm.hypothesis.sign * np.array(arm.differences)
    own = permuted(signed, campaign.m, campaign.audit.ledger.config)
    return max(own, campaign.p_values.get(arm.hypothesis.id, 0.0))


def conclude(campaign: Campaign, drawn: Sampled, findings: Sequence[Finding], wanted: Wanted, unseen: str) -> Report:
    """The report of a method that samples: intents, validations, what was heard and what was not looked at."""
    audit, tools = campaign.audit, instruments(campaign)
    fresh = [a.prompt for a in campaign.answers.values()]
    validated = validations(audit.ledger, tools, audit.roles, findings, fresh, (audit.base, audit.candidate))
    findings = classify(findings, wanted, drawn.describing, drawn.prompts)
    audit.ledger.refused = audit.purse.refusal
    told = heard(audit, drawn, unseen)
    return assemble_heard(audit.ledger, told, findings, audit.roles.report(findings), validated)
