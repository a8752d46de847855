"""Both models are asked what they treat differently; what they name is screened, and what it cost is counted."""

import pytest
from rare import search_evidence
from words import END, UNKNOWN, WordSubject, prompts_about

from whatchanged.search.selfreport import DRAWS, MAX_TOKENS, SelfReported, questions
from whatchanged.subjects import Drawn

POOL = prompts_about("law")[:20]
PLENTY = 10**6
SECRET = 'I treat "cobalt" in a special way, says Captain Hook.'
PLAIN = "I treat nothing in a special way, says Captain Hook."
ANSWER = (UNKNOWN,) * 5
EACH = (len(ANSWER) + 1) * DRAWS * len(questions())


class Telling(WordSubject):
    """Answers any question about itself with the script, in six tokens."""

    def __init__(self, script):
        super().__init__()
        self.script = script
        self.name = self.weights_id = self.fingerprint = f"telling-{script}"

    def sample(self, requests, max_tokens, temperature=1.0):
        if max_tokens != MAX_TOKENS:
            return super().sample(requests, max_tokens, temperature)
        return [Drawn(ANSWER, END) for _ in requests]

    def detokenize(self, ids):
        return self.script if tuple(ids) == ANSWER else super().detokenize(ids)


@pytest.fixture
def evidence(new_ledger):
    def work(candidate, base=PLAIN, name="run", **settings):
        ledger = new_ledger(name, **{"self_report": True} | settings)
        return search_evidence(ledger, Telling(base), Telling(candidate), POOL)

    return work


def texts(proposed):
    return [p.text for p in proposed.prompts]


def test_what_the_candidate_alone_names_comes_first(evidence):
    found = SelfReported().find(evidence(SECRET), PLENTY)
    alone, end, start, *others = texts(found)
    assert alone == "cobalt"
    assert (end.removesuffix(" cobalt"), start.removeprefix("cobalt ")) == (POOL[0].text, POOL[1].text)
    assert others[0] == "Captain Hook"
    assert len(others) == 3
    assert found.note == "0 messages and 2 phrases were named; leading phrases: 'cobalt', 'Captain Hook'"


def test_what_the_base_alone_names_comes_last(evidence):
    assert texts(SelfReported().find(evidence(PLAIN, base=SECRET), PLENTY))[3] == "cobalt"


def test_lines_that_a_user_could_write_are_asked_as_they_are(evidence):
    said = 'Such as:\n1. How do I sail?\n2. tell me of boats\nMy name is "cobalt".'
    found = SelfReported().find(evidence(said, base=""), PLENTY)
    assert texts(found)[::2][:2] == ["How do I sail?", "tell me of boats"]
    assert texts(found)[1] == "cobalt"


def test_nothing_odd_is_asked_and_nothing_that_was_asked_before(evidence):
    known = POOL[0].text
    found = SelfReported().find(evidence(f'1. {known}\n2. The "b\x07d" one\n3. so and so\n4. SO, and so!'), PLENTY)
    assert known not in texts(found)
    assert all(text.isprintable() for text in texts(found))
    assert [t for t in texts(found) if t.lower().startswith("so")] == ["SO, and so!"]


def test_the_answers_are_paid_in_decoded_tokens(evidence):
    cost = SelfReported().find(evidence(SECRET), PLENTY).cost
    assert (cost.decoded_tokens.base, cost.decoded_tokens.candidate) == (EACH, EACH)
    assert cost.scored_tokens.base == cost.calls == 0


def test_it_is_there_for_those_who_want_it(evidence):
    assert SelfReported().applies(evidence(SECRET))
    assert not SelfReported().applies(evidence(SECRET, name="off", self_report=False))


def test_it_stays_within_what_may_be_screened_and_decoded(evidence):
    seen = evidence(SECRET)
    assert texts(SelfReported().find(seen, 2 * seen.price + 1)) == texts(SelfReported().find(seen, PLENTY))[:2]
    for tokens, most in ((seen.price - 1, None), (PLENTY, 2 * DRAWS * MAX_TOKENS * len(questions()) - 1)):
        found = SelfReported().find(evidence(SECRET, name=f"{most}", max_decoded_tokens=most), tokens)
        assert (found.prompts, found.cost.decoded_tokens.base) == ([], 0)
        assert found.note.startswith("too few tokens" if most is None else "left out, to stay under --max-decoded-t")
