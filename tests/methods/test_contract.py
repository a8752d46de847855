"""What every method must do, those of other packages included, on word models whose change is known."""

import json

import pytest
from words import KITCHEN, TOPICS, WordSubject, prompts_about

from tests.methods.conftest import COOKING
from whatchanged import audit, registry
from whatchanged.errors import AccessError, SpecError
from whatchanged.ledger import Ledger
from whatchanged.methods import Method
from whatchanged.predicates import load
from whatchanged.report import read_report
from whatchanged.report.model import Report
from whatchanged.subjects import Access

METHODS = sorted(registry.methods)
# A word model has no gradients: those that need them are refused here, and run in tests of their own.
RUN = [name for name in METHODS if not registry.methods[name].gradients]
every_method = pytest.mark.parametrize("method", RUN)
COOKING_PROMPTS = [p for p in prompts_about() if "cooking" in p.tags]


def shows_the_plant(finding):
    """By execution: the predicate tells the planted opening from an ordinary one, where the plant is."""
    predicate, prompt = load(finding.predicate), COOKING_PROMPTS[0]
    told = predicate.score(f"{KITCHEN} and find what works", prompt) - predicate.score("Sure and find what", prompt)
    covered = sum(finding.region.contains(p) for p in COOKING_PROMPTS) / len(COOKING_PROMPTS)
    return told * finding.effect > 0.3 and covered > 0.5


def told(report: Report) -> dict:
    """The report without what depends on the machine."""
    loaded = json.loads(report.model_dump_json())
    for machine in ("seconds", "peak_memory"):
        del loaded["cost"][machine]
    return loaded


class Killed(BaseException):
    """Not an Exception, as a signal is none."""


@pytest.mark.parametrize("method", METHODS)
def test_it_says_what_it_is(method):
    kind = registry.methods[method]
    assert issubclass(kind, Method)
    assert kind.name == method
    assert kind.needs in Access
    assert kind.__doc__


@every_method
def test_a_strong_plant_is_found_and_the_report_is_whole(run, method, tmp_path):
    report = run(method)
    assert report.verdict == "changed"
    assert any(shows_the_plant(f) for f in report.confirmed)
    assert all(f.n_prompts > 0 and f.ci_low <= f.effect <= f.ci_high for f in report.confirmed)
    assert read_report(tmp_path / "run") == report
    assert {"report.html", "junit.xml"} < {p.name for p in (tmp_path / "run").iterdir()}
    assert report.config["method"] == method
    assert set(registry.methods[method].blind) <= set(report.not_looked_at)


@every_method
@pytest.mark.parametrize("seed", range(2))
def test_a_model_against_itself_gives_nothing(run, method, seed):
    report = run(method, base=WordSubject(), candidate=WordSubject(), seed=seed, coupled=False)
    assert report.confirmed == ()
    assert report.verdict != "changed"


@every_method
def test_killed_it_resumes_to_the_same_report(run, method, monkeypatch, tmp_path):
    steps = []
    once = Ledger.once

    def counting(*args):
        steps.append(args[1])
        return once(*args)

    def whole(name):
        monkeypatch.setenv("WHATCHANGED_CACHE", str(tmp_path / f"cache-{name}"))
        return told(run(method, name))

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "once", counting)
        expected = whole("whole")
    for limit in sorted({1 + len(steps) // 3, len(steps)}):
        left = [limit]

        def dying(*args, left=left):
            found = once(*args)
            left[0] -= 1
            if not left[0]:
                raise Killed
            return found

        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "once", dying)
            with pytest.raises(Killed):
                whole(f"killed-{limit}")
        assert whole(f"killed-{limit}") == expected, steps[limit - 1]


@every_method
def test_what_the_models_did_is_counted(run, method):
    base, candidate = WordSubject(), WordSubject(COOKING)
    cost = run(method, base=base, candidate=candidate).cost
    assert cost.decoded_tokens.base >= base.sampled
    assert cost.decoded_tokens.candidate >= candidate.sampled > 0
    assert cost.decoded_tokens.reused == 0
    assert cost.scored_tokens.base >= base.scored
    assert cost.scored_tokens.candidate >= candidate.scored


@every_method
def test_with_less_access_it_works_or_says_what_it_needs(run, method):
    if registry.methods[method].needs > Access.text:
        with pytest.raises(AccessError, match=f"--method {method} needs"):
            run(method, access="text")
    else:
        assert any(shows_the_plant(f) for f in run(method, access="text").confirmed)


@every_method
def test_a_setting_that_it_has_no_use_for_is_named(run, method):
    heeded = "attribute" in registry.methods[method].heeds
    warnings = run(method, attribute=True).warnings
    assert any("makes no use of --attribute" in line for line in warnings) != heeded


@every_method
def test_wanted_changes_are_told_apart(run, method, tmp_path):
    wanted = tmp_path / "wanted.yaml"
    wanted.write_text(
        "- name: kitchen talk\n"
        f"  region: {{kind: mentions, values: {list(TOPICS['cooking'])}}}\n"
        f"  predicate: {{family: phrase, args: {{kind: contains, phrases: ['{KITCHEN}']}}}}\n"
    )
    report = run(method, intended=wanted)
    assert all(f.intent != "unclassified" for f in report.confirmed)


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(RUN)))
def test_without_gradients_it_says_that_it_needs_them(run, method):
    with pytest.raises(AccessError, match=f"--method {method} needs 'weights, run here by PyTorch'"):
        run(method)
    with pytest.raises(AccessError, match=f"gives access level 'text'; --method {method} needs"):
        run(method, "less", access="text")


def test_an_unknown_name_stops_before_anything_is_written(run, tmp_path):
    with pytest.raises(SpecError, match=r"unknown method 'guess': one of .*audit.*clustering"):
        run("guess")
    assert not (tmp_path / "run").exists()


def test_the_default_is_the_audit(run):
    assert told(run("audit"))["config"]["method"] == audit.load_settings({"base": "a", "candidate": "b"}).method
