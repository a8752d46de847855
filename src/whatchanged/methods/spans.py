"""What amplified texts hold that the candidate itself would go along with: short phrases, to be tested.

A whole amplified text is often one that no model writes. Its most divergent stretch, cut where the candidate would no
longer follow, is what a plain answer can hold as well.
"""

import math
from collections import defaultdict

from whatchanged.describe import Discovery, from_specs
from whatchanged.methods.amplify import Lifted, Texts
from whatchanged.opened import Opened
from whatchanged.predicates import families
from whatchanged.records import Hypothesis, PredicateSpec
from whatchanged.subjects import Subject

# A stretch begins at the first token that gained some nats, and at the first with so much of the text's largest gain;
# it goes on while the candidate gives it this probability.
BEGINS, LEAST_NATS, SAID = 0.5, 1.0, 0.3
# A phrase is in the texts of so many prompts at least; so many of them are tried.
MIN_PROMPTS, MOST = 4, 16


def suggested(audit: Opened, found: Discovery, every: Texts) -> list[Hypothesis]:
    """Stretches of amplified texts, and what the predicate families see in them, each with its region."""
    if all(pair.identical for pair in found.pairs):
        return []
    seen = [spec for family in families().values() for spec in family.propose(found.pairs, found.by_id)]
    return from_specs(found, [*stretches(audit.candidate, every), *seen])[: audit.ledger.config.limits.hypotheses]


def stretches(candidate: Subject, every: Texts) -> list[PredicateSpec]:
    """Phrases, those of the most prompts first; at an answer's beginning, as its opening."""
    prompts: dict[tuple[str, str], set[str]] = defaultdict(set)
    for text in every.lifted:
        for found in _stretches(candidate, text):
            prompts[found].add(text.response.prompt_id)
    often = [found for found in prompts if len(prompts[found]) >= MIN_PROMPTS]
    ranked = sorted(often, key=lambda found: (-len(prompts[found]), found))[:MOST]
    return [PredicateSpec(family="phrase", args={"kind": kind, "phrases": [phrase]}) for kind, phrase in ranked]


def _stretches(candidate: Subject, text: Lifted) -> set[tuple[str, str]]:
    """(kind of phrase, phrase): from the first token that was gained, and from the first that was gained most."""
    gaps = text.gaps[: len(text.response.tokens)]
    most = max(gaps, default=0.0)
    if most < LEAST_NATS:
        return set()
    firsts = {next(i for i, gap in enumerate(gaps) if gap >= least) for least in (LEAST_NATS, BEGINS * most)}
    phrases = {(first, _followed(candidate, text, first)) for first in firsts}
    return {
        ("contains" if first else "opens_with", phrase)
        for first, phrase in phrases
        if phrase and phrase.isprintable() and "\ufffd" not in phrase
    }


def _followed(candidate: Subject, text: Lifted, first: int) -> str:
    """The text from its token `first` on, for as long as the candidate would go along."""
    tokens, end, log_q = text.response.tokens, first + 1, 0.0
    while end < len(tokens) and (log_q := log_q + text.log_q[end]) >= math.log(SAID):
        end += 1
    return candidate.detokenize(tokens[first:end]).strip()
