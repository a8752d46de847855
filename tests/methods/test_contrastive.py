"""Amplified texts: marked, ranked, never an example; their plain rates by importance weights."""

import numpy as np
import pytest
from page import assert_inert
from plant import SEA
from scripted import Scripted
from words import KITCHEN, Plant, WordSubject, prompts_about

from tests.audit.conftest import install
from tests.methods.conftest import COOKING, POOL
from whatchanged import audit
from whatchanged.methods.amplify import STRENGTHS, along, texts
from whatchanged.methods.contrastive import MARKED
from whatchanged.methods.plain import OWN, plain_rate, weigh
from whatchanged.methods.spans import stretches
from whatchanged.methods.turns import grown, ranked
from whatchanged.pools import normalise
from whatchanged.predicates import load
from whatchanged.records import PredicateSpec
from whatchanged.report import render_html

OPENS = PredicateSpec(family="phrase", args={"kind": "opens_with", "phrases": [KITCHEN]})
PROMPTS = prompts_about("cooking")
RARE = Plant(KITCHEN, 0.05)
pytestmark = pytest.mark.usefixtures("one_thread", "tiny_budget")


class Audit:
    """As much of an audit as drawing texts looks at."""

    def __init__(self, ledger, candidate, confirmation=()):
        self.ledger, self.base, self.candidate = ledger, WordSubject(), candidate
        self.prompts = type("Split", (), {"discovery": PROMPTS, "confirmation": list(confirmation)})


class Claim:
    """As much of a finding as a rate looks at."""

    id, predicate = "h01", OPENS
    region = type("Everywhere", (), {"contains": staticmethod(lambda prompt: True)})


def test_amplified_texts_show_far_more_of_a_plant(new_ledger):
    found = texts(Audit(new_ledger(), WordSubject(RARE)), PROMPTS, 100, "test")
    shown = np.mean([t.response.text.startswith(KITCHEN) for t in found.lifted])
    assert shown > 0.4
    assert {t.strength for t in found.lifted} == set(STRENGTHS)
    assert all(len(t.gaps) == len(t.kls) == len(t.response.drawn) for t in found.lifted)


def test_texts_diverge_most_where_the_plant_is(new_ledger):
    found = texts(Audit(new_ledger(), WordSubject(COOKING)), prompts_about()[:60], 60, "test")
    on = [text.kl for prompt, text in zip(found.prompts, found.lifted, strict=True) if "cooking" in prompt.tags]
    off = [text.kl for prompt, text in zip(found.prompts, found.lifted, strict=True) if "cooking" not in prompt.tags]
    assert min(on) > max(off)
    assert all("cooking" in p.tags for p in ranked(found)[: len(on)])


def test_a_stretch_is_what_the_plain_candidate_goes_along_with(new_ledger):
    candidate = WordSubject(RARE)
    found = texts(Audit(new_ledger(), candidate), PROMPTS, 40, "test")
    best = stretches(candidate, found)[0].args
    assert best["kind"] == "opens_with"
    assert best["phrases"][0].startswith(KITCHEN)
    # After the planted words nothing was gained: no more is kept than the candidate would say itself.
    assert len(best["phrases"][0].split()) < len(KITCHEN.split()) + 4


def test_second_texts_of_a_prompt_are_others(new_ledger):
    found = texts(Audit(new_ledger(), WordSubject(RARE)), PROMPTS[:10], 20, "test")
    assert [p.id for p in found.prompts[:10]] == [p.id for p in found.prompts[10:]]
    assert {p.draw for p in found.pairs} == {0, 1}
    assert len({(t.response.prompt_id, t.response.text) for t in found.lifted}) > 10


