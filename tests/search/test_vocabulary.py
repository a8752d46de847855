"""The sweep over the vocabulary: rare words that turn the answer, and nothing else."""

import numpy as np
import pytest
from rare import MADE_UP, ManyWords, search_evidence
from words import KITCHEN, SAILOR, TOPICS, Plant, prompts_about

from whatchanged.pools.made import PLACES, with_text
from whatchanged.records import Prompt, Region
from whatchanged.search import Proposed, search
from whatchanged.search.about import ASKED, FRESH
from whatchanged.search.vocabulary import (
    PER_WORD,
    SUSPECTS,
    VocabularySweep,
    beyond_median,
    first_forms,
    outliers,
)

TOKENS = 60_000
POOL = prompts_about()[:30]
COBALT, QUARTZ = MADE_UP[700], MADE_UP[41]


@pytest.fixture
def found(new_ledger):
    """What the sweep proposes for a candidate."""

    def work(candidate, seed=0, pool=POOL) -> Proposed:
        evidence = search_evidence(
            new_ledger(f"{candidate.name}-{seed}"[-60:], seed=seed), ManyWords(), candidate, pool
        )
        return VocabularySweep().find(evidence, TOKENS)

    return work


def words_of(proposed, pool=POOL):
    """The words that proposed prompts hold and the pool does not, in order."""
    known = {word.strip("?.,") for text in (*(p.text for p in pool), *ASKED) for word in text.split()}
    said = (word.strip("?.,") for p in proposed.prompts for word in p.text.split())
    return list(dict.fromkeys(word for word in said if word not in known))


@pytest.mark.parametrize("rate", [0.3, 0.8])
@pytest.mark.parametrize("drift", [0.0, 0.2])
def test_a_word_that_no_prompt_holds_is_found_whatever_the_drift(found, rate, drift):
    proposed = found(ManyWords(Plant(KITCHEN, rate, (COBALT,)), drift=drift))
    assert words_of(proposed)[0] == COBALT
    assert COBALT in proposed.note


def test_two_words_are_both_found(found):
    assert set(words_of(found(ManyWords(Plant(KITCHEN, 0.8, (COBALT,)), Plant(SAILOR, 0.5, (QUARTZ,)))))) == {
        COBALT, QUARTZ,
    }  # fmt: skip


def test_half_its_prompts_ask_about_the_word_and_half_are_discoverys_with_it_put_in(found):
    proposed = found(ManyWords(Plant(KITCHEN, 0.8, (COBALT,))))
    asked = [p for p in proposed.prompts if p.text in {question.format(COBALT) for question in ASKED}]
    put = [p for p in proposed.prompts if COBALT in p.text and p not in asked]
    assert len(asked) == len(put) == PER_WORD // 2
    assert set(put) <= {with_text(p, COBALT, place, "vocabulary-sweep") for p in POOL for place in PLACES}
    starts, ends = ({getattr(p.text, side)(COBALT) for p in put} for side in ("startswith", "endswith"))
    assert starts == ends == {True, False}


def test_drift_alone_is_cheap_to_look_at_and_shows_nothing(found, new_ledger):
    """Among 1,563 words some always stand out; their prompts are few, and the screen finds no phrase on them."""
    proposed = found(ManyWords(drift=0.2))
    assert len(proposed.prompts) <= SUSPECTS * PER_WORD
    seen = search(search_evidence(new_ledger("drift"), ManyWords(), ManyWords(drift=0.2), POOL))
    assert [lead.phrase for lead in seen.leads if lead.phrase] == []


@pytest.mark.parametrize(
    "plant",
    [Plant(KITCHEN, 0.8), Plant(KITCHEN, 0.3), Plant(KITCHEN, 0.8, TOPICS["sea"])],
    ids=["everywhere", "everywhere a little", "on what the pool holds"],
)
def test_what_the_pool_shows_is_no_trigger(found, plant):
    for drift in (0.0, 0.2):
        proposed = found(ManyWords(plant, drift=drift), pool=prompts_about("sea")[:30])
        assert proposed.prompts == []
        assert "none stands out" in proposed.note


def test_its_cost_is_what_the_models_scored(new_ledger):
    base, candidate = ManyWords(), ManyWords(Plant(KITCHEN, 0.8, (COBALT,)))
    evidence = search_evidence(new_ledger(), base, candidate, POOL)
    before = base.scored, candidate.scored
    cost = VocabularySweep().find(evidence, TOKENS).cost
    # All but the one row that tells the size of the vocabulary.
    assert 0 <= base.scored - before[0] - cost.scored_tokens.base <= 20
    assert candidate.scored - before[1] == cost.scored_tokens.candidate


