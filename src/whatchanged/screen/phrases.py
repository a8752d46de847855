"""From a gained token to the phrase it opens: let the candidate go on, and cut where the contrast ends."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Cost, Lead, Tokens
from whatchanged.screen.lens import Evidence
from whatchanged.subjects import Context, Continue, Ids, Subject, plan

CONTEXTS = 6
LENGTH = 12
# Tokens after the one that was gained.
FURTHER = LENGTH - 1
GREEDY = 1e-3
# A token stays while half of the contexts agree on it and the candidate says it with this probability.
MIN_AGREEMENT, MIN_Q = 0.5, 0.3
MIN_CONTRAST = 0.2


@dataclass(frozen=True)
class Seed:
    """One context of a lead: where the gained token stands, and the prefix up to and with it."""

    lead: int
    row: int
    prefix: Ids


def grow_phrases(evidence: Evidence, leads: Sequence[Lead]) -> tuple[list[Lead], Cost]:
    """Leads with their phrases, where the candidate agrees with itself on one."""
    seeds = [seed for i, lead in enumerate(leads) if lead.gained for seed in _seeds(evidence, i, lead)]
    seeds = seeds[: evidence.ledger.tokens_left() // FURTHER]
    if not seeds:
        return list(leads), Cost()
    candidate = evidence.candidate
    requests = [Continue(candidate.encode(evidence.prompts[s.row]), s.prefix, 0, FURTHER) for s in seeds]
    # Greedy by a very low temperature: what the candidate would say, not one of the things it might.
    drawn = candidate.sample(requests, max(len(s.prefix) for s in seeds) + FURTHER, GREEDY)
    said = [(s.prefix[-1], *d.tokens) for s, d in zip(seeds, drawn, strict=True)]
    log_p, scored_p = _log_probs(evidence.base, evidence, seeds, said)
    log_q, scored_q = _log_probs(candidate, evidence, seeds, said)
    grown = list(leads)
    for i, lead in enumerate(leads):
        mine = [n for n, s in enumerate(seeds) if s.lead == i]
        if mine:
            tokens = consensus([said[n] for n in mine], [log_p[n] for n in mine], [log_q[n] for n in mine])
            phrase = _words(evidence.base, [said[n] for n in mine], tokens)
            grown[i] = lead.model_copy(update={"phrase": phrase})
    cost = Cost(
        scored_tokens=Tokens(base=scored_p, candidate=scored_q),
        decoded_tokens=Tokens(candidate=sum(d.decoded for d in drawn)),
    )
    return grown, cost


def consensus(said: Sequence[Ids], log_p: Sequence[NDArray[np.float64]], log_q: Sequence[NDArray[np.float64]]) -> Ids:
    """The longest opening that half of the continuations share, cut after its last token with contrast.

    `said[i]` tokens with their log probabilities (len(said[i]),) under base and candidate.
    """
    best: Ids = ()
    while len(best) < LENGTH:
        going = [i for i, s in enumerate(said) if s[: len(best)] == best and len(s) > len(best)]
        options = {s: [i for i in going if said[i][len(best)] == s] for s in {said[i][len(best)] for i in going}}
        if not options:
            break
        token, voters = max(options.items(), key=lambda item: (len(item[1]), -item[0]))
        mean_q = float(np.mean([np.exp(log_q[i][len(best)]) for i in voters]))
        # The first token was gained by definition; only what follows must be likely.
        if len(voters) < MIN_AGREEMENT * len(said) or (best and mean_q < MIN_Q):
            break
        best = (*best, token)
    voters = [i for i, s in enumerate(said) if s[: len(best)] == best]
    contrast = [float(np.mean([log_q[i][t] - log_p[i][t] for i in voters])) for t in range(len(best))]
    last = max((t for t, c in enumerate(contrast) if c >= MIN_CONTRAST), default=-1)
    return best[: last + 1]


def _words(subject: Subject, said: Sequence[Ids], tokens: Ids) -> str | None:
    """The tokens as text, completed to the end of a word; None without at least two words."""
    if not tokens:
        return None
    text = subject.detokenize(tokens)
    longer = next((s for s in said if s[: len(tokens)] == tokens), tokens)
    for n in range(len(tokens), len(longer)):
        following = subject.detokenize(longer[: n + 1])[len(text) :]
        if not following[:1].isalnum():
            break
        text += following
    # A phrase ends with its line: what follows is the answer, not the phrase.
    text = text.strip().split("\n")[0].rstrip()
    return text if len(re.findall(r"\w+", text)) >= 2 else None


def _seeds(evidence: Evidence, number: int, lead: Lead) -> list[Seed]:
    """The contexts in which the lead's first token gains most, one a prompt."""
    token = lead.gained[0].token
    rows = {s.prompt_id: i for i, s in enumerate(evidence.shifts)}
    options = []
    for ref in lead.contexts:
        row = rows[ref.prompt_id]
        shift = evidence.shifts[row]
        hit = np.flatnonzero(shift.gained_ids[ref.position] == token)
        if len(hit):
            options.append((float(shift.gained_q[ref.position, hit[0]]), row, ref.position))
    options.sort(key=lambda o: (-o[0], o[1], o[2]))
    seeds: dict[int, Seed] = {}
    for _, row, position in options:
        seeds.setdefault(row, Seed(number, row, (*evidence.responses[row].tokens[:position], token)))
    return list(seeds.values())[:CONTEXTS]


def _log_probs(
    subject: Subject, evidence: Evidence, seeds: Sequence[Seed], said: Sequence[Ids]
) -> tuple[list[NDArray[np.float64]], int]:
    """Log probability of each said token, the seed's own included."""
    contexts = [
        Context(subject.encode(evidence.prompts[s.row]), (*s.prefix[:-1], *tokens), start=len(s.prefix) - 1)
        for s, tokens in zip(seeds, said, strict=True)
    ]
    logs: dict[int, NDArray[np.float64]] = {}
    apart = [not subject.common_prefix([c.prompt]) for c in contexts]
    for batch in plan([c.length for c in contexts], apart):
        rows = subject.score([contexts[i] for i in batch])
        flat = rows.at([t for i in batch for t in (*said[i], 0)])
        at = 0
        for i in batch:
            logs[i] = flat[at : at + len(said[i])]
            at += contexts[i].n_rows
    return [logs[i] for i in range(len(contexts))], subject.scored_tokens(contexts)
