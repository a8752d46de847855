"""Quality-diversity search: what is kept, what is made of it, and where rounds of it lead."""

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from evidence import evidence_of
from rare import search_evidence
from words import INDEX, KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.ledger import Ledger
from whatchanged.pools import normalise
from whatchanged.records import Cost, Lead, Message, Prompt, TokenShift
from whatchanged.search import Author, Authored, Evidence
from whatchanged.search.archive import Gains, elites
from whatchanged.search.mutants import Mutator, candidate_triggers
from whatchanged.search.mutation import REWRITTEN, Mutation
from whatchanged.search.topics import topics
from whatchanged.subjects import Ids

POOL = prompts_about()[:200]
WHOLE = "boat", "judge"


class BothWords(WordSubject):
    """Says KITCHEN at 0.8 where a prompt has both words of a pair, rarely where it has one. No pool prompt has both."""

    def __init__(self, drift: float = 0.0) -> None:
        super().__init__(drift=drift)
        self.name = self.weights_id = self.fingerprint = f"both-{drift}"
        self.at = [WordSubject(Plant(KITCHEN, rate), drift=drift) for rate in (1e-4, 0.05, 0.8)]

    def law(self, prompt: Ids, said: Ids) -> np.ndarray:
        return self.at[sum(INDEX[word] in prompt for word in WHOLE)].law(prompt, said)


def lead(phrase: str) -> Lead:
    first = phrase.split()[0]
    shift = TokenShift(token=INDEX[first], text=first, p=0.0, q=0.5, weight=1.0)
    return Lead(id=phrase, gained=(shift,), phrase=phrase)


def grown(evidence: Evidence, made: list[Prompt], ledger: Ledger) -> Evidence:
    """The next round's evidence."""
    seen = evidence_of(ledger, evidence.base, evidence.candidate, made)
    both = {name: [*getattr(evidence, name), *getattr(seen, name)] for name in ("prompts", "responses", "shifts")}
    return replace(evidence, round=evidence.round + 1, **both)


@pytest.mark.parametrize("drift", [0.0, 0.1])
def test_rounds_of_it_find_a_pair_of_words_that_no_prompt_held(new_ledger, drift):
    base, candidate = WordSubject(), BothWords(drift)
    evidence = search_evidence(new_ledger("pool"), base, candidate, POOL)
    last: list[Prompt] = []
    for n in range(3):
        last = Mutation().find(evidence, 150 * evidence.price).prompts
        evidence = grown(evidence, last, new_ledger(f"round {n}"))
    held = Counter(sum(word in p.text for word in WHOLE) for p in last)
    assert held[2] > len(last) / 5
    chance = prompts_about()[200 : 200 + len(last)]
    merit = Gains(grown(evidence, chance, new_ledger("chance"))).merit()
    found, random = (merit[-k:][: len(last)] for k in (2 * len(last), len(last)))
    assert found.mean() > 3 * max(random.mean(), 0.1)


def test_a_cell_keeps_its_best_prompt_alone(new_ledger):
    """The same archive, made the plain way."""
    candidate = WordSubject(Plant(KITCHEN, 0.5, TOPICS["sea"]), Plant(SAILOR, 0.4, TOPICS["law"]), drift=0.1)
    evidence = search_evidence(new_ledger(), WordSubject(), candidate, POOL, [lead(KITCHEN), lead(SAILOR)])
    gains = Gains(evidence)
    nearest, merit = gains.nearest(evidence.leads), gains.merit()
    groups = topics([p.text for p in POOL], 0)
    best: dict[tuple[int, int, int], int] = {}
    for i, p in enumerate(POOL):
        topic = next(n for n, (_, mask) in enumerate(groups) if mask[i])
        length = next((n for n, most in enumerate((4, 8, 16, 32)) if len(p.text.split()) <= most), 4)
        cell = (int(nearest[i]), topic, length)
        if cell not in best or merit[i] > merit[best[cell]]:
            best[cell] = i
    assert elites(evidence, gains) == sorted(best.values())
    assert len(best) > 6


