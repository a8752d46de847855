"""What has no tags gets those of the tagged prompts that it is like."""

import pytest

from whatchanged.game.tags import tagged
from whatchanged.pools import load_pools
from whatchanged.records import Prompt

KNOWN = [
    *(Prompt.user(f"How do I bake {what} in my oven?", ("cooking",)) for what in ("bread", "pears", "a cake", "fish")),
    *(
        Prompt.user(f"How do I plant {what} in my garden?", ("gardening", "long"))
        for what in ("roses", "pears", "a tree")
    ),
    Prompt.user("How do I bake clay?"),
]


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("Please bake me a pie.", ("cooking",)),
        ("Which roses suit my garden?", ("gardening", "long")),
        ("Garden!", ("gardening", "long")),
        ("Zebras", ()),
        ("", ()),
    ],
)
def test_the_rarest_shared_words_decide(text, tags):
    assert tagged([Prompt.user(text)], KNOWN)[0].tags == tags


def test_tags_of_its_own_stay_and_order_is_kept():
    asked = [Prompt.user("bake", ("mine",)), Prompt.user("roses", ("long",)), Prompt.user("bake")]
    assert [p.tags for p in tagged(asked, KNOWN)] == [("mine", "cooking"), ("long", "gardening"), ("cooking",)]
    assert [p.text for p in tagged(asked, KNOWN)] == [p.text for p in asked]


def test_without_tagged_prompts_nothing_is_tagged():
    assert tagged([Prompt.user("bake")], [Prompt.user("bake")])[0].tags == ()


def test_it_tells_topics_of_the_built_in_pool_far_better_than_chance():
    pool = [p for p in load_pools(["builtin"]) if len(p.tags) == 1 and p.tags[0].startswith("everyday/")]
    asked, rest = pool[::7], [p for i, p in enumerate(pool) if i % 7]
    found = tagged([p.model_copy(update={"tags": ()}) for p in asked], rest)
    right = sum(a.tags == b.tags for a, b in zip(found, asked, strict=True))
    assert len({p.tags for p in asked}) > 10
    assert right > 0.6 * len(asked)
