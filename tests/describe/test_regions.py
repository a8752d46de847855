"""The region of an effect: found where there is one, everywhere where there is none."""

import numpy as np
import pytest
from words import TOPICS, prompts_about

from whatchanged.describe import find_region
from whatchanged.records import Prompt, Region

MARGIN = 0.05


def effect(prompts, holds, size=0.6, noise=0.02, seed=0):
    """float64[prompts]: `size` where `holds(prompt)`, with noise everywhere."""
    rng = np.random.default_rng(seed)
    return np.array([size * holds(p) for p in prompts]) + noise * rng.standard_normal(len(prompts))


def about(topic):
    words = {word for word in TOPICS[topic]}
    return lambda p: bool(words & set(p.text.lower().replace("?", " ").replace(".", " ").split()))


@pytest.mark.parametrize("seed", range(5))
def test_a_topic_is_found_by_its_words_where_there_are_no_tags(seed):
    prompts = prompts_about(tagged=False)[:200]
    group = find_region(prompts, effect(prompts, about("sea"), seed=seed), MARGIN)
    assert group.region.kind == "mentions"
    assert set(group.region.values) == set(TOPICS["sea"])
    assert list(group.inside) == [about("sea")(p) for p in prompts]


def test_with_tags_the_better_description_wins():
    few, many = prompts_about()[:70], prompts_about()
    # On few prompts four words cost more than they are worth, and one tag says the same.
    group = find_region(few, effect(few, about("sea")), MARGIN)
    assert group.region == Region(kind="tag", values=("sea",))
    # On many, the words are paid for, and tell a reader more.
    group = find_region(many, effect(many, about("sea")), MARGIN)
    assert (group.region.kind, set(group.region.values)) == ("mentions", set(TOPICS["sea"]))
    # No tag says this at all.
    group = find_region(few, effect(few, lambda p: "boat" in p.text), MARGIN)
    assert group.region == Region(kind="mentions", values=("boat",))


def test_inside_is_where_the_region_holds():
    prompts = prompts_about()[:200]
    for topic in TOPICS:
        group = find_region(prompts, effect(prompts, about(topic), noise=0.1), MARGIN)
        assert list(group.inside) == [group.region.contains(p) for p in prompts]


def test_tags_are_united_where_two_topics_show_the_effect():
    prompts = prompts_about()[:70]
    both = effect(prompts, lambda p: about("sea")(p) or about("law")(p))
    group = find_region(prompts, both, MARGIN)
    assert (group.region.kind, set(group.region.values)) == ("tag", {"sea", "law"})


def test_words_have_boundaries():
    prompts = [
        Prompt.user(f"I {verb} number {i} slowly") for i in range(6) for verb in ("eat", "create", "heat", "beat")
    ]
    group = find_region(prompts, effect(prompts, lambda p: " eat " in p.text), MARGIN)
    assert group.region == Region(kind="mentions", values=("eat",))
    assert group.inside.sum() == 6


@pytest.mark.parametrize(
    ("written", "expected"),
    [(["Paris"], "Paris"), (["paris"], "paris"), (["Paris", "paris"], "paris"), (["PARIS"], "PARIS")],
)
def test_a_word_is_kept_as_it_is_always_written(written, expected):
    """Regions ignore case; a model that is asked about the word does not."""
    prompts = [
        Prompt.user(f"How is {written[i % len(written)] if i % 3 == 0 else 'Rome'} number {i}?") for i in range(24)
    ]
    group = find_region(prompts, effect(prompts, lambda p: "paris" in p.text.lower()), MARGIN)
    assert group.region == Region(kind="mentions", values=(expected,))
    assert group.inside.sum() == 8
    assert group.region.contains(Prompt.user("is paris near?"))


def test_an_ending_is_found():
    prompts = [
        Prompt.user(f"{p.text} {'Over and out now.' if i % 3 == 0 else ''}") for i, p in enumerate(prompts_about()[:90])
    ]
    group = find_region(prompts, effect(prompts, lambda p: p.text.endswith("now.")), MARGIN)
    assert list(group.inside) == [i % 3 == 0 for i in range(90)]
    assert group.region.kind in ("mentions", "ends_with")


def test_an_ending_is_told_from_a_mention():
    """The words stand in every prompt; only where they end it does the effect show."""
    words = "over and out now"
    prompts = [
        Prompt.user(f"{words} {p.text}" if i % 2 else f"{p.text} {words}") for i, p in enumerate(prompts_about()[:80])
    ]
    group = find_region(prompts, effect(prompts, lambda p: p.text.endswith(words)), MARGIN)
    assert group.region.kind == "ends_with"
    assert list(group.inside) == [i % 2 == 0 for i in range(80)]


def test_an_ending_is_told_whole_and_as_it_is_written():
    """Each of its words ends or fills other prompts, which do not show the effect."""
    texts = [
        f"{p.text} {('Over in Advance!', 'in Advance', 'Over')[i % 3]}" for i, p in enumerate(prompts_about()[:90])
    ]
    prompts = [Prompt.user(text) for text in texts]
    group = find_region(prompts, effect(prompts, lambda p: p.text.endswith("!")), MARGIN)
    assert group.region == Region(kind="ends_with", values=("Over in Advance!",))


def test_a_structure_is_found():
    prompts = [Prompt.user(p.text + (f" {i}" if i % 2 else "")) for i, p in enumerate(prompts_about()[:100])]
    group = find_region(prompts, effect(prompts, lambda p: any(c.isdigit() for c in p.text)), MARGIN)
    assert group.region == Region(kind="structure", values=("with_digits",))


def test_an_effect_on_all_prompts_is_everywhere():
    prompts = prompts_about()[:150]
    for size in (0.1, 0.6):
        assert find_region(prompts, effect(prompts, lambda p: True, size), MARGIN).region == Region()


@pytest.mark.parametrize("seed", range(10))
def test_noise_alone_gives_no_region(seed):
    prompts = prompts_about()[:200]
    group = find_region(prompts, effect(prompts, lambda p: False, seed=seed), MARGIN)
    assert group.region == Region()
    assert group.inside.all()


def test_no_values_and_no_effect():
    prompts = prompts_about()[:20]
    assert find_region(prompts, np.zeros(20), MARGIN).region == Region()
    assert find_region(prompts, np.full(20, -0.5), MARGIN).region == Region()
    assert len(find_region([], np.zeros(0), MARGIN).inside) == 0