def test_prompts_are_told_apart_by_the_lead_that_their_shift_is_nearest_to(new_ledger):
    candidate = WordSubject(Plant(KITCHEN, 0.5, TOPICS["sea"]), Plant(SAILOR, 0.4, TOPICS["law"]))
    evidence = search_evidence(new_ledger(), WordSubject(), candidate, POOL, [lead(KITCHEN), lead(SAILOR)])
    nearest = Gains(evidence).nearest(evidence.leads)
    for topic, expected in (("sea", 0), ("law", 1), ("music", 2)):
        assert {int(n) for n, p in zip(nearest, POOL, strict=True) if topic in p.tags} == {expected}


def test_what_the_pools_median_prompt_shows_is_drift(new_ledger):
    """Said everywhere it is worth nothing, said on one topic it is worth what is said there."""
    everywhere, narrow = Plant(KITCHEN, 0.6), Plant(SAILOR, 0.3, TOPICS["sea"])
    for name, plants in (("one", (narrow,)), ("both", (everywhere, narrow))):
        evidence = search_evidence(new_ledger(name), WordSubject(), WordSubject(*plants), POOL)
        merit = Gains(evidence).merit()
        sea = np.array(["sea" in p.tags for p in POOL])
        assert np.median(merit[~sea]) == pytest.approx(0, abs=1e-9)
        assert merit[sea].min() > max(0.2, merit[~sea].max())


def test_prompts_of_finders_do_not_move_the_pools_median(new_ledger):
    candidate = WordSubject(Plant(KITCHEN, 0.6, ("boat",)))
    evidence = search_evidence(new_ledger(), WordSubject(), candidate, POOL)
    before = Gains(evidence).merit()
    made = [Prompt.user(f"{p.text} boat", source="vocabulary-sweep") for p in POOL * 2]
    after = Gains(grown(evidence, made, new_ledger("more"))).merit()
    assert after[: len(POOL)] == pytest.approx(before)


def test_it_proposes_readable_lines_that_are_new_and_as_many_as_it_may(new_ledger):
    odd = [
        Prompt.user("Two lines\nof\ta boat"),
        Prompt(messages=(Message(role="user", content="Hi"), Message(role="user", content="Why?"))),
        Prompt.user(""),
        Prompt.user("A bell \x07 rings"),
    ]
    evidence = search_evidence(new_ledger(), WordSubject(), BothWords(), [*odd, *POOL])
    found = Mutation().find(evidence, 90 * evidence.price + 1)
    assert len(found.prompts) == 90
    assert all(p.text.isprintable() and p.text.strip() and len(p.messages) == 1 for p in found.prompts)
    words = [normalise(p) for p in found.prompts]
    assert len(set(words)) == 90
    assert not set(words) & {normalise(p) for p in evidence.prompts}
    assert Mutation().find(evidence, evidence.price - 1).prompts == []


def test_the_same_seed_and_round_give_the_same_others_do_not(new_ledger):
    evidence = search_evidence(new_ledger(), WordSubject(), BothWords(), POOL)
    found = Mutation().find(evidence, 2000)
    assert Mutation().find(evidence, 2000) == found
    assert Mutation().find(replace(evidence, round=1), 2000).prompts != found.prompts
    assert Mutation().find(replace(evidence, ledger=new_ledger("other", seed=1)), 2000).prompts != found.prompts


def test_a_pool_of_conversations_alone_is_left_alone(new_ledger):
    turns = (Message(role="user", content="Hi"), Message(role="user", content="Why?"))
    evidence = search_evidence(new_ledger(), WordSubject(), BothWords(), [Prompt(messages=turns)])
    found = Mutation().find(evidence, 2000)
    assert found.prompts == []
    assert "single turn" in found.note


def test_without_ribs_it_says_what_to_install(new_ledger, monkeypatch):
    evidence = search_evidence(new_ledger(), WordSubject(), BothWords(), POOL)
    monkeypatch.setitem(sys.modules, "ribs.archives", None)
    found = Mutation().find(evidence, 2000)
    assert found.prompts == []
    assert "whatchanged[search]" in found.note


