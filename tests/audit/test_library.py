"""The library between audits: what one confirmed is asked by the next; without it nothing is kept."""

import pytest
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged.cli.main import main
from whatchanged.errors import LibraryError
from whatchanged.search.library import read_library

POOL = prompts_about("cooking", "law", "music")
# The second audit's pool has no cooking in it; that the two models differ is seen elsewhere.
ELSEWHERE = prompts_about("law", "music", "garden", "sea")
COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
GARDEN = Plant(SAILOR, 0.8, TOPICS["garden"])


@pytest.fixture
def library(tmp_path):
    return tmp_path / "library.sqlite"


def test_what_one_audit_confirmed_the_next_one_asks(diff, library, tmp_path):
    first = diff(WordSubject(), WordSubject(COOKING), "first", POOL, finders=("recall",), library=library)
    assert KITCHEN in {f.phrase for f in first.confirmed}
    kept = read_library(library)
    assert 0 < len(kept) <= 12 * len(first.confirmed)
    assert {k.under.base for k in kept} == {WordSubject().weights_id}
    cooking = [k for k in kept if any(word in k.prompt.text for word in TOPICS["cooking"])]
    assert cooking

    settings = {"pool": ELSEWHERE, "finders": ("recall",)}
    second = diff(WordSubject(), WordSubject(COOKING, GARDEN), "second", library=library, **settings)
    (use,) = second.finders
    assert use.prompts >= len(cooking)
    assert "of this base" in use.note
    assert KITCHEN in {lead.phrase for lead in second.leads}
    alone = diff(WordSubject(), WordSubject(COOKING, GARDEN), "alone", **settings)
    assert KITCHEN not in {lead.phrase for lead in alone.leads}


def test_only_what_discovery_saw_is_kept(diff, library, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "whatchanged.audit.remember",
        lambda config, base, view, findings, pairs, prompts: seen.append((pairs, prompts)),
    )
    report = diff(WordSubject(), WordSubject(COOKING), pool=POOL, finders=("none",), library=library)
    ((pairs, prompts),) = seen
    assert {p.prompt_id for p in pairs} <= set(prompts)
    assert len(prompts) == sum(row.discovery_prompts for row in report.coverage)


def test_a_resumed_run_has_what_it_had(diff, library, tmp_path):
    def again(name):
        return diff(WordSubject(), WordSubject(GARDEN), name, ELSEWHERE, finders=("recall",), library=library)

    diff(WordSubject(), WordSubject(COOKING), "before", POOL, finders=("none",), library=library)
    first = again("run")
    (use,) = first.finders
    assert use.prompts > 0
    before = read_library(library)
    diff(WordSubject(), WordSubject(COOKING), "between", POOL, finders=("none",), library=library, seed=1)
    assert len(read_library(library)) > len(before)
    (tmp_path / "run" / "report.json").unlink()
    assert again("run").finders == first.finders


def test_without_the_setting_no_file_is_left(diff, tmp_path, library):
    for name in ("one", "two"):
        diff(WordSubject(), WordSubject(COOKING), name, POOL)
    assert not [*tmp_path.rglob("*.sqlite*")]
    # Nor where nothing was confirmed.
    diff(WordSubject(), WordSubject(), "null", POOL, library=library)
    assert not library.exists()


def test_a_damaged_library_is_one_line(toys, library, tmp_path, capsys):
    toys(WordSubject(), WordSubject(COOKING), POOL)
    library.write_text("no database " * 100)
    out = tmp_path / "run"
    assert main(["diff", "base", "candidate", "--library", str(library), "--out", str(out), "--display", "none"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"error: library '{library}': file is not a database")
    assert not out.exists()


def test_a_library_that_was_damaged_meanwhile_leaves_no_report(diff, library, tmp_path, monkeypatch):
    monkeypatch.setattr("whatchanged.opened.check_library", lambda path: None)
    library.write_text("no database " * 100)
    with pytest.raises(LibraryError):
        diff(WordSubject(), WordSubject(COOKING), pool=POOL, finders=("none",), library=library)
    assert not (tmp_path / "run" / "report.json").exists()
    library.unlink()
    assert diff(WordSubject(), WordSubject(COOKING), pool=POOL, finders=("none",), library=library).confirmed
    assert read_library(library)
