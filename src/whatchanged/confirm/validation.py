"""Confirmed findings put to the validations of the older work: what they say, and what they cost."""

import math
from collections.abc import Sequence
from functools import partial

from whatchanged import registry
from whatchanged.confirm.campaign import INDEPENDENT
from whatchanged.confirm.instruments import Instruments
from whatchanged.ledger import PAIR_BATCH, Ledger, json_codec
from whatchanged.records import BASE, Cost, Finding, Hypothesis, Prompt
from whatchanged.report.model import Validated
from whatchanged.roles import Roles
from whatchanged.roles.validators import Material, Validation, Validator, validate
from whatchanged.search import fresh_prompts, written
from whatchanged.subjects import Access, Subject

VALIDATION = json_codec(Validation)
MOST_FINDINGS = 8


def validations(
    ledger: Ledger,
    tools: Instruments,
    roles: Roles,
    findings: Sequence[Finding],
    prompts: Sequence[Prompt],
    subjects: tuple[Subject, Subject],
    held: Sequence[Prompt] = (),
) -> list[Validated]:
    """One entry a confirmed finding and validator that --validators names, on fresh pairs of the finding's region.

    `prompts` are those of the first round, `held` those of the second.
    They change no verdict: a reader who guesses right shows that the claim is useful, not how large the change is.
    """
    model = roles.validating
    if model is None:
        return []
    confirmed = sorted((f for f in findings if f.status == "confirmed"), key=lambda f: -abs(f.effect))[:MOST_FINDINGS]
    entries = []
    cap = Access[ledger.config.access]
    for name in ledger.config.validators:
        for finding in confirmed:
            if not tools.may_sample():
                break
            again = finding.id in roles.again
            # The second round has of the first's prompts those that it did not ask: each is here once.
            both = [*held, *prompts] if again else [*prompts, *held]
            fresh, note = _fresh(ledger, finding, list({p.id: p for p in both}.values()))
            if not note and ledger.config.fdr in INDEPENDENT:
                # The test had a share of them, scattered over all.
                note = "some may be of the finding's own test"
            material = Material(
                model=model,
                pairs=tools.pairs_of(fresh, f"validate-{finding.id}"),
                prompts={p.id: p for p in fresh},
                base=subjects[0],
                candidate=subjects[1],
                seed=ledger.config.seed,
                max_tokens=ledger.config.limits.response_tokens,
                temperature=ledger.config.temperature,
                cap=cap,
            )
            validator = registry.validators[name]()
            work = partial(_run, validator, finding, material)
            came = ledger.once(f"validate/{name}-{finding.id}", VALIDATION, work)
            if material.access < validator.needs:
                note = f"needs access '{validator.needs.name}'"
            entries.append(_entry(name, finding, came, note))
    return entries


def _fresh(ledger: Ledger, finding: Finding, prompts: Sequence[Prompt]) -> tuple[list[Prompt], str]:
    """Prompts of the region that the finding's own test did not look at; its own where it looked at all, which is said.

    `prompts` begin with those of its round. What the test saw was selected for: on those prompts a reader may look
    better than elsewhere.
    """
    inside = written(ledger, finding.id) if finding.finder == BASE else fresh_prompts(finding, prompts)
    left = inside[finding.n_prompts + finding.unanswered :][:PAIR_BATCH]
    return (left, "") if left else (inside[:PAIR_BATCH], "on the prompts of the finding's own test")


def _run(validator: Validator, finding: Finding, material: Material) -> tuple[Validation, Cost]:
    came = validate(validator, _hypothesis(finding), material)
    return came, sum(material.spent, Cost())


def _hypothesis(f: Finding) -> Hypothesis:
    return Hypothesis(
        id=f.id, sentence=f.sentence, region=f.region, predicate=f.predicate, direction=f.direction, margin=f.margin
    )


def _entry(name: str, finding: Finding, came: Validation, note: str) -> Validated:
    return Validated(
        finding=finding.id,
        validator=name,
        trials=came.n,
        missing=came.missing,
        mean=round(came.mean, 6),
        e_value=math.exp(min(came.log_e, 690.0)),
        calls=came.calls,
        note=note,
    )
