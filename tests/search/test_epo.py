"""The gradient finder: prompts on which the models part further than where it began, and how fluent they stay."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import tiny
import torch
from planted import logits, opened, plant
from rare import ManyWords

from whatchanged.pools import normalise
from whatchanged.records import Prompt
from whatchanged.search import Evidence
from whatchanged.search.drafts import Drafts
from whatchanged.search.epo import STARTS, WEIGHTS, Front, GradientSearch
from whatchanged.search.gradient import Slot, divergence_gain
from whatchanged.subjects import Context

TOKENS = 8_000
ANIMALS = ("cat", "dog", "hen", "owl", "fox", "ant", "bee", "cow", "elk", "pig")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=["with a template", "without"])
def models(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("epo")
    words = tiny.tokenizer(template=tiny.TEMPLATE if request.param == "with a template" else None)
    base = tiny.llama(folder / "base", words=words)

    def tuned(tensors: dict[str, torch.Tensor]) -> None:
        torch.manual_seed(1)
        for name, tensor in tensors.items():
            if name.endswith("down_proj.weight"):
                tensor += 0.1 * torch.randn_like(tensor)

    return opened(base), opened(tiny.copied(base, folder / "tuned", tuned))


@pytest.fixture
def evidence(models, new_ledger):
    prompts = [Prompt.user(f"Tell me about the {a} please", source="pool file") for a in ANIMALS]
    return priced(Evidence(new_ledger(), *models, prompts, (), (), ()))


def priced(evidence: Evidence) -> Evidence:
    """At a hundred tokens a prompt: nothing was screened here that could tell."""
    vars(evidence)["price"] = 100
    return evidence


def divergence(evidence: Evidence, text: str) -> float:
    """The long way: one whole pass of each model over the prompt."""
    log_p, log_q = (torch.log_softmax(logits(m, Prompt.user(text)), -1) for m in (evidence.base, evidence.candidate))
    return float((log_q.exp() * (log_q - log_p)).sum())


def fluency(evidence: Evidence, text: str) -> float:
    base = evidence.base
    row, turn = base.encode(Prompt.user(text)), base.tokenize(text)
    start = max(len(base.user_opening()), 1)
    rows = torch.cat(list(base.score([Context(row[:start], row[start:])]).blocks()))
    first = 0 if base.user_opening() else 1  # without a template nothing foretells the first token
    return sum(float(rows[i, t]) for i, t in enumerate(turn[first:])) / len(turn)


def test_a_draft_is_scored_as_the_prompt_that_it_is(evidence):
    drafts = Drafts(evidence, TOKENS)
    texts = ["Tell me about the sea", "the capital", "Tell me about the cat please"]
    rated = drafts.score([drafts.read(text) for text in texts])
    for text, r in zip(texts, rated, strict=True):
        assert r.draft.text == text
        assert r.divergence == pytest.approx(divergence(evidence, text), rel=1e-3, abs=1e-5)
        assert r.fluency == pytest.approx(fluency(evidence, text), rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "half \ufffd a letter", "\x1b[31mred"])
def test_what_is_no_readable_line_is_no_draft(evidence, text):
    assert Drafts(evidence, TOKENS).read(text) is None


def test_what_is_proposed_parts_the_models_more_than_its_starts_and_than_random_substitutions(evidence):
    found = GradientSearch().find(evidence, 40_000)
    assert len(found.prompts) >= STARTS
    proposed = [divergence(evidence, p.text) for p in found.prompts]
    assert proposed == sorted(proposed, reverse=True)
    begun = [divergence(evidence, p.text) for p in evidence.prompts]
    rng = np.random.default_rng(0)
    drafts = Drafts(evidence, TOKENS)
    chance = []
    for p in evidence.prompts * 2:
        tokens = list(drafts.read(p.text).tokens)
        tokens[rng.integers(len(tokens))] = int(rng.choice(np.flatnonzero(drafts.writable)))
        chance.append(divergence(evidence, evidence.base.detokenize(tokens).strip()))
    for others in (begun, chance):
        assert np.median(proposed) > np.median(others)
        assert max(proposed) > max(others)


def test_gradients_lead_further_than_chance_for_the_same_tokens(tmp_path, new_ledger, monkeypatch):
    """Where attention reads what it did not, the gradient knows of which tokens."""
    folder = tiny.llama(tmp_path / "base")
    base = opened(folder)
    read = base.engine.model.get_input_embeddings().weight.detach()[base.tokenize(" poem")[-1]].numpy()
    name = "model.layers.0.self_attn.v_proj.weight"
    width = base.engine.model.get_parameter(name).shape[0]
    change = np.outer(np.random.default_rng(0).standard_normal(width), read / np.linalg.norm(read))
    candidate = opened(plant(folder, tmp_path / "reads", {name: change}))
    prompts = [Prompt.user(f"Tell me about the {a} please") for a in ANIMALS]
    guided = Drafts.leanings

    def unguided(self, several):
        for leanings in guided(self, several):
            noise = np.random.default_rng(self.spent).standard_normal(leanings.gain.shape, np.float32)
            yield leanings._replace(gain=noise)

    best = []
    for way in (guided, unguided):
        monkeypatch.setattr(Drafts, "leanings", way)
        for seed in range(4):
            ledger = new_ledger(f"{way.__name__}-{seed}", seed=seed)
            evidence = priced(Evidence(ledger, base, candidate, prompts, (), (), ()))
            found = GradientSearch().find(evidence, 10_000)
            best.append(divergence(evidence, found.prompts[0].text))
    assert np.mean(best[:4]) > 1.2 * np.mean(best[4:])


def test_the_front_runs_from_fluent_to_divergent(evidence):
    drafts = Drafts(evidence, TOKENS)
    (start,) = drafts.score([drafts.read(evidence.prompts[0].text)])
    front = Front(drafts, start, np.random.default_rng(0))
    values = []
    for _ in range(8):
        front.step()
        values.append([front.best[w].value(w) for w in WEIGHTS])
    assert (np.diff(values, axis=0) >= 0).all()
    ends = [front.best[w] for w in WEIGHTS]
    assert all(a.divergence >= b.divergence for a, b in pairwise(ends))
    assert all(a.fluency <= b.fluency for a, b in pairwise(ends))
    assert ends[0].divergence > ends[-1].divergence


def test_leanings_are_those_of_each_position_relative_to_the_token_that_is_there(evidence):
    drafts = Drafts(evidence, TOKENS)
    several = [drafts.read(p.text) for p in evidence.prompts[:2]]
    _, leanings = drafts.leanings(several)
    row, tokens = several[1].rows[0], several[1].tokens
    expected = torch.cat(list(evidence.base.score([Context(row[:1], row[1:])]).blocks())).numpy()
    start = len(evidence.base.user_opening())
    for at, own in enumerate(tokens, start=start):
        assert row[at] == own
        gains, _ = divergence_gain(evidence, [Slot(several[1].rows, (at, at))])
        assert leanings.gain[at - start] == pytest.approx(gains - gains[own], rel=1e-2, abs=1e-3)
        # Nothing foretells the first token of all.
        likelier = expected[at - 1] - expected[at - 1, own] if at else np.zeros(len(gains))
        assert leanings.likelier[at - start] == pytest.approx(likelier, abs=1e-3)


def test_it_keeps_to_its_budget_and_says_what_it_spent(evidence):
    reserved = STARTS * len(WEIGHTS) * evidence.price
    for tokens in (reserved // 2, reserved + 100, reserved + 700, reserved + 3000, TOKENS):
        found = GradientSearch().find(evidence, tokens)
        spent = found.cost.scored_tokens
        assert spent.base + spent.candidate + len(found.prompts) * evidence.price <= tokens
        assert found.prompts or found.note
    assert GradientSearch().find(evidence, reserved // 2).prompts == []


def test_a_pool_without_short_prompts_leaves_nothing_to_start_from(evidence):
    long = [Prompt.user(" ".join(["the sea"] * 30), source="pool file")]
    found = GradientSearch().find(priced(replace(evidence, prompts=long)), TOKENS)
    assert (found.prompts, found.note) == ([], "the pool has no short prompt to start from")


def test_a_later_round_starts_elsewhere_and_proposes_what_is_new(evidence):
    first = GradientSearch().find(evidence, TOKENS)
    assert GradientSearch().find(evidence, TOKENS) == first
    grown = priced(replace(evidence, prompts=[*evidence.prompts, *first.prompts], round=1))
    second = GradientSearch().find(grown, TOKENS)
    assert second.prompts
    assert not {normalise(p) for p in second.prompts} & {normalise(p) for p in grown.prompts}


def test_another_seed_goes_another_way(evidence, new_ledger):
    other = priced(replace(evidence, ledger=new_ledger("other", seed=5)))
    assert GradientSearch().find(evidence, TOKENS).prompts != GradientSearch().find(other, TOKENS).prompts


def test_without_gradients_it_says_why(evidence):
    found = GradientSearch().find(replace(evidence, candidate=ManyWords()), TOKENS)
    assert found.prompts == []
    assert "gradients" in found.note