def test_the_divergence_along_a_text_is_exact(new_ledger):
    audit = Audit(new_ledger(), WordSubject(RARE))
    said = (*audit.base.tokenize(KITCHEN), 0)
    (there,), _ = along(audit, PROMPTS[:1], [said])
    prompt = audit.base.encode(PROMPTS[0])
    for t in range(len(said)):
        p, q = (model.law(prompt, said[:t]) for model in (audit.base, audit.candidate))
        assert there.kls[t] == pytest.approx(float((q * np.log(q / p)).sum()), abs=1e-4)
        assert there.logs[:2, t] == pytest.approx(np.log([p[said[t]], q[said[t]]]), abs=1e-4)


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_plain_rates_are_unbiased_and_covered(new_ledger, rate):
    audit = Audit(new_ledger(), WordSubject(Plant(KITCHEN, rate)))
    by_id = {p.id: p for p in PROMPTS}
    weighed = weigh(audit, PROMPTS, 600)
    assert max(w.weights[-1] for w in weighed) <= 1 / OWN + 1e-6
    assert 0.4 < np.mean([w.amplified for w in weighed]) < 0.6
    found = plain_rate(Claim, weighed, by_id, audit.candidate, 0.05)
    truth = rate * 0.98**4
    assert found.low <= truth <= found.high
    assert found.rate == pytest.approx(truth, abs=0.05 if rate > 0.1 else 0.01)
    assert found.answers == 600


def test_no_answer_in_the_region_says_nothing_of_the_rate(new_ledger):
    audit = Audit(new_ledger(), WordSubject(RARE))
    rate = plain_rate(Claim, weigh(audit, (), 10), {}, audit.candidate, 0.05)
    assert (rate.low, rate.high, rate.answers) == (0.0, 1.0, 0)


def test_the_prompt_search_makes_new_prompts_and_none_that_waits_for_a_test(new_ledger):
    first = Audit(new_ledger("a"), WordSubject(COOKING))
    told = texts(first, PROMPTS, 40, "pool")
    made = grown(first, told, 20, "contrastive-decoding")
    assert 5 < len(made.prompts) <= 20
    known = {normalise(p) for p in PROMPTS}
    assert not known & {normalise(p) for p in made.prompts}
    assert len({p.id for p in made.prompts}) == len(made.prompts)
    held = made.prompts[:3]
    second = Audit(new_ledger("b"), WordSubject(COOKING), held)
    again = grown(second, texts(second, PROMPTS, 40, "pool"), 20, "contrastive-decoding")
    assert not {p.id for p in held} & {p.id for p in again.prompts}


def test_the_report_marks_what_is_amplified_and_shows_plain_examples(run):
    report = run("contrastive-decoding")
    view = report.amplified
    assert view.texts[0].kl > view.pool_p99
    assert [t.kl for t in view.texts] == sorted((t.kl for t in view.texts), reverse=True)
    assert view.searched > 0
    assert {t.token for t in view.tokens[:5]} & set(KITCHEN.split())
    rates = {rate.finding: rate for rate in view.rates}
    assert set(rates) == {f.id for f in report.findings}
    (top, *_) = report.confirmed
    assert rates[top.id].low <= top.rate_candidate <= rates[top.id].high
    page = render_html(report)
    assert_inert(page)
    assert "not what the candidate says" in page


def test_real_models_are_amplified_and_the_plant_is_confirmed(models, monkeypatch, tmp_path):
    install(monkeypatch, *models, POOL)
    report = audit.diff("base", "candidate", out=tmp_path / "run", method="contrastive-decoding", texts=200)
    assert max(load(f.predicate).score("Paris", SEA[0]) for f in report.confirmed if f.direction == "more") > 0.5
    assert report.amplified.texts[0].kl > report.amplified.pool_p99 > 0


def test_a_benign_drift_gives_nothing(run):
    report = run("contrastive-decoding", candidate=WordSubject(drift=0.3))
    assert report.confirmed == ()
    assert report.amplified.above > 0


def test_a_reasoner_is_told_that_it_reads_amplified_texts(run):
    model = Scripted(lambda ask: "[]")
    run("contrastive-decoding", reasoner=model)
    assert MARKED in model.said[0]


def test_a_limit_on_tokens_cuts_the_sample_and_is_told(run):
    report = run("contrastive-decoding", max_decoded_tokens=3000)
    tokens = report.cost.decoded_tokens
    assert tokens.base + tokens.candidate <= 3000
    assert any("--max-decoded-tokens 3000" in line for line in report.warnings)
