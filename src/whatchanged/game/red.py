"""Red: proposes prompts on which the models should differ in a way that blue does not foresee."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from whatchanged import registry
from whatchanged.game.tags import tagged
from whatchanged.pools import normalise
from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import WORD, Cost, Message, Prompt, Record
from whatchanged.search import Evidence, Finder, chosen
from whatchanged.subjects import stream, stream_key

SOURCE = "game"
# Prompts that are edited: those that blue foresaw worst.
PARENTS = 24
# Edits that are tried for each that is wanted, before red gives up.
TRIES = 8


class Move(Record):
    """What red proposes in one round, and the finder whose turn it was ('' where none can be asked again)."""

    prompts: tuple[Prompt, ...]
    finder: str = ""


class Scored(NamedTuple):
    """A prompt and the nats of its shift that blue did not foresee."""

    prompt: Prompt
    unforeseen: float


def move(evidence: Evidence, pool: int, unforeseen: NDArray[np.float64], count: int, turn: int) -> tuple[Move, Cost]:
    """At most `count` new prompts: half from the finder whose turn it is, the others edits of what was foreseen worst.

    The first `pool` prompts of the evidence are the pool's. `unforeseen` (prompts,) is aligned with the evidence.
    Deterministic.
    """
    known = {normalise(p) for p in (*evidence.prompts, *evidence.confirmation)}
    name, asked, cost = _asked(evidence, count // 2, turn)
    made = _new(iter(asked), known, count // 2)
    made += _new(edits(evidence, unforeseen, TRIES * count), known, count - len(made))
    return Move(prompts=tuple(tagged(made, evidence.prompts[:pool])), finder=name), cost


def edits(evidence: Evidence, unforeseen: NDArray[np.float64], count: int) -> Iterator[Prompt]:
    """Edits of the prompts that were foreseen worst: two halves joined, half of one, or one of its words elsewhere.

    They keep their parents' tags, so that a finding about tagged prompts speaks of them too.
    """
    rng = stream(stream_key("game", evidence.ledger.config.seed, evidence.round))
    order = np.argsort(-unforeseen, kind="stable")[:PARENTS]
    parents = [Scored(evidence.prompts[i], float(unforeseen[i])) for i in order if unforeseen[i] > 0]
    if not parents:
        return
    nats = np.array([p.unforeseen for p in parents])
    for number in range(count):
        first, second = (parents[i].prompt for i in rng.choice(len(parents), 2, p=nats / nats.sum()))
        host = evidence.prompts[int(rng.integers(len(evidence.prompts)))]
        match number % 3:
            case 0:
                yield _joined(first, second)
            case 1:
                yield _half(first, bool(rng.integers(2)))
            case _:
                if words := WORD.findall(first.text):
                    place = PLACES[int(rng.integers(len(PLACES)))]
                    yield _tagged(with_text(host, words[int(rng.integers(len(words)))], place, SOURCE), host, first)


def _asked(evidence: Evidence, count: int, turn: int) -> tuple[str, Sequence[Prompt], Cost]:
    """The finder whose turn it is, of those that have more to say than they said in the search, and its prompts."""
    finders: list[Finder] = [registry.finders[name]() for name in chosen(evidence.ledger.config.finders)]
    finders = [f for f in finders if not f.once and evidence.access >= f.needs]
    if not finders or count < 1:
        return "", (), Cost()
    finder = finders[turn % len(finders)]
    prompts, cost, _ = finder.find(evidence, count * evidence.price)
    return finder.name, prompts, cost


def _new(prompts: Iterator[Prompt], known: set[str], count: int) -> list[Prompt]:
    """The first `count` whose words are not known; they are known from then on."""
    found: list[Prompt] = []
    for prompt in prompts:
        if len(found) == count:
            break
        words = normalise(prompt)
        if words.strip() and words not in known:
            known.add(words)
            found.append(prompt)
    return found


def _joined(first: Prompt, second: Prompt) -> Prompt:
    """The first half of one prompt's words and the second half of the other's."""
    a, b = _words(first), _words(second)
    words = [*a[: (len(a) + 1) // 2], *b[len(b) // 2 :]]
    return _tagged(_said(first, words), first, second)


def _half(prompt: Prompt, late: bool) -> Prompt:
    words = _words(prompt)
    middle = (len(words) + 1) // 2
    return _tagged(_said(prompt, words[middle:] if late else words[:middle]), prompt)


def _words(prompt: Prompt) -> list[str]:
    return prompt.messages[-1].content.split()


def _said(prompt: Prompt, words: Sequence[str]) -> Prompt:
    """The prompt with these words as its last message."""
    *before, last = prompt.messages
    return Prompt(messages=(*before, Message(role=last.role, content=" ".join(words))), source=SOURCE)


def _tagged(prompt: Prompt, *parents: Prompt) -> Prompt:
    tags = tuple(dict.fromkeys(tag for parent in parents for tag in parent.tags))
    return prompt.model_copy(update={"tags": tags})