class Rewriter(Author):
    """Turns each message around; keeps what it was shown."""

    def __init__(self, calls=1, dropped=0):
        self.calls, self.dropped, self.shown = calls, dropped, []

    def differing(self, leads, most):
        raise NotImplementedError

    def rewritten(self, texts, draw):
        self.shown.append((draw, list(texts)))
        turned = [" ".join(reversed(text.split())) for text in texts] if self.calls else []
        return Authored(turned, self.dropped, Cost(calls=self.calls, usd=0.5))


def test_a_reasoner_rewrites_a_few_of_the_best(new_ledger):
    evidence = search_evidence(new_ledger(), WordSubject(), BothWords(), POOL)
    writer = Rewriter(dropped=2)
    alone = Mutation().find(evidence, 30 * evidence.price)
    found = Mutation().find(replace(evidence, author=writer, round=3), 30 * evidence.price)
    ((draw, shown),) = writer.shown
    assert draw == 3
    assert 1 <= len(shown) <= REWRITTEN
    gains = Gains(evidence)
    merit = {p.text: m for p, m in zip(POOL, gains.merit(), strict=True)}
    assert np.mean([merit[text] for text in shown]) > np.mean([merit[POOL[i].text] for i in elites(evidence, gains)])
    assert [p.text for p in found.prompts[: len(shown)]] == [" ".join(reversed(text.split())) for text in shown]
    assert {p.source for p in found.prompts} == {"mutation"}
    assert len(found.prompts) == len(alone.prompts) == 30
    assert found.cost == Cost(calls=1, usd=0.5)
    assert f"the reasoner wrote {len(shown)} message" in found.note
    assert "2 entries" in found.note
    assert alone.cost == Cost()
    assert "reasoner" not in alone.note


def test_where_the_reasoner_is_silent_or_there_is_no_room_the_rules_do_it_all(new_ledger):
    evidence = search_evidence(new_ledger(), WordSubject(), BothWords(), POOL)
    silent, writer = Rewriter(calls=0), Rewriter()
    assert len(Mutation().find(replace(evidence, author=silent), 30 * evidence.price).prompts) == 30
    assert Mutation().find(replace(evidence, author=writer), evidence.price - 1).prompts == []
    assert (len(silent.shown), writer.shown) == (1, [])


def test_triggers_are_what_telling_prompts_share_and_what_leads_say():
    prompts = [Prompt.user(t) for t in ("a red fox runs", "the Red fox sat", "a dog runs", "the dog sat", "one elk")]
    merit = np.array([3.0, 3.0, 0.0, 0.0, 9.0])
    found = candidate_triggers(prompts, merit, [lead(KITCHEN)])
    # 'one' and 'elk' stand in one prompt only; 'dog' tells nothing.
    assert set(found[:3]) == {"red", "fox", "red fox"}
    assert found[-2:] == [KITCHEN, "From"]
    assert not {"dog", "elk", "one"} & set(found)


class Fixed:
    """Draws given numbers, each below the bound."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = iter(numbers)

    def integers(self, size: int) -> int:
        return next(self.numbers) % size


@pytest.mark.parametrize(
    ("operator", "numbers", "expected"),
    [
        ("swap", (1, 0, 0, 2, 1), "a three four c d"),  # 'b' makes room for 'three four'
        ("recombine", (0, 1, 2), "a b three four"),
        ("put_in", (2, 0), "a b dawn light c d"),
        ("put_in", (4, 0), "a b c d dawn light"),
        ("leave_out", (1, 1), "a d"),
        ("leave_out", (3, 2), "a b c"),
    ],
)
def test_operators(operator, numbers, expected):
    mutator = Mutator(["one two three four"], ["dawn light"], Fixed(*numbers))
    assert " ".join(getattr(mutator, operator)(("a", "b", "c", "d"))) == expected
