"""Clusters: who is in them, what they are called, how they look, and that nothing is used twice."""

import re

import numpy as np
import pytest
from page import Page, assert_inert
from scripted import Scripted
from words import KITCHEN, Plant, WordSubject

from tests.methods.conftest import COOKING
from whatchanged.config import AuditConfig
from whatchanged.methods.groups import OUTSIDE, differences, group, membership
from whatchanged.methods.keywords import keywords
from whatchanged.report import ClustersView, TextCluster, TextPoint, render_html
from whatchanged.report.clusters import cluster_plots

CONFIG = AuditConfig(base="a", candidate="b")
HOSTILE = "</title><script>alert(1)</script> \u202e {{ 7 * 7 }}"


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(60, 2)) * 0.2 + centre for centre in ((0, 0), (6, 0), (0, 6))])


@pytest.mark.parametrize("how", ["k-means", "hdbscan"])
def test_what_lies_together_is_grouped_together(blobs, how):
    labels = group(blobs, how, seed=1).of(blobs)
    kinds = [set(labels[start : start + 60]) - {OUTSIDE} for start in (0, 60, 120)]
    assert all(kinds)
    assert len(set.union(*kinds)) == sum(map(len, kinds))
    assert (labels == OUTSIDE).mean() < 0.2


def test_far_from_every_dense_group_is_outside(blobs):
    far = np.array([[40.0, 40.0]])
    assert group(blobs, "hdbscan", 0).of(far) == [OUTSIDE]
    assert group(blobs, "k-means", 0).of(far) != [OUTSIDE]


def test_repeated_texts_of_a_prompt_are_one_unit():
    inside = (np.array([False, False, True]), np.array([True, True, True]))
    assert differences(["a", "a", "b"], inside).tolist() == [1.0, 0.0]
    # Twenty texts of one prompt show no more than one prompt can: its labels are swapped together.
    one = (np.zeros(20, bool), np.ones(20, bool))
    assert membership(["a"] * 20, one, 1, 1, CONFIG).p_value > 0.4
    many = membership([str(n) for n in range(20)], one, 1, 1, CONFIG)
    assert (many.base, many.candidate) == (0.0, 1.0)
    assert 0 < many.p_value < 0.01
    assert membership([str(n) for n in range(20)], one, -1, 1, CONFIG).p_value == 1.0


def test_keywords_are_those_of_the_formula():
    inside, outside = ["ahoy ahoy the sea"] * 5, ["well the sea"] * 5
    assert keywords(inside, outside) == ["ahoy"]
    assert keywords(outside, outside) == keywords([], outside) == keywords([], []) == []
    # 'ahoy': 10 of 20 words here, none of 15 there; a prior of 3.5 words, 1 of them 'ahoy'. z = 2.86.
    # 'the': 5 of 20 and 5 of 15: z below 0.
    assert keywords(inside, [*outside, "ahoy " * 8]) == []


@pytest.mark.parametrize("how", ["k-means", "hdbscan"])
def test_the_planted_cluster_is_there_of_both_kinds(run, how):
    report = run("clustering", cluster_by=how, texts=600)
    view = report.clusters
    differing = {c.kind for c in view.clusters if c.differs and c.finding}
    assert differing == {"behavioural", "contrastive"}
    planted = max(view.clusters, key=lambda c: c.share_candidate - c.share_base)
    assert "kitchen" in planted.label
    assert (planted.by, planted.differs, planted.share_base) == ("keywords", True, 0.0)
    finding = next(f for f in report.findings if f.id == planted.finding)
    assert KITCHEN.split()[0] in finding.sentence
    assert finding.p_value >= planted.p_value > 0
    assert {p.side for p in view.points} == {"base", "candidate"}


def test_a_lost_behaviour_is_found_too(run):
    report = run("clustering", base=WordSubject(COOKING), candidate=WordSubject())
    assert [f.direction for f in report.confirmed] == ["less"]


def test_a_reasoner_names_what_differs_and_reads_fenced_texts(run):
    model = Scripted(lambda ask: "talks of \x1b[31mkitchens\n")
    report = run("clustering", reasoner=model)
    named = [c for c in report.clusters.clusters if c.by == "scripted"]
    assert {c.label for c in named} == {"talks of kitchens"}
    assert all(c.differs for c in named)
    assert len(model.asks) == len(named) == report.cost.calls
    assert all(re.search(r"<<<TEXT [0-9a-f]{8}\nFrom my kitchen", said) for said in model.said[:1])
    (use,) = [use for use in report.roles if use.role == "reasoner"]
    assert set(use.prompts) == {"cluster"}


def test_what_no_text_shows_is_told_as_not_looked_at(run):
    report = run("clustering", candidate=WordSubject(Plant(KITCHEN, 0.001)), texts=100)
    assert report.confirmed == ()
    assert "behaviours too rare to show in 100 texts a model" in report.not_looked_at


def test_a_limit_on_tokens_cuts_the_sample_and_is_told(run):
    report = run("clustering", max_decoded_tokens=1000)
    tokens = report.cost.decoded_tokens
    assert tokens.base + tokens.candidate <= 1000
    assert any("--max-decoded-tokens 1000" in line for line in report.warnings)


@pytest.fixture
def view():
    clusters = tuple(
        TextCluster(
            id=f"b{n:02d}", kind="behavioural", label=f"{n} {HOSTILE}", by="keywords", texts=n + 1, share_base=0.1,
            share_candidate=0.1 + n / 100, p_value=0.5, differs=n == 3, examples=(HOSTILE,),
        )
        for n in range(4)
    )  # fmt: skip
    points = tuple(TextPoint(x=n, y=-n, side="base" if n % 2 else "candidate", cluster="b03") for n in range(10))
    return ClustersView(embedding="words", clusters=clusters, points=points)


def test_tiles_fill_the_drawing_in_proportion(view):
    plots = cluster_plots(view, most=100)
    areas = [tile.width * tile.height for tile in plots.tiles]
    assert np.allclose(areas, [1000 * n for n in (4, 3, 2, 1)], rtol=0.01)
    assert plots.tiles[0].shade == max(tile.shade for tile in plots.tiles)
    assert all(0 <= spot.x <= 100 and 0 <= spot.y <= 100 for spot in plots.spots)
    assert len(cluster_plots(view, most=4).spots) <= 4
    assert cluster_plots(ClustersView(embedding="words", clusters=(), points=()), 9) is None


def test_the_page_shows_the_clusters_and_stays_inert(run, view):
    report = run("clustering").model_copy(update={"clusters": view})
    page = render_html(report)
    assert_inert(page)
    parsed = Page(page)
    assert parsed.tags.count("rect") >= 4 + 5
    assert "Clusters of texts" in parsed.text
    assert "<script" not in page
    assert "<script>alert(1)</script> ‹U+202E› {{ 7 * 7 }}" in parsed.text
