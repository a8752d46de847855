"""The reasoner is shown the leads and asked for prompts; what it writes is screened and decides nothing."""

from dataclasses import replace

import pytest
from rare import search_evidence
from words import KITCHEN, Plant, WordSubject, prompts_about

from whatchanged.records import Cost, Lead
from whatchanged.search import Author, Authored
from whatchanged.search.suggested import MOST, Suggested

POOL = prompts_about("law")[:20]
LEAD = Lead(id="factor-0", phrase=KITCHEN)
PLENTY = 10**6


class Writer(Author):
    """Writes these messages, at a price."""

    def __init__(self, *texts, dropped=0, calls=1):
        self.texts, self.dropped, self.cost = list(texts), dropped, Cost(calls=calls, usd=0.25 * calls)
        self.asked = []

    def differing(self, leads, most):
        self.asked.append((tuple(leads), most))
        return Authored(self.texts[:most], self.dropped, self.cost)

    def rewritten(self, texts, draw):
        raise NotImplementedError


@pytest.fixture
def evidence(new_ledger):
    seen = search_evidence(new_ledger(), WordSubject(), WordSubject(Plant(KITCHEN, 0.5)), POOL, [LEAD])
    return lambda author: replace(seen, author=author)


def test_its_messages_are_prompts_in_its_order(evidence):
    writer = Writer("How do I sail?", "Where is the harbor?")
    found = Suggested().find(evidence(writer), PLENTY)
    assert [p.text for p in found.prompts] == writer.texts
    assert {p.source for p in found.prompts} == {"reasoner"}
    assert writer.asked == [((LEAD,), MOST)]
    assert found.cost == Cost(calls=1, usd=0.25)
    assert found.note == "the reasoner wrote 2 messages"


def test_what_cannot_be_asked_is_left_out(evidence):
    writer = Writer("How?", "how", f"{POOL[3].text}!", "two\nlines", "b\x07ll", "\ufffd", "", "?!", dropped=3)
    found = Suggested().find(evidence(writer), PLENTY)
    assert [p.text for p in found.prompts] == ["How?"]
    assert found.note == "the reasoner wrote 8 messages, 3 entries of its reply were none and dropped"


def test_no_more_than_can_be_screened_are_asked_for(evidence):
    writer = Writer("a bc", "d ef", "g hi")
    seen = evidence(writer)
    assert len(Suggested().find(seen, 2 * seen.price + 1).prompts) == 2
    assert writer.asked == [((LEAD,), 2)]
    found = Suggested().find(seen, seen.price - 1)
    assert (found.prompts, found.note, len(writer.asked)) == ([], "too few tokens to screen any", 1)


def test_without_a_reasoner_or_leads_it_asks_nobody_and_says_so(evidence):
    found = Suggested().find(evidence(None), PLENTY)
    assert (found.prompts, found.cost, found.note) == ([], Cost(), "no reasoner was given: --reasoner")
    assert not Suggested().applies(evidence(None))
    writer = Writer("How?")
    assert Suggested().applies(evidence(writer))
    found = Suggested().find(replace(evidence(writer), leads=()), PLENTY)
    assert (found.prompts, writer.asked) == ([], [])
    assert "no leads" in found.note


def test_a_reasoner_that_gives_no_reply_is_told_of(evidence):
    found = Suggested().find(evidence(Writer(calls=0)), PLENTY)
    assert (found.prompts, found.note) == ([], "the reasoner gave no reply")
