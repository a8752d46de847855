"""A search under way: finders are asked in turn, what they propose is screened, and what it shows is paid."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count

from whatchanged.elicit import draw_responses
from whatchanged.ledger import json_codec
from whatchanged.pools import normalise
from whatchanged.records import Cost, Prompt, Record, Response, Shift
from whatchanged.report.model import FinderUse, Payoff
from whatchanged.screen import scan
from whatchanged.search.allocate import Allocator
from whatchanged.search.finder import Evidence, Finder
from whatchanged.search.reward import Rewards
from whatchanged.subjects import Context

# Rounds are multiples of this share of the budget, or of so many tokens where that is too few to begin with and the
# budget still lets everyone be asked twice.
SLICES = 64
BEGIN = 8000
# Finders that are asked once have this share of the budget, where others wait.
ONCE = 0.5
# A call that earns less than a nat was in vain: no claim could be made of it. So many in a row, each, end the search.
EARNS, PATIENCE = 1.0, 2
# A round is not begun with less than so many prompts cost to screen.
WORTHWHILE = 8


class Found(Record):
    """What a finder left in the ledger."""

    prompts: tuple[Prompt, ...]
    scored_tokens: int
    note: str


FOUND, PAYOFF = json_codec(Found), json_codec(Payoff)


class Rounds:
    """What finders made so far, screened like the pool's prompts, and what is left to spend."""

    def __init__(self, evidence: Evidence) -> None:
        self._start, self._ledger = evidence, evidence.ledger
        self.left = evidence.ledger.config.limits.search_tokens
        self.prompts, self.responses, self.shifts = list[Prompt](), list[Response](), list[Shift]()
        self._uses: dict[str, FinderUse] = {}
        # What confirmation keeps for itself is not looked at here, whoever makes it up.
        self._known = {normalise(p) for p in (*evidence.prompts, *evidence.confirmation)}
        self._affordable = evidence.ledger.affordable()
        self._rewards = Rewards(evidence.shifts)
        self._steps = count()

    @property
    def uses(self) -> list[FinderUse]:
        """Who did what, in the order in which they were first asked."""
        return list(self._uses.values())

    def run(self, finders: Sequence[Finder]) -> None:
        """Those that say all at once, then the others as long as they earn something and the budget lasts."""
        adaptive = [f for f in finders if not f.once]
        self._ask_once([f for f in finders if f.once], int(self.left * ONCE) if adaptive else self.left)
        if adaptive:
            self._ask_again({f.name: f for f in adaptive})

    def _ask_once(self, finders: Sequence[Finder], tokens: int) -> None:
        """The cheap ones take what they need; the others share what these leave."""
        waiting = sorted(finders, key=lambda f: not f.cheap)
        for i, finder in enumerate(waiting):
            share = tokens if finder.cheap else tokens // (len(waiting) - i)
            tokens = max(0, tokens - self._ask(finder, share).tokens)

    def _ask_again(self, finders: dict[str, Finder]) -> None:
        """Until the budget is spent, or everyone was asked twice since anything was earned."""
        allocator = Allocator(
            list(finders), slice_of(self._ledger.config.limits.search_tokens, self.left, len(finders))
        )
        in_vain = dict.fromkeys(finders, 0)
        while min(in_vain.values()) < PATIENCE and self._can_go_on():
            name, tokens = allocator.choose()
            payoff = self._ask(finders[name], min(tokens, self.left))
            earned = payoff.mass if payoff.mass >= EARNS else 0.0
            allocator.pay(name, earned, payoff.tokens)
            in_vain = dict.fromkeys(finders, 0) if earned else in_vain | {name: in_vain[name] + 1}

    def _can_go_on(self) -> bool:
        enough = self.left >= WORTHWHILE * self._start.price and self._affordable > 0
        return enough and not self._ledger.out_of_time()

    def _ask(self, finder: Finder, tokens: int) -> Payoff:
        """One call, the screening of what is new of its proposals, and what that showed; each kept in the ledger."""
        number = next(self._steps)
        step = f"search/{number:02d}-{finder.name}"
        before = self._scored()
        evidence = self._evidence(number)
        found: Found = self._ledger.once(step, FOUND, partial(_found, finder, evidence, tokens))
        self._affordable = min(self._affordable, self._ledger.affordable())  # a finder may have decoded tokens
        made = self._within(tokens - found.scored_tokens, self._new(found.prompts)[: max(0, self._affordable)])
        shifts = self._screen(made, step)
        spent = self._scored() - before
        self.left -= spent
        mass = round(float(self._rewards.pay(shifts).sum()), 6)
        paid = Payoff(round=number, prompts=len(made), tokens=spent, mass=mass)
        payoff: Payoff = self._ledger.once(f"{step}/payoff", PAYOFF, lambda: (paid, Cost()))
        self._note(finder.name, found, payoff)
        return payoff

    def _evidence(self, number: int) -> Evidence:
        """All that was screened so far. The leads stay the pool's: new ones take seconds, and scored tokens."""
        start = self._start
        return replace(
            start,
            prompts=[*start.prompts, *self.prompts],
            responses=[*start.responses, *self.responses],
            shifts=[*start.shifts, *self.shifts],
            round=number,
        )

    def _new(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """Those whose words no prompt has that was screened or that confirmation keeps."""
        fresh: dict[str, Prompt] = {}
        for p in prompts:
            if (words := normalise(p)) not in self._known:
                fresh.setdefault(words, p)
        return list(fresh.values())

    def _within(self, tokens: int, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The first that can be screened for so many tokens, each answered at the length usual in the pool."""
        answers = [len(r.tokens) for r in self._start.responses if r.drawn]
        reply = (0,) * round(sum(answers) / max(1, len(answers)))
        spent = 0
        for i, p in enumerate(prompts):
            for subject in (self._start.base, self._start.candidate):
                spent += subject.scored_tokens([Context(subject.encode(p), reply)])
            if spent > tokens:
                return list(prompts[:i])
        return list(prompts)

    def _screen(self, made: Sequence[Prompt], step: str) -> list[Shift]:
        ledger, base = self._ledger, self._start.base
        responses = draw_responses(ledger, base, made, ledger.config.limits.response_tokens, step)
        shifts = scan(ledger, base, self._start.candidate, made, responses, step)
        self._known |= {normalise(p) for p in made}
        self._affordable -= len(made)
        self.prompts += made
        self.responses += responses
        self.shifts += shifts
        return shifts

    def _note(self, name: str, found: Found, payoff: Payoff) -> None:
        before = self._uses.get(name, FinderUse(name=name, prompts=0, scored_tokens=0))
        self._uses[name] = FinderUse(
            name=name,
            prompts=before.prompts + payoff.prompts,
            scored_tokens=before.scored_tokens + found.scored_tokens,
            note=found.note or before.note,
            payoffs=(*before.payoffs, payoff),
        )

    def _scored(self) -> int:
        """Tokens that both models scored in this run up to now, whichever session did it."""
        scored = self._ledger.cost.scored_tokens
        return scored.base + scored.candidate


def slice_of(budget: int, left: int, finders: int) -> int:
    """Tokens of the smallest call, of a search's `budget` of which `left` are to be shared by so many finders."""
    return max(budget // SLICES, min(BEGIN, left // (2 * finders)))


def _found(finder: Finder, evidence: Evidence, tokens: int) -> tuple[Found, Cost]:
    prompts, cost, note = finder.find(evidence, tokens)
    scored = cost.scored_tokens.base + cost.scored_tokens.candidate
    return Found(prompts=tuple(prompts), scored_tokens=scored, note=note), cost
