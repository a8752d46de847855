"""From what red found and blue did not foresee to hypotheses, in the way in which the screen's are made."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from whatchanged.describe import Discovery, propose
from whatchanged.describe.merging import SAME_REGION
from whatchanged.elicit import coupled_pairs, opening_gains
from whatchanged.game.red import SOURCE
from whatchanged.records import Finding, Hypothesis, Lead, Prompt
from whatchanged.screen import find_leads, opening_shift
from whatchanged.screen.leads import same_phrase
from whatchanged.search import Evidence

# Red's prompts that leads are read from, and how many of them are answered by both models.
READ, PAIRS = 96, 32
# With fewer there is nothing to describe.
FEWEST = 4


def claims(
    found: Discovery, known: Evidence, rows: Sequence[int], tested: Sequence[Finding], most: int
) -> tuple[list[Hypothesis], list[Lead]]:
    """At most `most` hypotheses of what red's prompts show, and the leads that they name.

    Red's prompts are what `known` has beyond the prompts of `found`. `rows` of `known` are those to read, the best
    first. What was `tested` before is not proposed again, nor a phrase that is confirmed for most of the same prompts:
    at an answer's opening it is looked for where no confirmed finding says it.
    """
    ledger, made = known.ledger, len(known.prompts) - len(found.prompts)
    if len(rows) < FEWEST:
        return [], []
    rows = rows[:READ]
    prompts, responses = [known.prompts[i] for i in rows], [known.responses[i] for i in rows]
    shifts = [known.shifts[i] for i in rows]
    read = find_leads(ledger, known.base, known.candidate, prompts, responses, shifts, SOURCE, ["factor"])
    leads = [
        lead.model_copy(update={"id": f"{SOURCE}-{lead.id}", "share": 0.0, "note": "on prompts of the game"})
        for lead in read
    ]
    count = min(PAIRS, ledger.tokens_left() // ledger.config.limits.response_tokens)
    pairs = coupled_pairs(ledger, known.base, known.candidate, prompts[:count], responses[:count], SOURCE)

    def openings(phrase: str) -> NDArray[np.float64]:
        # What the phrase gains on discovery's prompts was measured for the screen's leads already, as a rule.
        before = found.openings(phrase) if found.openings is not None else np.zeros(0)
        prompts, shifts = known.prompts[len(before) :], known.shifts[len(before) :]
        first = opening_shift(shifts, known.base.tokenize(phrase)[0])
        new = opening_gains(ledger, known.base, known.candidate, prompts, first, phrase, always=made, stage=SOURCE)
        gains = np.concatenate([before, new])
        said = [f for f in tested if f.status == "confirmed" and same_phrase(phrase, f.phrase)]
        return np.where([any(f.region.contains(p) for f in said) for p in known.prompts], 0.0, gains)

    shown = replace(
        found,
        prompts=known.prompts,
        pairs=[*found.pairs, *pairs],
        leads=leads,
        openings=openings,
        made=found.made + made,
    )
    own = {lead.id for lead in leads}
    proposed = [h for h in propose(ledger, shown, SOURCE) if own & set(h.leads)]
    new = [h for h in proposed if not any(_told(h, f, known.prompts) for f in tested)]
    return [_testable(h) for h in new[:most]], leads


def _told(hypothesis: Hypothesis, finding: Finding, prompts: Sequence[Prompt]) -> bool:
    """Whether the finding says it already: in the same words, or confirmed, of this phrase on most of the prompts."""
    if hypothesis.sentence == finding.sentence:
        return True
    (phrase,) = hypothesis.predicate.args.get("phrases", [None])[:1]
    if finding.status != "confirmed" or not same_phrase(phrase, finding.phrase):
        return False
    inside = [finding.region.contains(p) for p in prompts if hypothesis.region.contains(p)]
    return sum(inside) >= SAME_REGION * len(inside)


def _testable(hypothesis: Hypothesis) -> Hypothesis:
    """A claim about red's edits is one about the pool: nobody makes fresh edits."""
    return hypothesis.model_copy(update={"finder": None}) if hypothesis.finder == SOURCE else hypothesis
