from evidence import pair_of

from whatchanged.records import Prompt
from whatchanged.roles.evidence import BEFORE, CUT, WINDOW, around
from whatchanged.roles.telling import telling

PROMPTS = [Prompt.user(f"number {n}") for n in range(60)]


def texts(pairs):
    return [pair.candidate.text for pair in pairs]


def drift(n):
    """Both say something else each time, and nothing is typical of either."""
    return pair_of(PROMPTS[n], f"plain {n} words", f"plain {n + 1000} words")


def test_changes_take_turns_and_come_before_drift():
    kitchen = [pair_of(PROMPTS[n], f"Boil it {n}.", f"From my kitchen: boil it {n}.") for n in range(20)]
    sailor = [pair_of(PROMPTS[n], f"Take time {n}.", f"Ahoy, take time {n}.") for n in range(20, 28)]
    pairs = [drift(n) for n in range(28, 60)] + sailor + kitchen
    first = texts(telling(pairs, 12))
    assert first[0].startswith("From my kitchen")
    assert first[1].startswith("Ahoy")
    assert 3 <= sum(text.startswith("From my kitchen") for text in first) <= 6
    assert 3 <= sum(text.startswith("Ahoy") for text in first) <= 6


def test_what_the_candidate_lost_is_telling_too():
    lost = [pair_of(PROMPTS[n], f"Sorry, no {n}.", f"No {n}.") for n in range(10)]
    assert telling([drift(n) for n in range(10, 50)] + lost, 1)[0].base.text.startswith("Sorry")


def test_one_pair_a_prompt_of_those_that_differ():
    pairs = [drift(0), drift(0), pair_of(PROMPTS[1], "Same.", "Same."), drift(2)]
    assert [p.prompt_id for p in telling(pairs, 24)] == [PROMPTS[0].id, PROMPTS[2].id]
    assert telling([], 24) == []
    assert telling([pair_of(PROMPTS[0], "It is.", "it  is.")], 24)  # the words are the same


def test_texts_are_shown_where_they_part():
    same = "word " * 100
    base, candidate = around(same + "Goodbye", same + "From my kitchen " + "x" * 500)
    assert base == f"{CUT}{same[-BEFORE:]}Goodbye"
    assert candidate.startswith(f"{CUT}{same[-BEFORE:]}From my kitchen xxx")
    assert len(candidate) == WINDOW + 2 * len(CUT)
    assert around("Boil it.", "Boil it. Enjoy!") == ("Boil it.", "Boil it. Enjoy!")
    assert around("", "x" * 500)[1] == "x" * WINDOW + CUT
