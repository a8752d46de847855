"""Answers of both models, one chunk at a time: most their own, some amplified, each with the weight it stands for."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatchanged.config import AuditConfig
from whatchanged.elicit.amplified import Ask, lifted_answers, log_probabilities
from whatchanged.predicates import Predicate
from whatchanged.records import Cost, Prompt, Record, Tokens
from whatchanged.stats import mixture_weights
from whatchanged.subjects import Continue, Ids, Subject, stream, stream_key

# The models' own draws, as a share: weights are at most 1 / PLAIN, and the parts of the event that no amplification
# reaches are looked for at nearly the price of brute force.
PLAIN = 0.9
LADDER = (1.0, 2.0, 3.0)
SHARES = (PLAIN, *[(1 - PLAIN) / len(LADDER)] * len(LADDER))
ROWS = 64
BASE, CANDIDATE = 0, 1


class Weighed(Record):
    """A chunk: f times the weight of each answer, for both models, in the order drawn.

    `own` of the answers are a model's own, with `plain` tokens; the others, with `amplified` tokens, serve both.
    """

    base: tuple[float, ...]
    candidate: tuple[float, ...]
    own: int
    plain: Tokens
    amplified: int


class Draw(NamedTuple):
    """What an answer is drawn with; `level` is the step of the ladder, or -1 for the model's own."""

    prompt: Prompt
    level: int
    name: str


class Answers:
    """Where answers come from and how they count."""

    def __init__(
        self, config: AuditConfig, models: tuple[Subject, Subject], prompts: Sequence[Prompt], predicate: Predicate
    ) -> None:
        self.config, self.models, self.prompts, self.predicate = config, models, prompts, predicate
        spec = predicate.spec
        # What holds of the words so far goes on to hold: the rest of the answer would only make weights uneven.
        self.lasting = spec.family == "phrase" and spec.args["kind"] in ("contains", "opens_with")

    def chunk(self, number: int, size: int) -> tuple[Weighed, Cost]:
        """`size` answers a model. Prompts and proposals are random, so that values are independent and alike."""
        draws = self._draws(number, size)
        values, scored = np.zeros((2, size)), 0
        lifted = [i for i, d in enumerate(draws) if d.level >= 0]
        amplified = self._amplified(draws, lifted, values)
        own = [i for i, d in enumerate(draws) if d.level < 0]
        plain = []
        for side in (BASE, CANDIDATE):
            tokens, read = self._plain(draws, own, side, values)
            plain.append(tokens)
            scored += read
        counted = Tokens(base=plain[BASE], candidate=plain[CANDIDATE])
        stepped = Tokens(base=plain[BASE] + amplified, candidate=plain[CANDIDATE] + amplified)
        weighed = Weighed(
            base=tuple(values[BASE].tolist()),
            candidate=tuple(values[CANDIDATE].tolist()),
            own=len(own),
            plain=counted,
            amplified=amplified,
        )
        return weighed, Cost(decoded_tokens=stepped, scored_tokens=Tokens(base=scored, candidate=scored))

    def _draws(self, number: int, size: int) -> list[Draw]:
        rng = stream(stream_key(self.config.seed, "rare", number))
        which = rng.integers(len(self.prompts), size=size).tolist()
        levels = (rng.choice(len(SHARES), size=size, p=SHARES) - 1).tolist()
        return [Draw(self.prompts[p], k, f"{number}/{i}") for i, (p, k) in enumerate(zip(which, levels, strict=True))]

    def _amplified(self, draws: Sequence[Draw], rows: Sequence[int], values: NDArray[np.float64]) -> int:
        """Fill in the values of these rows for both models; the tokens drawn."""
        limit, temperature, total = self.config.limits.response_tokens, self.config.temperature, 0
        for start in range(0, len(rows), ROWS):
            batch = rows[start : start + ROWS]
            asks = [Ask(draws[i].prompt, draws[i].level, self._key(draws[i], "amplified")) for i in batch]
            for i, answer in zip(
                batch,
                lifted_answers(*self.models, asks, LADDER, limit, temperature, self._settled),
                strict=True,
            ):
                total += len(answer.drawn)
                if f := self._score(answer.drawn, draws[i].prompt):
                    values[:, i] = f * self._weights(answer.logs)
        return total

    def _plain(
        self, draws: Sequence[Draw], rows: Sequence[int], side: int, values: NDArray[np.float64]
    ) -> tuple[int, int]:
        """Fill in the values of these rows for one model; the tokens drawn, and those of one model's scoring.

        An answer that does not count is worth 0 whatever its weight, so only those that do are scored.
        """
        subject, limit, temperature = self.models[side], self.config.limits.response_tokens, self.config.temperature
        name = ("base", "candidate")[side]
        ids = {p.id: subject.encode(p) for p in {draws[i].prompt.id: draws[i].prompt for i in rows}.values()}
        requests = [Continue(ids[draws[i].prompt.id], (), self._key(draws[i], name)) for i in rows]
        total = scored = 0
        for i, one in zip(rows, subject.sample(requests, limit, temperature), strict=True):
            prompt, drawn = draws[i].prompt, one.tokens if one.end is None else (*one.tokens, one.end)
            total += len(drawn)
            if f := self._score(drawn, prompt):
                short = next((d for d in _prefixes(drawn) if self._settled(d, prompt)), drawn)
                logs = log_probabilities(*self.models, prompt, short, LADDER, temperature)
                values[side, i] = f * self._weights(logs)[side]
                scored += len(ids[prompt.id]) + len(short) - 1
        return total, scored

    def _weights(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[2]: base's and candidate's, each against the mixture of its own law and the ladder's."""
        return np.array([mixture_weights(logs[s], logs[[s, *range(2, len(logs))]], SHARES) for s in (BASE, CANDIDATE)])

    def _score(self, drawn: Ids, prompt: Prompt) -> float:
        text = self.models[CANDIDATE].detokenize([t for t in drawn if t not in self.models[CANDIDATE].end_ids])
        return self.predicate.score(text, prompt)

    def _settled(self, drawn: Ids, prompt: Prompt) -> bool:
        return self.lasting and self._score(drawn, prompt) == 1.0

    def _key(self, draw: Draw, name: str) -> int:
        return stream_key(self.config.seed, "rare", draw.name, name)


def _prefixes(drawn: Ids) -> Iterator[Ids]:
    return (drawn[:n] for n in range(1, len(drawn) + 1))
