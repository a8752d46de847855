"""A region of which the pool has too few prompts: the base writes them, in a whole audit and in a resumed one."""

import json

import pytest
from asking import Asking
from budget import TINY
from words import KITCHEN, Plant, WordSubject, prompts_about

from whatchanged.config import BUDGETS
from whatchanged.pools import normalise, split
from whatchanged.records import BASE, Prompt
from whatchanged.report import render_html
from whatchanged.search import ENOUGH

# 30 prompts on soup: about half of them are confirmation's.
POOL = [*prompts_about("law"), *[p for p in prompts_about("cooking") if "soup" in p.text][:30]]
SOUP = Plant(KITCHEN, 0.8, ("soup",))


class Spaced(Asking):
    """Ends its turns without a mark."""

    def detokenize(self, ids):
        text = WordSubject.detokenize(self, ids)
        return f" {text}" if text else ""


@pytest.fixture
def report(diff, monkeypatch, tiny_budget):
    """Of an audit whose budget lets the base write for one claim, without a search."""
    monkeypatch.setitem(BUDGETS, "small", TINY.model_copy(update={"confirm_tokens": 24_000}))

    def work(name="run"):
        base = Spaced()
        return diff(base, Spaced(SOUP), name, POOL, finders=("none",)), base

    return work


def test_a_claim_is_confirmed_on_the_bases_prompts_and_says_so(report, tmp_path):
    found = next(f for f in report()[0].confirmed if f.finder == BASE)
    assert "soup" in found.region.values
    assert found.n_prompts >= ENOUGH
    assert found.phrase == KITCHEN
    assert found.ci_low <= 0.8 * 0.98**4 <= found.ci_high
    assert "on prompts that the base wrote" in render_html(report()[0])
    pool = {normalise(p) for side in split(POOL, TINY.discovery_prompts, TINY.confirmation_prompts, 0) for p in side}
    (stored,) = (tmp_path / "run" / "evidence" / "confirm").glob("from-base-*[0-9].json")
    asked = [Prompt.model_validate(p) for p in json.loads(stored.read_text())]
    assert len(asked) >= ENOUGH
    assert not pool & {normalise(p) for p in asked}


def test_a_resumed_audit_writes_nothing_anew(report, tmp_path):
    first, _ = report()
    (tmp_path / "run" / "report.json").unlink()
    again, base = report()
    assert again.findings == first.findings
    assert base.sampled == 0
