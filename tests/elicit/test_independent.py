"""Pairs of models that share no random numbers: independent, in order, paid for once."""

import pytest
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.elicit import answer_cost, independent_pairs, text_pair
from whatchanged.ledger import PAIR_BATCH
from whatchanged.records import Cost, Prompt, Tokens
from whatchanged.subjects import Access, Said

PROMPTS = prompts_about("cooking", "sea")[: 2 * PAIR_BATCH + 6]
PLANT = Plant(KITCHEN, 0.8, TOPICS["cooking"])


class Remote(WordSubject):
    """Behind an interface: each answer is a paid call, and none comes where the prompt has the word."""

    access = Access.text

    def __init__(self, *plants, silent="?nowhere"):
        super().__init__(*plants)
        self.silent, self.keys = silent, set()

    def respond(self, prompts, draw, max_tokens, temperature, key):
        self.keys.add(key)
        said = super().respond(prompts, draw, max_tokens, temperature, key)
        return [
            None if self.silent in p.text else Said(s.text, s.tokens, 0.25) for p, s in zip(prompts, said, strict=True)
        ]


def pairs(ledger, base, candidate, prompts=PROMPTS, draw=0):
    return independent_pairs(ledger, base, candidate, prompts, "elicit", draw)


def test_one_pair_a_prompt_in_order(new_ledger, tiny_budget):
    found = pairs(new_ledger(), WordSubject(), WordSubject(PLANT))
    assert [pair.prompt_id for pair in found] == [p.id for p in PROMPTS]
    assert not any(pair.coupled for pair in found)
    opened = {p.id for p, pair in zip(PROMPTS, found, strict=True) if pair.candidate.text.startswith(KITCHEN)}
    cooking = {p.id for p in PROMPTS if "cooking" in p.tags}
    assert opened <= cooking
    assert len(opened) > len(cooking) / 2


def test_a_model_and_itself_do_not_share_random_numbers(new_ledger, tiny_budget):
    same = Remote()
    found = pairs(new_ledger(), same, same)
    assert len(same.keys) == 2
    assert sum(pair.identical for pair in found) < len(found) / 4


def test_draws_and_seeds_give_other_answers(new_ledger, tiny_budget):
    ledger = new_ledger()
    first, second = (pairs(ledger, WordSubject(), WordSubject(), draw=draw) for draw in (0, 1))
    other = pairs(new_ledger("other", seed=1), WordSubject(), WordSubject())
    texts = [[pair.base.text for pair in found] for found in (first, second, other)]
    assert texts[0] != texts[1]
    assert texts[0] != texts[2]
    assert {pair.draw for pair in second} == {1}


def test_an_answer_does_not_depend_on_its_batch(new_ledger, tiny_budget):
    whole = pairs(new_ledger("whole"), WordSubject(), WordSubject(PLANT))
    part = pairs(new_ledger("part"), WordSubject(), WordSubject(PLANT), PROMPTS[PAIR_BATCH - 3 :])
    assert part == whole[PAIR_BATCH - 3 :]


def test_none_where_either_is_silent_and_what_was_said_is_paid(new_ledger, tiny_budget):
    ledger = new_ledger()
    base, candidate = Remote(silent="winter"), Remote(PLANT, silent="teacher")
    found = pairs(ledger, base, candidate)
    lost = ["winter" in p.text or "teacher" in p.text for p in PROMPTS]
    assert [pair is None for pair in found] == lost
    assert 0 < sum(lost) < len(PROMPTS)
    answered = 2 * len(PROMPTS) - sum(lost)
    assert (ledger.cost.calls, ledger.cost.usd) == (answered, 0.25 * answered)
    assert ledger.cost.decoded_tokens.base < base.sampled  # what a server keeps to itself is not known


def test_stored_batches_are_not_asked_again(new_ledger, tiny_budget):
    ledger = new_ledger()
    whole = pairs(ledger, Remote(), Remote(PLANT))
    steps = sorted((ledger.directory / "evidence" / "elicit").glob("*.cost.json"))
    assert len(steps) == 3
    steps[1].unlink()
    base, resumed = Remote(), new_ledger()
    assert pairs(resumed, base, Remote(PLANT)) == whole
    assert resumed.cost == ledger.cost
    assert base.sampled == sum(
        len(pair.base.text.split()) + (len(pair.base.text.split()) < tiny_budget.response_tokens)
        for pair in whole[PAIR_BATCH : 2 * PAIR_BATCH]
    )


@pytest.mark.parametrize(
    ("base", "candidate", "split_at"),
    [("same", "same", None), ("", "", None), ("abc", "abd", 2), ("ab", "abc", 2), ("", "a", 0), ("x", "y", 0)],
)
def test_texts_part_at_their_first_different_character(base, candidate, split_at):
    prompt = Prompt.user("Hi")
    pair = text_pair(prompt, base, candidate, 3)
    assert (pair.split_at, pair.identical) == (split_at, split_at is None)
    assert (pair.prompt_id, pair.draw, pair.base.text, pair.candidate.text) == (prompt.id, 3, base, candidate)


def test_only_calls_through_an_interface_are_calls():
    said = [[Said("a", 2, 0.5), None], [Said("b c", 3), Said("d", 1)]]
    assert answer_cost((Remote(), WordSubject()), said) == Cost(
        decoded_tokens=Tokens(base=2, candidate=4), calls=1, usd=0.5
    )
