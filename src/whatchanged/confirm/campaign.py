"""All hypotheses on fresh prompts: a bandit spends the looks, e-values decide, false discoveries controlled.

With e-processes any stopping stays valid (Grünwald, de Heide and Koolen, arXiv 1906.07801), and e-BH holds under any
dependence (Wang and Ramdas, arXiv 2009.02824), so the bandit may be greedy. Each arm meets the prompts of its region in
their seeded order: to show it another arm's prompts, drawn from another region, would bias its mean (measured: a rate
change of 0.10 everywhere became one of 0.20 when cooking prompts came first).

A second round may propose once it knows the first one's verdicts. It is tested on prompts of its own, so given all that
was seen before each of its e-values has expectation 1 at most under its null. The bets of claims that the first round
left undecided go on there: those prompts are fresh to them too. e-BH needs no more, if the number of hypotheses does
not depend on the evidence: m counts the first round's and the most that the second may add, those that were never made
with e = 0. Procedures for streams just go on.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from whatchanged import registry
from whatchanged.config import AuditConfig
from whatchanged.confirm.arms import Arm
from whatchanged.confirm.instruments import Instruments
from whatchanged.ledger import Ledger
from whatchanged.pools import HELD_BACK
from whatchanged.predicates import load
from whatchanged.records import BASE, Finding, Hypothesis, Prompt, Status
from whatchanged.search import ENOUGH, FromBase, fresh_prompts
from whatchanged.stats import decide, fcr_level, p_from_log_e, threshold
from whatchanged.subjects import stream_key

INDEPENDENT = ("saffron", "addis")


class Later(NamedTuple):
    """A second round: who proposes once the first round is told, how many at most, and the prompts held back for it."""

    propose: Callable[[Sequence[Finding]], Sequence[Hypothesis]]
    most: int
    prompts: Sequence[Prompt] = ()


def joined(rounds: Sequence[Later], prompts: Sequence[Prompt]) -> Later:
    """One second round in which each of these proposes at most its own number, tested on `prompts`."""

    def propose(first: Sequence[Finding]) -> list[Hypothesis]:
        return [h for later in rounds for h in list(later.propose(first))[: later.most]]

    return Later(propose, sum(later.most for later in rounds), prompts)


def confirm(
    ledger: Ledger,
    instruments: Instruments,
    hypotheses: Sequence[Hypothesis],
    prompts: Sequence[Prompt],
    later: Later | None = None,
    from_base: FromBase | None = None,
) -> list[Finding]:
    """One Finding a hypothesis, in order, then those of the second round. `prompts` and the later ones were never
    looked at by discovery, and share none. `from_base` writes more for the first round, where a region has too few.
    """
    arms = _arms(ledger, instruments, hypotheses, prompts, from_base)
    if later is None:
        _test(ledger, instruments, arms, len(arms))
        return _findings(ledger, arms, len(arms))
    m = len(arms) + later.most
    # The second round has its share of what may be sampled, as it has of the prompts.
    looks = _test(ledger, instruments, arms, m, share=1 - 1 / HELD_BACK)
    first = _findings(ledger, arms, m)
    if ledger.out_of_time():
        return first
    arms_later = _arms(ledger, instruments, list(later.propose(first))[: later.most], later.prompts)
    undecided = _continued(ledger.config, arms, first, later.prompts)
    _test(ledger, instruments, [*undecided, *arms_later], m, looks=looks)
    return _findings(ledger, arms + arms_later, m)


def _continued(
    config: AuditConfig, arms: Sequence[Arm], first: Sequence[Finding], prompts: Sequence[Prompt]
) -> list[Arm]:
    """The arms that the first round left undecided, with those of the second round's `prompts` in their regions.

    Nothing of these prompts was told to whoever proposed for the second round. Claims that are tested on prompts made
    for them have none to share; where the rule needs independence, no claim has.
    """
    if config.fdr in INDEPENDENT:
        return []
    undecided = [a for a, f in zip(arms, first, strict=True) if f.status == "inconclusive" and f.finder is None]
    for arm in undecided:
        arm.fresh += fresh_prompts(arm.hypothesis, prompts)
    return undecided


def _test(
    ledger: Ledger, instruments: Instruments, arms: Sequence[Arm], m: int, share: float = 1.0, looks: int = 0
) -> int:
    """Looks until every arm is settled or a limit is met: for sampling, `share` of it. `m`: for e-BH.

    Returns the number of looks, with the `looks` of a round before.
    """
    confirm_at = math.log(threshold(ledger.config.fdr, ledger.config.alpha, max(m, 1)))
    refute_at = math.log(1 / ledger.config.alpha)
    ledger.progress.stage("confirm: hypotheses settled", len(arms))
    settled: set[str] = set()
    while True:
        for arm in arms:
            if arm.hypothesis.id not in settled and arm.settled(confirm_at, refute_at):
                settled.add(arm.hypothesis.id)
                ledger.progress.advance()
        undecided = [a for a in arms if a.hypothesis.id not in settled]
        open_ = [a for a in undecided if a.scored or instruments.may_sample(share, a.pairs)]
        if not open_ or ledger.out_of_time():
            break
        arm = max(open_, key=lambda a: a.index(looks))
        batch = arm.take()
        step = f"{looks:04d}-{arm.hypothesis.id}"
        arm.see(instruments.measure(arm.predicate, batch, step, arm.pace.draws))
        looks += 1
    return looks


def _arms(
    ledger: Ledger,
    instruments: Instruments,
    hypotheses: Sequence[Hypothesis],
    prompts: Sequence[Prompt],
    from_base: FromBase | None = None,
) -> list[Arm]:
    """Each hypothesis with the fresh prompts of its region; its own alone where the FDR rule needs independence."""
    arms = []
    for i, hypothesis in enumerate(hypotheses):
        fresh = _fresh(ledger.config, hypothesis, prompts, i, len(hypotheses))
        if all(p.source != hypothesis.finder for p in fresh):
            # The finder could make none: the claim is tested on the pool's own, and the finding says so.
            hypothesis = hypothesis.model_copy(update={"finder": None})
            if from_base is not None and len(fresh) < ENOUGH and (more := from_base(hypothesis, fresh)):
                fresh, hypothesis = more, hypothesis.model_copy(update={"finder": BASE})
        predicate = load(hypothesis.predicate)
        arms.append(
            Arm(
                hypothesis,
                predicate,
                fresh,
                instruments.pace(predicate, len(fresh)),
                scored=instruments.scores(predicate),
                judge=instruments.judged_by(predicate),
                calibrated=instruments.calibrated(predicate),
            )
        )
    return arms


def _fresh(
    config: AuditConfig, hypothesis: Hypothesis, prompts: Sequence[Prompt], number: int, of: int
) -> list[Prompt]:
    """What the hypothesis is tested on. Where the rule needs independence no two of the `of` hypotheses share any."""
    if config.fdr not in INDEPENDENT:
        return fresh_prompts(hypothesis, prompts)

    def mine(among: Sequence[Prompt]) -> list[Prompt]:
        return [p for p in among if stream_key("share", config.seed, p.id) % of == number]

    fresh = fresh_prompts(hypothesis, mine(prompts))
    shared = hypothesis.finder is not None and registry.finders[hypothesis.finder].asks_its_own
    return mine(fresh) if shared else fresh


def _findings(ledger: Ledger, arms: Sequence[Arm], m: int) -> list[Finding]:
    """Verdicts of the arms among `m` hypotheses; those of the m that are no arms have no evidence."""
    config = ledger.config
    refute_at = math.log(1 / config.alpha)
    if config.fdr in INDEPENDENT:
        evidence = [p_from_log_e(arm.above.max_log_e) for arm in arms]
    else:
        evidence = [_exp(arm.above.log_e) for arm in arms]
    if config.fdr == "e-bh":
        evidence += [0.0] * (m - len(arms))
    rejected = decide(config.fdr, evidence, config.alpha)[: len(arms)] if arms else []
    confidence = fcr_level(config.alpha, max(1, sum(rejected)), max(1, m))
    return [finding_of(arm, yes, confidence, refute_at) for arm, yes in zip(arms, rejected, strict=True)]


def finding_of(arm: Arm, rejected: bool, confidence: float, refute_at: float) -> Finding:
    """The arm as a finding: confirmed where `rejected`; refuted past `refute_at` nats; bounds at `confidence`."""
    h, n = arm.hypothesis, len(arm.rates)
    effect, low, high = arm.bounds(1 - confidence)
    status: Status = "confirmed" if rejected else "refuted" if arm.below.log_e >= refute_at else "inconclusive"
    return Finding(
        id=h.id,
        sentence=h.sentence,
        region=h.region,
        predicate=h.predicate,
        direction=h.direction,
        margin=h.margin,
        status=status,
        effect=round(effect, 6),
        ci_low=round(low, 6),
        ci_high=round(high, 6),
        confidence=round(confidence, 6),
        e_value=_exp(arm.above.log_e),
        rate_base=_mean([r.base for r in arm.rates]),
        rate_candidate=_mean([r.candidate for r in arm.rates]),
        n_prompts=n,
        scored=arm.scored,
        judge=arm.judge,
        unanswered=arm.missing,
        labelled=arm.labelled(1 - confidence),
        phrase=_phrase(h),
        merged=h.merged,
        leads=h.leads,
        finder=h.finder,
    )


def _mean(values: Sequence[float | None]) -> float:
    """Over the answers that were read: of equal ones a judge reads none."""
    known = [v for v in values if v is not None]
    return round(sum(known) / len(known), 6) if known else 0.0


def _phrase(hypothesis: Hypothesis) -> str | None:
    if hypothesis.predicate.family != "phrase":
        return None
    phrases = hypothesis.predicate.args["phrases"]
    return str(phrases[0]) if len(phrases) == 1 else None


def _exp(log_e: float) -> float:
    """exp without overflow: beyond 1e300 nobody asks how far."""
    return math.exp(min(log_e, 690.0))