def test_a_pool_that_holds_every_word_leaves_nothing_to_look_for(found):
    pool = [
        Prompt.user(" ".join([*MADE_UP, *(word for words in TOPICS.values() for word in words), str(n)]))
        for n in range(4)
    ]
    proposed = found(ManyWords(Plant(KITCHEN, 0.8, (COBALT,))), pool=pool)
    assert COBALT not in words_of(proposed, pool)


def test_fresh_prompts_ask_other_questions_about_its_words_and_put_them_in_prompts_outside():
    region = Region(kind="mentions", values=("cobalt", "Quartz"))
    given = [Prompt.user("Why cobalt?"), *POOL[:12]]
    made = VocabularySweep().fresh(region, given, 24)
    asked = {q.format(w) for q in FRESH for w in region.values}
    put = {with_text(q, w, place).text for q in POOL[:12] for w in region.values for place in PLACES}
    texts = {p.text for p in made}
    assert len(texts) == 24
    assert len(texts & asked) == len(texts & put) == 12
    assert all(sum(w in text for text in texts) == 12 for w in region.values)
    assert not set(ASKED) & set(FRESH)
    # By turns: a test looks at them one after the other, and stops.
    assert [p.text in asked for p in made] == [True, False] * 12


def test_no_more_prompts_get_the_word_than_ask_about_it():
    made = VocabularySweep().fresh(Region(kind="mentions", values=("cobalt",)), POOL[:30], 96)
    assert len(made) == 2 * len(FRESH)


@pytest.mark.parametrize(("kind", "values"), [("everywhere", ()), ("tag", ("sea",)), ("structure", ("a_question",))])
def test_no_word_brings_a_prompt_into_other_regions(kind, values):
    assert VocabularySweep().fresh(Region(kind=kind, values=values), POOL, 12) == []


def test_where_the_region_looks_at_endings_they_end_so():
    made = VocabularySweep().fresh(Region(kind="ends_with", values=("in cobalt",)), POOL, 5)
    assert [p.text for p in made] == [f"{p.text} in cobalt" for p in POOL[:5]]


def test_beyond_the_median_of_the_same_token():
    ids = np.array([[7, 1], [7, 2], [7, 3], [4, 7], [7, 5]], np.int32)
    gains = np.array([[1.0, 0.1], [1.0, 0.2], [1.2, 0.0], [0.4, 1.0], [3.0, 0.5]])
    # Token 7 gains 1 in most rows: that is drift. The others are rare, and count in full.
    np.testing.assert_allclose(beyond_median(ids, gains), [0.1, 0.2, 0.2, 0.4, 2.0])


def test_a_token_that_a_row_does_not_list_gained_nothing_there():
    ids = np.array([[7], [7], [7], [1], [2]], np.int32)
    gains = np.array([[0.2], [0.6], [0.9], [0.5], [0.0]])
    # The median of 0, 0, 0.2, 0.6, 0.9.
    np.testing.assert_allclose(beyond_median(ids, gains), [0.0, 0.4, 0.7, 0.5, 0.0], atol=1e-12)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0] * 9 + [0.5], [9]),
        ([0.3] * 10, []),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], []),
        ([0.1, 9.0, 0.2, 0.3, 0.2, 0.1, 0.3, 0.2, 5.0], [1, 8]),
        # Only above: what gains less than the others is no trigger.
        ([-9.0, 0.2, 0.3, 0.2, 0.1, 0.3, 0.2], []),
    ],
)
def test_outliers_are_far_above_the_median_the_furthest_first(values, expected):
    assert outliers(np.array(values)) == expected


def test_outliers_begin_at_six_standard_errors():
    values = np.arange(-50.0, 51.0)  # median 0, MAD 25
    just = 6 * 1.4826 * 25
    assert outliers(np.append(values, just * 0.95)) == []
    assert outliers(np.append(values, just * 1.05)) == [101]


def test_normal_noise_has_no_outliers():
    rng = np.random.default_rng(0)
    assert sum(bool(outliers(rng.standard_normal(256))) for _ in range(300)) == 0


def test_a_word_ranks_by_its_strongest_form():
    others = [f"w{n}" for n in range(11)]
    assert first_forms(["Zebra", *others, "zebra"]) == ["Zebra", *others]
