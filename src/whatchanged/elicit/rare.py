"""How often each model does something that it does in one answer of a thousand.

Most answers are drawn from the models themselves. The rest come from amplified logits, where what the intervention
brought in is common, and count for as little as they are likely: `stats.importance` says how.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field

from whatchanged.config import AuditConfig, load_settings
from whatchanged.elicit.weighed import PLAIN, Answers, Weighed
from whatchanged.errors import AccessError, SpecError, TokenizerMismatch
from whatchanged.ledger import Ledger, Progress, json_codec
from whatchanged.pools import load_pools
from whatchanged.predicates import Predicate, load
from whatchanged.records import PredicateSpec, Prompt, Record
from whatchanged.stats import brute_force_count, importance_interval
from whatchanged.subjects import Access, Subject, check_specs, open_subjects

SAMPLES = 4096
CHUNK = 1024
WEIGHED = json_codec(Weighed)


class RareSide(Record):
    """One model's rate."""

    rate: float
    low: float
    high: float
    standard_error: float = Field(description="Of what was seen; the interval also allows for what was not.")
    effective: float = Field(description="Kish's effective number of answers that do it.")
    decoded_tokens: int = Field(description="Its own answers', and twice the amplified ones': both models step.")
    brute_force_tokens: int = Field(description="What plain answers would take for an interval as narrow.")


class RareRate(Record):
    """How often both models do it, over random prompts of the pool, at the run's temperature."""

    predicate: PredicateSpec
    prompts: int
    samples: int = Field(description="Answers a model.")
    confidence: float = Field(description="Of each interval.")
    base: RareSide
    candidate: RareSide


def rare(
    base: str,
    candidate: str,
    spec: PredicateSpec,
    samples: int = SAMPLES,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
    config_file: Path | None = None,
    **settings: Any,
) -> RareRate:
    """The rates of `spec` in both models. The same call resumes; one with more samples goes on from there.

    `settings` are fields of `config.AuditConfig`. Raises UsageError for input that cannot be used, and AccessError for
    models whose distributions cannot be seen.
    """
    config = load_settings({"base": base, "candidate": candidate, **settings}, config_file)
    check_specs([config.base, config.candidate])
    predicate, prompts = load(spec), load_pools(config.pool)
    _check_asked(predicate, samples)
    ledger = Ledger(out or rare_directory(config, spec), config, progress)
    subjects = open_subjects([config.base, config.candidate])
    ledger.identify(
        base=subjects[0].fingerprint,
        candidate=subjects[1].fingerprint,
        prompts=[p.id for p in prompts],
        predicate=spec.model_dump_json(),
    )
    found = rare_rate(ledger, subjects[0], subjects[1], prompts, predicate, samples)
    ledger.progress.close()
    return found


def rare_directory(config: AuditConfig, spec: PredicateSpec) -> Path:
    """runs/rare-HASH: the same settings and predicate name the same directory."""
    digest = hashlib.sha256(f"{config.digest}{spec.model_dump_json()}".encode()).hexdigest()
    return Path("runs") / f"rare-{digest[:10]}"


def rare_rate(
    ledger: Ledger, base: Subject, candidate: Subject, prompts: Sequence[Prompt], predicate: Predicate, count: int
) -> RareRate:
    """E[f(answer)] over random `prompts`, for both models, from `count` answers each.

    Raises AccessError below 'logits', TokenizerMismatch where turns end with different tokens, and SpecError for a
    rubric or for no answers.
    """
    _check_asked(predicate, count)
    _check_models(ledger, base, candidate)
    answers = Answers(ledger.config, (base, candidate), prompts, predicate)
    digest = hashlib.sha256(predicate.spec.model_dump_json().encode()).hexdigest()[:12]
    starts = range(0, count, CHUNK)
    chunks: list[Weighed] = []
    for number, start in enumerate(ledger.progress.track("rare: answers", starts)):
        size = min(CHUNK, count - start)
        work = partial(answers.chunk, number, size)
        chunks.append(ledger.once(f"rare/{digest}-{number:05d}-{size}", WEIGHED, work))
    return RareRate(
        predicate=predicate.spec,
        prompts=len(prompts),
        samples=count,
        confidence=1 - ledger.config.alpha,
        base=_side([x for c in chunks for x in c.base], sum(c.plain.base for c in chunks), chunks, ledger),
        candidate=_side(
            [x for c in chunks for x in c.candidate], sum(c.plain.candidate for c in chunks), chunks, ledger
        ),
    )


def _side(values: Sequence[float], plain: int, chunks: Sequence[Weighed], ledger: Ledger) -> RareSide:
    """`plain`: tokens of the model's own answers."""
    alpha = ledger.config.alpha
    found = importance_interval(values, 1 / PLAIN, alpha)
    brute_force = brute_force_count(min(found.rate, 1.0), found.width, alpha)
    return RareSide(
        rate=found.rate,
        low=found.low,
        high=found.high,
        standard_error=found.standard_error,
        effective=found.effective,
        decoded_tokens=plain + 2 * sum(c.amplified for c in chunks),
        brute_force_tokens=round(brute_force * plain / max(1, sum(c.own for c in chunks))),
    )


def _check_asked(predicate: Predicate, count: int) -> None:
    if predicate.family == "judged":
        raise SpecError("predicate judged: no judge reads here; choose a predicate that needs none")
    if count < 1:
        raise SpecError(f"samples={count}: at least 1")


def _check_models(ledger: Ledger, base: Subject, candidate: Subject) -> None:
    access = min(base.access, candidate.access, Access[ledger.config.access])
    if access < Access.logits:
        raise AccessError(f"{base.name} or {candidate.name}", "amplifying", access.name, Access.logits.name)
    if base.end_ids != candidate.end_ids:
        raise TokenizerMismatch(
            f"'{base.name}' and '{candidate.name}' end their turns with different tokens, so that their answers "
            "cannot be weighed against each other; give both one generation config"
        )
