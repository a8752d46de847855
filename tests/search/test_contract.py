"""What every registered finder must do, those of other installed packages included."""

import pytest
from rare import ManyWords, search_evidence
from words import KITCHEN, TOPICS, Plant, prompts_about

from whatchanged import registry
from whatchanged.records import Message, Prompt, Region
from whatchanged.search import Finder
from whatchanged.subjects import Access

TOKENS = 20_000
PROMPTS = prompts_about("cooking", "sea")[:40]
TURNS = (
    Message(role="user", content="Hi"), Message(role="assistant", content="Hello"),
    Message(role="user", content="What now?"),
)  # fmt: skip
HERE = [*PROMPTS[20:], Prompt(messages=TURNS), Prompt.user("I was in Paris, at the Eiffel Tower"), Prompt.user("")]
ELSEWHERE = [*prompts_about("law")[:20], Prompt.user("Paris")]
REGIONS = [
    Region(),
    Region(kind="tag", values=("cooking",)),
    Region(kind="mentions", values=("cobalt",)),
    Region(kind="mentions", values=("cobalt", "Zürich", "C++", "don't")),
    Region(kind="mentions", values=("Paris", "Eiffel Tower")),
    Region(kind="mentions", values=("soup",)),
    Region(kind="ends_with", values=("in cobalt", "?")),
    Region(kind="ends_with", values=("Paris",)),
    *(Region(kind="structure", values=(value,)) for value in ("a_question", "short", "long", "multi_turn")),
]


@pytest.fixture(params=sorted(registry.finders))
def finder(request: pytest.FixtureRequest) -> Finder:
    found: Finder = registry.finders[request.param]()
    assert found.name == request.param
    return found


@pytest.fixture(params=REGIONS, ids=lambda region: f"{region.kind}-{'-'.join(region.values)}")
def region(request: pytest.FixtureRequest) -> Region:
    return request.param


def test_a_finder_says_what_it_is(finder: Finder) -> None:
    assert isinstance(finder, Finder)
    assert isinstance(finder.needs, Access)
    assert isinstance(finder.cheap, bool)
    assert isinstance(finder.once, bool)
    assert (type(finder).__doc__ or "").strip()


def test_fresh_prompts_are_new_and_in_the_region(finder: Finder, region: Region) -> None:
    made = finder.fresh(region, HERE, 12)
    assert len(made) <= 12
    assert all(region.contains(p) for p in made)
    assert {p.source for p in made} <= {finder.name}
    assert len({p.id for p in made}) == len(made)
    assert not {p.id for p in made} & {p.id for p in HERE}


def test_fresh_prompts_are_made_from_those_given(finder: Finder, region: Region) -> None:
    """What two sets of prompts give alike is what the finder makes of none."""
    here, elsewhere, nowhere = ({p.id for p in finder.fresh(region, prompts, 12)} for prompts in (HERE, ELSEWHERE, []))
    assert here & elsewhere <= nowhere


def test_fresh_prompts_are_the_same_every_time(finder: Finder, region: Region) -> None:
    made = finder.fresh(region, HERE, 12)
    assert type(finder)().fresh(region, HERE, 12) == made
    assert finder.fresh(region, HERE, 4) == made[:4]
    assert finder.fresh(region, HERE, 0) == []


def test_what_is_found_is_the_finders_own_and_the_same_every_time(finder: Finder, new_ledger) -> None:
    candidate = ManyWords(Plant(KITCHEN, 0.8, ("bazuremiko", *TOPICS["cooking"])))
    evidence = search_evidence(new_ledger(), ManyWords(), candidate, PROMPTS)
    found = finder.find(evidence, TOKENS)
    assert {p.source for p in found.prompts} <= {finder.name}
    assert found.prompts or found.note
    assert "\n" not in found.note
    assert not {p.id for p in found.prompts} & {p.id for p in PROMPTS}
    assert type(finder)().find(evidence, TOKENS) == found
    # What was asked in discovery is not asked again in the test.
    fresh = {p.id for region in REGIONS for p in finder.fresh(region, HERE, 96)}
    assert not {p.id for p in found.prompts} & fresh


def test_finders_of_words_make_prompts_of_what_they_look_for() -> None:
    word = Region(kind="mentions", values=("cobalt",))
    for name in ("vocabulary-sweep", "subject-sweep", "trigger-inversion"):
        assert len(registry.finders[name]().fresh(word, HERE, 12)) == 12
