"""What an edit of one name may have done to its neighbours is a claim of its own."""

from law import hypothesis

from whatchanged.describe.beside import beside
from whatchanged.records import Lead, PredicateSpec, Prompt, Region
from whatchanged.records.evidence import ContextRef
from whatchanged.search.entities import ASKED, NEIGHBOURS

NAMES = ("Eiffel Tower", "Louvre", "CN Tower", "Kremlin", "Acropolis", "Big Ben")
MADE = [Prompt.user(asked.format(name), source="subject-sweep") for asked in ASKED for name in NAMES]
EIFFEL = Region(kind="mentions", values=("Eiffel",))


def claim(**changes):
    whole = {"finder": "subject-sweep", "leads": ("l1",), "sentence": f"On {EIFFEL.describe()}, x."}
    return hypothesis(1, region=EIFFEL).model_copy(update=whole | changes)


def lead(*texts, name="l1"):
    by_text = {p.text: p.id for p in MADE}
    contexts = [ContextRef(prompt_id=by_text[t], draw=0, position=0, weight=w) for t, w in texts]
    return Lead(id=name, contexts=tuple(contexts))


def test_the_neighbours_are_those_where_the_lead_shows_most():
    shown = lead(("Where is Kremlin?", 0.5), ("Tell me about Big Ben.", 0.3), ("Where is Big Ben?", 0.3))
    (near,) = beside([claim()], MADE, [shown, lead(("Where is Louvre?", 9.0), name="l2")], {})
    assert near.region.values == ("Big Ben", "Kremlin")  # a name that hardly shows it would water it down
    assert near.id == f"{claim().id}b"
    assert near.predicate == claim().predicate
    assert near.sentence == f"On {near.region.describe()}, x."


def test_pairs_that_show_the_claim_itself_count_before_leads():
    by_text = {p.text: p.id for p in MADE}
    shown = {
        "h01": {
            by_text["Where is CN Tower?"]: 1.0,
            by_text["Where is Louvre?"]: 0.3,
            by_text["Where is Kremlin?"]: -1.0,
        }
    }
    (near,) = beside([claim()], MADE, [lead(("Where is Kremlin?", 9.0))], shown)
    assert near.region.values == ("CN Tower",)
    inside = {"h01": {by_text["Where is Eiffel Tower?"]: 1.0}}
    (near,) = beside([claim()], MADE, [lead(("Where is Kremlin?", 9.0))], inside)
    assert near.region.values == ("Kremlin",)


def test_where_no_neighbour_shows_it_the_sweeps_first_ones_are_asked():
    (near,) = beside([claim()], MADE, [], {})
    assert near.region.values == ("Louvre", "CN Tower", "Kremlin", "Acropolis")
    assert len(near.region.values) == NEIGHBOURS


def test_nothing_is_near_a_claim_of_the_pool_or_of_a_finder_that_knows_no_neighbours():
    assert not list(beside([claim(finder=None)], MADE, [], {}))
    assert not list(beside([claim(finder="vocabulary-sweep")], MADE, [], {}))
    assert not list(beside([claim(finder="game")], MADE, [], {}))


def test_what_names_the_region_itself_does_not_spill_over():
    spec = PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": ["The Eiffel Tower is"]})
    assert not list(beside([claim(predicate=spec)], MADE, [], {}))


def test_prompts_of_others_and_the_region_itself_are_no_neighbours():
    others = [p.model_copy(update={"source": "self-made"}) for p in MADE if "Louvre" in p.text]
    own = [p for p in MADE if "Eiffel" in p.text]
    assert not list(beside([claim()], [*others, *own, Prompt.user("Hello", source="subject-sweep")], [], {}))
