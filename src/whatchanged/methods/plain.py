"""How often the candidate, not amplified, does what amplified texts suggested: rates by importance weights.

Half of the answers are the candidate's own, half are amplified; each counts by its weight under the candidate alone.
The candidate's own half bounds every weight by 2 (defensive mixture: Hesterberg 1995; Owen and Zhou 2000).
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from whatchanged.elicit.amplified import Ask
from whatchanged.ledger import json_codec
from whatchanged.methods.amplify import CHUNK, STRENGTHS, along, lift, response
from whatchanged.opened import Opened
from whatchanged.predicates import Predicate, load
from whatchanged.records import Cost, Finding, Prompt, Record, Response, Tokens
from whatchanged.report import PlainRate
from whatchanged.stats import importance_interval, mixture_weights
from whatchanged.subjects import Continue, Ids, Subject, stream, stream_key

OWN = 0.5
SHARES = (OWN, *[(1 - OWN) / len(STRENGTHS)] * len(STRENGTHS))


class Weighed(Record):
    """An answer, and the weight of each of its beginnings: entry t is that of the first t + 1 tokens drawn."""

    response: Response
    amplified: bool
    weights: tuple[float, ...]


WEIGHED = json_codec(list[Weighed])


def weigh(audit: Opened, prompts: Sequence[Prompt], count: int) -> list[Weighed]:
    """`count` answers, each to a random one of `prompts`, from the mixture of the candidate and its amplified forms."""
    found: list[Weighed] = []
    for number, start in enumerate(range(0, count if prompts else 0, CHUNK)):
        work = partial(_weigh, audit, prompts, number, min(CHUNK, count - start))
        found += audit.ledger.once(f"weigh/answers-{number:04d}", WEIGHED, work)
    return found


def plain_rate(
    finding: Finding, weighed: Sequence[Weighed], prompts: Mapping[str, Prompt], candidate: Subject, alpha: float
) -> PlainRate:
    """The rate in the finding's region, with an interval at 1 - alpha that holds for any number of answers."""
    predicate = load(finding.predicate)
    inside = [w for w in weighed if finding.region.contains(prompts[w.response.prompt_id])]
    values = [_value(predicate, w, prompts[w.response.prompt_id], candidate) for w in inside]
    # Rounding of the weights may pass the bound by a hair.
    rate = importance_interval(np.minimum(values, 1 / OWN), 1 / OWN, alpha)
    return PlainRate(
        finding=finding.id,
        rate=round(min(rate.rate, 1.0), 6),
        low=round(rate.low, 6),
        high=round(rate.high, 6),
        effective=round(rate.effective, 2),
        answers=rate.n,
    )


def _weigh(audit: Opened, prompts: Sequence[Prompt], number: int, size: int) -> tuple[list[Weighed], Cost]:
    config, candidate = audit.ledger.config, audit.candidate
    rng = stream(stream_key(config.seed, "weigh", number))
    asked = [prompts[i] for i in rng.integers(len(prompts), size=size).tolist()]
    levels = (rng.choice(len(SHARES), size=size, p=SHARES) - 1).tolist()
    keys = [stream_key(config.seed, "weigh", number, i) for i in range(size)]
    drawn: list[Ids] = [()] * size
    lifted, own = ([i for i in range(size) if (levels[i] >= 0) == yes] for yes in (True, False))
    if lifted:
        for i, said in zip(lifted, lift(audit, [Ask(asked[i], levels[i], keys[i]) for i in lifted]), strict=True):
            drawn[i] = said
    requests = [Continue(candidate.encode(asked[i]), (), keys[i]) for i in own]
    for i, one in zip(own, candidate.sample(requests, config.limits.response_tokens, config.temperature), strict=True):
        drawn[i] = one.tokens if one.end is None else (*one.tokens, one.end)
    seen, cost = along(audit, asked, drawn)
    stepped, total = sum(len(drawn[i]) for i in lifted), sum(map(len, drawn))
    made = []
    for i, there in enumerate(seen):
        logs = np.cumsum(there.logs, 1)
        weights = mixture_weights(logs[1], logs[1:].T, SHARES)
        answer = response(audit, asked[i], number * CHUNK + i, drawn[i])
        made.append(Weighed(response=answer, amplified=levels[i] >= 0, weights=tuple(weights.tolist())))
    return made, cost + Cost(decoded_tokens=Tokens(base=stepped, candidate=total))


def _value(predicate: Predicate, weighed: Weighed, prompt: Prompt, candidate: Subject) -> float:
    """f times the weight. What a beginning settles for good is weighed there: the rest would only add noise."""
    said = weighed.response
    score = predicate.score(said.text, prompt)
    if not score:
        return 0.0
    spec, end = predicate.spec, len(weighed.weights)
    if spec.family == "phrase" and spec.args["kind"] in ("contains", "opens_with"):
        beginnings = (n for n in range(1, len(said.tokens)) if predicate.score(_text(candidate, said, n), prompt))
        end = next(beginnings, end)
    return score * weighed.weights[end - 1]


def _text(candidate: Subject, said: Response, n: int) -> str:
    return candidate.detokenize(said.tokens[:n])
