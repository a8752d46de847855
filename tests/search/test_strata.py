"""More of the pool: from the strata that hold a plant, told by tags or by the words alone, and more so every round."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from rare import search_evidence
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.records import Prompt
from whatchanged.screen import find_leads
from whatchanged.search.strata import PoolStrata, drawn, masses, posterior
from whatchanged.search.topics import topics

TOKENS = 2000


@pytest.fixture
def evidence(new_ledger, tiny_budget):
    """140 prompts of a pool of 720 screened, the rest in reserve; the candidate is planted on cooking."""

    def work(tagged=True, plant=KITCHEN, name="run", screened=140, drift=0.05):
        pool = prompts_about(tagged=tagged)
        # Mixed otherwise than by topic.
        pool = [pool[i] for i in np.random.default_rng(3).permutation(len(pool))]
        base, candidate = WordSubject(), WordSubject(Plant(plant, 0.8, TOPICS["cooking"]), drift=drift)
        ledger = new_ledger(name)
        seen = search_evidence(ledger, base, candidate, pool[:screened])
        leads = find_leads(ledger, base, candidate, seen.prompts, seen.responses, seen.shifts, "screen", ["factor"])
        return replace(seen, leads=leads, reserve=pool[screened:])

    return work


def about_cooking(prompts):
    """Their share."""
    return sum(any(word in p.text for word in TOPICS["cooking"]) for p in prompts) / len(prompts)


def grown(evidence, found):
    """The evidence of the next round, with these screened too."""
    more = search_evidence(evidence.ledger, evidence.base, evidence.candidate, [*evidence.prompts, *found.prompts])
    return replace(
        evidence, prompts=more.prompts, responses=more.responses, shifts=more.shifts, round=evidence.round + 1
    )


@pytest.mark.parametrize("tagged", [True, False], ids=["tagged", "untagged"])
def test_the_plants_stratum_has_more_than_its_share(evidence, tagged):
    start = evidence(tagged)
    found = PoolStrata().find(start, TOKENS)
    assert len(found.prompts) == TOKENS // start.price >= 40
    assert about_cooking(start.reserve) < 0.25
    assert about_cooking(found.prompts) > 0.4
    assert ("tag 'cooking'" in found.note) == tagged
    assert any(word in found.note for word in TOPICS["cooking"]) or tagged
    assert found.cost.scored_tokens.base == 0


def test_later_rounds_concentrate(evidence):
    """Twenty prompts screened leave it open where the plant is."""
    now, shares, asked = evidence(screened=20), [], set()
    for number in range(3):
        found = PoolStrata().find(now, 15 * now.price)
        new = {p.id for p in found.prompts}
        assert len(new) == 15
        assert not new & asked
        asked |= new
        shares.append(about_cooking(found.prompts))
        now = grown(replace(now, ledger=_another(now, number)), found)
    assert shares[-1] > shares[0]
    assert shares[-1] > 0.6


def _another(evidence, number):
    """The screen of a later round has steps of its own."""
    return type(evidence.ledger)(evidence.ledger.directory.with_name(f"later-{number}"), evidence.ledger.config)


def test_prompts_keep_their_tags_and_are_the_pools(evidence):
    start = evidence()
    reserve = {p.id: p for p in start.reserve}
    found = PoolStrata().find(start, TOKENS).prompts
    assert [p.tags for p in found] == [reserve[p.id].tags for p in found]
    assert {p.source for p in found} == {"pool"}
    assert PoolStrata().find(replace(start, round=1), TOKENS).prompts != found


def test_what_was_screened_in_other_words_is_not_proposed(evidence):
    start = evidence()
    again = [Prompt.user(p.text.upper()) for p in start.prompts[:5]]
    found = PoolStrata().find(replace(start, reserve=[*again, start.reserve[0], start.reserve[0]]), TOKENS)
    assert [p.id for p in found.prompts] == [start.reserve[0].id]


def test_nothing_is_left(evidence):
    start = evidence()
    for reserve, says in (((), "all of the pool"), (start.prompts, "no more of the pool")):
        found = PoolStrata().find(replace(start, reserve=reserve), TOKENS)
        assert found.prompts == []
        assert says in found.note
    nothing = PoolStrata().find(start, start.price - 1)
    assert (nothing.prompts, nothing.note[:7]) == ([], "too few")


def test_a_trigger_that_a_finder_put_in_says_nothing_of_a_topic(evidence):
    start = evidence()
    foreign = [p.model_copy(update={"source": "vocabulary-sweep"}) for p in start.prompts]
    cooking = [i for i, p in enumerate(start.prompts) if "cooking" in p.tags]
    mixed = [foreign[i] if i in cooking else p for i, p in enumerate(start.prompts)]
    found = PoolStrata().find(replace(start, prompts=mixed), TOKENS)
    assert about_cooking(found.prompts) < 0.4


def test_mass_is_what_the_leads_tokens_gain_and_lose(evidence):
    start = evidence(drift=0.0)
    mass = masses(start)
    cooking = np.array(["cooking" in p.tags for p in start.prompts])
    assert mass[cooking].min() > 0.5
    assert mass[~cooking].max() == pytest.approx(0, abs=1e-3)
    assert masses(replace(start, leads=[])).tolist() == [0.0] * len(start.prompts)


def test_the_posterior_narrows_on_the_stratums_mean():
    rng = np.random.default_rng(0)
    every = rng.gamma(1.0, 1.0, 400)
    means = posterior({"none": np.zeros(0), "few": np.full(4, 5.0), "many": 5 + rng.normal(0, 0.1, 400)}, every)
    m0 = every.mean()
    assert means["none"][0] == pytest.approx(m0)
    assert m0 < means["few"][0] < means["many"][0] == pytest.approx(5, abs=0.2)
    # The standard deviation of the mean, at the mean precision.
    spread = {name: (b / (a * k)) ** 0.5 for name, (_, k, a, b) in means.items()}
    assert spread["none"] == pytest.approx(every.std() / 8**0.5)
    assert spread["many"] < 0.1 * spread["none"]


def test_draws_end_with_the_rows_and_take_each_once():
    means = posterior({"a": np.full(50, 9.0), "b": np.zeros(50), "c": np.zeros(50)}, np.arange(10.0))
    rows = {"a": [0, 1, 2], "b": [2, 3, 4], "c": []}
    found = list(drawn(means, rows, 9, np.random.default_rng(0)))
    assert sorted(row for _, row in found) == [0, 1, 2, 3, 4]
    assert [name for name, _ in found[:3]] == ["a"] * 3
    assert list(drawn(means, {"a": [], "b": [], "c": []}, 9, np.random.default_rng(0))) == []


def test_topics_are_the_words_that_prompts_share():
    rng = np.random.default_rng(0)
    about = [("cooking", "law", "music")[i % 3] for i in range(240)]
    texts = [f"Tell me {i} things about the {' and the '.join(rng.choice(TOPICS[t], 2))}" for i, t in enumerate(about)]
    found = topics(texts, seed=0)
    assert sum(mask.sum() for _, mask in found) == len(texts)
    held = [Counter(about[i] for i in np.flatnonzero(mask)).most_common(1)[0] for _, mask in found]
    assert sum(most for _, most in held) / len(texts) > 0.8
    assert all(words[0] in TOPICS[topic] for (words, _), (topic, _) in zip(found, held, strict=True))
    assert topics(texts[:60], seed=0) == []
    assert [words for words, _ in topics(texts, seed=0)] == [words for words, _ in found]
