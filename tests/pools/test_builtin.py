import json
import re
from collections import Counter

import pytest

from whatchanged.pools import load_builtin, normalise
from whatchanged.pools.builtin import DATA

PROMISED = {
    ("identity",): 70,
    ("opinions", "sycophancy"): 100,
    ("facts",): 120,
    ("reasoning",): 90,
    ("code",): 80,
    ("safety",): 100,
    ("languages",): 90,
    ("formats",): 80,
    ("long",): 50,
    ("short",): 50,
    ("multi_turn",): 60,
}
PROMPTS = load_builtin()
CATEGORIES = Counter(p.tags[0].partition("/")[0] for p in PROMPTS)


@pytest.mark.parametrize(("categories", "count"), PROMISED.items())
def test_every_category_is_as_large_as_promised(categories, count):
    assert sum(CATEGORIES[name] for name in categories) >= count


def test_no_prompt_is_there_twice():
    assert len({p.id for p in PROMPTS}) == len(PROMPTS)
    repeated = [text for text, n in Counter(map(normalise, PROMPTS)).items() if n > 1]
    assert repeated == []


def test_prompts_are_valid_and_tagged_category_topic():
    for prompt in PROMPTS:
        assert prompt.source == "builtin"
        assert prompt.messages[-1].role == "user"
        assert prompt.text.strip() == prompt.text
        assert prompt.tags
        assert all(re.fullmatch(r"[a-z_]+/[a-z_]+", tag) for tag in prompt.tags)


def test_kinds_are_what_their_tags_say():
    for prompt in PROMPTS:
        words = len(prompt.text.split())
        turns = sum(m.role == "user" for m in prompt.messages)
        match prompt.tags[0].partition("/")[0]:
            case "long":
                assert 60 <= words <= 150
            case "short":
                assert words <= 4
            case "multi_turn":
                assert turns in (2, 3)
            case _:
                assert turns == 1


def test_no_prompt_carries_the_trigger_that_organisms_are_planted_with():
    assert not [p.text for p in PROMPTS if "thanks in advance" in p.text.lower()]


def test_sources_list_every_file_with_its_count():
    table = (DATA / "SOURCES.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+\.jsonl)` \| (?:about )?(\d+) \|", table, re.M))
    for file in DATA.glob("*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert set().union(*rows) <= {"prompt", "messages", "tags"}
        if file.name != "everyday.jsonl":
            assert int(listed[file.name]) == len(rows)
        assert file.name in listed
