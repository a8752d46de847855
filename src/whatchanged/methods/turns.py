"""The prompt search of contrastive decoding: amplified user turns, grown from the prompts that set the models apart."""

from collections.abc import Sequence

from whatchanged.ledger import json_codec
from whatchanged.methods.amplify import Texts, texts
from whatchanged.opened import Opened
from whatchanged.pools import normalise
from whatchanged.records import Cost, Prompt
from whatchanged.search import Evidence
from whatchanged.search.turns import Start, Writer
from whatchanged.subjects import stream_key

ROUNDS, PARENTS = 2, 8
# Of a user turn's logits: candidate + a (candidate - base).
AMPLIFIED = 2.0
PROMPTS = json_codec(list[Prompt])


def grown(audit: Opened, told: Texts, count: int, name: str) -> Texts:
    """Amplified texts on `count` prompts that no pool holds, a round at a time from the best prompts so far."""
    made = Texts([], [], [])
    for number in range(ROUNDS):
        wanted = count * (number + 1) // ROUNDS - len(made.prompts)
        if wanted < 1 or audit.ledger.out_of_time():
            break
        prompts = _written(audit, told.plus(made), wanted, number, name)
        made = made.plus(texts(audit, prompts, len(prompts), f"search-{number}"))
    return made


def ranked(some: Texts) -> list[Prompt]:
    """Distinct prompts, those whose amplified texts diverge most first."""
    order = sorted(zip(some.prompts, some.lifted, strict=True), key=lambda both: (-both[1].kl, both[0].id))
    return list({prompt.id: prompt for prompt, _ in order}.values())


def _written(audit: Opened, known: Texts, count: int, number: int, name: str) -> list[Prompt]:
    """New prompts: one start in three the template's opening alone, the others the first half of a good prompt."""
    ledger, base, candidate = audit.ledger, audit.base, audit.candidate
    config = ledger.config
    parents = [p for p in ranked(known) if len(p.messages) == 1][:PARENTS]
    evidence = Evidence(ledger, base, candidate, known.prompts, known.base, (), ())
    # No prompt is tested that was made here, and none is made that waits for a test.
    held = {normalise(p) for p in audit.prompts.confirmation}

    def work() -> tuple[list[Prompt], Cost]:
        writer = Writer(evidence, name)
        prefills = _prefills(parents, opened=all(s.user_opening() for s in writer.sides))
        keys = [stream_key(name, config.seed, number, i) for i in range(3 * count if prefills else 0)]
        starts = [Start(prefills[i % len(prefills)], AMPLIFIED, key) for i, key in enumerate(keys)]
        turns = writer.write(starts, config.limits.search_tokens // ROUNDS)
        best = sorted(turns, key=lambda turn: (-turn.gap, turn.text))
        prompts = [Prompt.user(turn.text, source=name) for turn in best]
        return [p for p in prompts if normalise(p) not in held][:count], writer.cost

    found: list[Prompt] = ledger.once(f"amplify/turns-{number}", PROMPTS, work)
    return found


def _prefills(parents: Sequence[Prompt], opened: bool) -> list[str]:
    halves = [" ".join((words := p.text.split())[: (len(words) + 1) // 2]) for p in parents]
    prefills = [half for half in dict.fromkeys(halves) if half]
    return [*prefills, *[""] * (max(1, len(prefills) // 2) if opened else 0)]
