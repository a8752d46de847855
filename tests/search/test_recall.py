"""Recall: prompts of earlier audits come back, those of the nearest intervention first."""

from dataclasses import replace

import pytest
from rare import search_evidence
from words import KITCHEN, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.records import Prompt, Region
from whatchanged.report.model import ModuleChange, WeightsView
from whatchanged.search.library import Intervention, add_to_library
from whatchanged.search.recall import Recall, nearness

TOKENS = 20_000
BASE = WordSubject().weights_id
MODULES = (ModuleChange(layer=1, module="q", relative=0.1), ModuleChange(layer=2, module="q", relative=0.1))
VIEW = WeightsView(kind="adapter", confidence="certain", evidence="", relative=0.1, modules=MODULES)


@pytest.fixture
def library(tmp_path):
    return tmp_path / "library.sqlite"


@pytest.fixture
def evidence(new_ledger, library):
    candidate = WordSubject(Plant(KITCHEN, 0.8, TOPICS["cooking"]))
    ledger = new_ledger(library=library)
    return replace(search_evidence(ledger, WordSubject(), candidate, prompts_about("law")[:20]), weights=VIEW)


def kept(library, text, base=BASE, kind="adapter", modules=()):
    add_to_library(library, Intervention(base=base, kind=kind, modules=modules), [Prompt.user(text)])


def test_the_nearest_come_first_and_then_the_newest(library, evidence):
    kept(library, "same base, same kind, one module", modules=("q@1",))
    kept(library, "same base, same kind, both modules", modules=("q@1", "q@2"))
    kept(library, "same kind, older", base="x")
    kept(library, "same kind, newer", base="x")
    kept(library, "same base, another kind", kind="full tune")
    kept(library, "same base, unknown kind", kind="")
    kept(library, "neither", base="x", kind="merge")
    found = Recall().find(evidence, TOKENS)
    assert [p.text for p in found.prompts] == [
        "same base, same kind, both modules",
        "same base, same kind, one module",
        "same kind, newer",
        "same kind, older",
        "same base, unknown kind",
        "same base, another kind",
        "neither",
    ]
    assert {(p.source, p.tags) for p in found.prompts} == {("recall", ())}
    assert found.note == (
        "of the library's 7 prompts: 2 of this kind of change to this base, 2 of this kind, 2 of this base, 1 others"
    )
    assert found.cost.scored_tokens.base == 0


def test_no_more_than_the_tokens_screen(library, evidence):
    for n in range(120):
        kept(library, f"prompt {n}")
    assert [p.text for p in Recall().find(evidence, 3 * evidence.price).prompts] == [
        f"prompt {n}" for n in (119, 118, 117)
    ]
    assert len(Recall().find(evidence, 10**6).prompts) == 96


def test_what_was_screened_is_not_proposed_again_nor_twice(library, evidence):
    kept(library, evidence.prompts[0].text.upper())
    kept(library, "once", kind="merge")
    kept(library, "ONCE!", base="x")
    found = Recall().find(evidence, TOKENS)
    assert [p.text for p in found.prompts] == ["ONCE!"]
    only = replace(evidence, prompts=[*evidence.prompts, Prompt.user("once")])
    nothing = Recall().find(replace(only, responses=[*only.responses, only.responses[0]]), TOKENS)
    assert nothing.prompts == []
    assert nothing.note.startswith("none of the library's 3 prompts is new")


def test_without_a_library(evidence, library, new_ledger):
    assert Recall().find(evidence, TOKENS).note == "the library is empty"
    assert not library.exists()
    alone = replace(evidence, ledger=new_ledger("alone"))
    assert Recall().find(alone, TOKENS).note == "no library was given: --library"


def test_kinds_that_are_not_known_are_not_alike():
    unknown = Intervention(base="a")
    assert nearness(unknown, unknown) == (False, True, 0.0)
    one, other = (Intervention(base="a", kind="adapter", modules=m) for m in (("q@1", "q@2"), ("q@2", "q@3")))
    assert nearness(one, other) == (True, True, pytest.approx(1 / 3))


def test_fresh_prompts_hold_the_words_of_the_region():
    made = Recall().fresh(Region(kind="mentions", values=("anchor",)), prompts_about("law"), 6)
    assert len(made) == 6
    assert all("anchor" in p.text and p.source == "recall" for p in made)
