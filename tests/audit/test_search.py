"""What no prompt of the pool shows: found by a search, confirmed on prompts made for the test, apart from the pool."""

import pytest
from words import KITCHEN, SAILOR, TOPICS, Plant, WordSubject, prompts_about

from whatchanged import audit, registry
from whatchanged.errors import RunDirectoryError, SpecError
from whatchanged.records import Region
from whatchanged.registry import Registry
from whatchanged.report import render_html

POOL = prompts_about("cooking", "law", "music", "garden")
ANCHOR = Plant(SAILOR, 0.8, ("anchor",))
COOKING = Plant(KITCHEN, 0.8, TOPICS["cooking"])
# The pool shows that the two models differ, and nothing of the trigger.
DRIFT = 0.05


@pytest.fixture
def reports(diff):
    """With and without a search."""

    def work(*plants, **settings):
        return [
            diff(WordSubject(), WordSubject(*plants, drift=DRIFT), name, POOL, finders=finders, **settings)
            for name, finders in (("searched", ()), ("alone", ("none",)))
        ]

    return work


def test_a_trigger_that_no_prompt_holds_is_confirmed_on_prompts_made_for_it(reports):
    searched, alone = reports(ANCHOR)
    assert not any(region.contains(p) for p in POOL for region in [Region(kind="mentions", values=("anchor",))])
    (found,) = [f for f in searched.confirmed if f.phrase == SAILOR]
    assert found.region == Region(kind="mentions", values=("anchor",))
    assert (found.finder, found.scored) == ("vocabulary-sweep", True)
    assert found.rate_candidate == pytest.approx(0.8 * 0.98**3, abs=0.05)
    assert found.ci_low <= 0.8 * 0.98**3 <= found.ci_high
    assert found.n_prompts <= 96
    assert all("anchor" in example.prompt for example in found.examples)
    assert SAILOR in searched.summary
    assert not any(SAILOR in f.sentence for f in alone.confirmed)
    assert alone.finders == ()


def test_the_reports_say_who_searched_and_what_was_not(reports):
    searched, alone = reports(ANCHOR)
    uses = {use.name: use for use in searched.finders}
    assert uses["vocabulary-sweep"].prompts >= 6
    assert "anchor" in uses["vocabulary-sweep"].note
    # These subjects have no checkpoint.
    assert (uses["subject-sweep"].prompts, uses["subject-sweep"].note[:24]) == (0, "no directions to follow:")
    assert any("triggers of several tokens" in note for note in searched.not_looked_at)
    assert any("a trigger that none contains is not found" in note for note in alone.not_looked_at)
    page = render_html(searched)
    assert "on prompts that vocabulary-sweep made" in page
    assert "Searched beyond the pool" in page
    assert "Searched beyond the pool" not in render_html(alone)
    assert "search" in searched.cost.seconds.keys() - alone.cost.seconds.keys()


def test_what_is_said_of_the_pool_is_of_the_pool_alone(reports):
    searched, alone = reports(ANCHOR, COOKING)
    assert {SAILOR, KITCHEN} <= {f.phrase for f in searched.confirmed}
    cooking = [next(f for f in r.confirmed if f.phrase == KITCHEN) for r in (searched, alone)]
    assert [f.finder for f in cooking] == [None, None]
    assert [{p.id for p in POOL if f.region.contains(p)} for f in cooking] == [
        {p.id for p in POOL if "cooking" in p.tags}
    ] * 2
    assert searched.divergence == alone.divergence
    assert searched.unchanged_bound == alone.unchanged_bound
    assert searched.explained_share == pytest.approx(alone.explained_share, abs=1e-6)
    assert [(p.prompt, p.kl) for p in searched.points] == [(p.prompt, p.kl) for p in alone.points]
    # The smallest effect depends on how many hypotheses there are, and nothing else does.
    rows = [[row.model_copy(update={"smallest_effect": None}) for row in r.coverage] for r in (searched, alone)]
    assert rows[0] == rows[1]
    anchor = next(f for f in searched.confirmed if f.phrase == SAILOR)
    assert anchor.explained_share == 0


def test_a_search_is_not_done_twice(diff):
    first = diff(WordSubject(), WordSubject(ANCHOR, drift=DRIFT), pool=POOL)
    base, candidate = WordSubject(), WordSubject(ANCHOR, drift=DRIFT)
    assert diff(base, candidate, pool=POOL).findings == first.findings
    assert (base.scored, candidate.scored) == (0, 0)


def test_a_run_that_other_finders_began_is_not_gone_on_with(diff, tmp_path, monkeypatch):
    """A finished one is still read."""
    models = WordSubject(), WordSubject(ANCHOR, drift=DRIFT)
    first = diff(*models, pool=POOL)
    monkeypatch.setattr(registry, "finders", Registry("finders", {}))
    assert diff(*models, pool=POOL).findings == first.findings
    (tmp_path / "run" / "report.json").unlink()
    with pytest.raises(RunDirectoryError, match="made with other finders content under the same name: choose another"):
        diff(*models, pool=POOL)


def test_an_unknown_finder_stops_before_anything_is_written(diff, tmp_path):
    with pytest.raises(SpecError, match=r"unknown finder 'nobody': one of .*vocabulary-sweep"):
        diff(WordSubject(), WordSubject(ANCHOR), finders=("nobody",))
    assert not (tmp_path / "run").exists()


def test_screen_searches_too(toys, tmp_path):
    toys(WordSubject(), WordSubject(ANCHOR, drift=DRIFT), POOL)
    screened = audit.screen("base", "candidate", out=tmp_path / "run")
    assert SAILOR in {lead.phrase for lead in screened.leads}
    assert [use.name for use in screened.finders] == [
        "languages",
        "vocabulary-sweep",
        "subject-sweep",
        "trigger-inversion",
    ]
