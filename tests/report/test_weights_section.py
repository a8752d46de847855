"""What the report says of the weights: plots that are there, sentences that are true, tokens that stay text."""

import re

import pytest
from page import Page, assert_inert
from shown import printed

from whatchanged.records import GraftCurve, GraftPoint
from whatchanged.report import CarriedBy, MatrixSpectrum, ModuleChange, WeightsView, WriteReading, render_html
from whatchanged.report.grafting import BOTTOM, TOP, graft_plot, graft_sentence
from whatchanged.report.heat import heat_sentence
from whatchanged.report.html import MAX_BYTES
from whatchanged.report.spectrum import spectrum_plot, spectrum_sentence
from whatchanged.report.writes import told_writes, write_line, writes_sentence


def spectrum(**changes):
    values = {
        "layer": 12, "module": "mlp.down_proj", "values": (1.0, 0.5, 0.1), "stable_rank": 1.26, "energy_rank": 2,
        "found": 3, "full": 576, "exact": True,
    }  # fmt: skip
    return MatrixSpectrum.model_validate(values | changes)


def reading(**changes):
    values = {
        "layer": 12, "module": "mlp.down_proj", "promoted": ("Sure", " Sure"), "demoted": (" The",), "share": 0.46,
        "strongest": 9.1, "p": 0.001,
    }  # fmt: skip
    return WriteReading.model_validate(values | changes)


CURVE = GraftCurve(
    rate_base=0.02,
    rate_candidate=0.6,
    seed=0,
    points=(
        GraftPoint(modules=1, energy=0.1, grafted=0.2, removed=0.4, random_energy=0.2, random_grafted=0.03,
                   random_removed=0.59),
        GraftPoint(modules=2, energy=0.3, grafted=0.55, removed=0.1, random_energy=0.5, random_grafted=0.05,
                   random_removed=0.5),
        GraftPoint(modules=4, energy=1.0, grafted=0.6, removed=0.02, random_energy=1.0, random_grafted=0.6,
                   random_removed=0.02),
    ),
)  # fmt: skip


@pytest.fixture
def weighty(make_report):
    """The rich report with all that can be said of weights."""

    def make(**changes):
        values = {
            "kind": "adapter", "confidence": "certain", "evidence": "An adapter of rank 8.", "relative": 0.01,
            "modules": (
                ModuleChange(layer=12, module="mlp.down_proj", relative=0.05),
                ModuleChange(layer=3, module="self_attn.q_proj", relative=0.02),
            ),
            "spectra": (spectrum(), spectrum(layer=3, exact=False)),
            "writes": (reading(), *(reading(layer=n) for n in range(30))),
            "writes_read": 240, "writes_null": 4799,
        }  # fmt: skip
        traced = CarriedBy(finding="h-opening", sentence="1 of 4.", completeness=1.0, prompts=9, curve=CURVE)
        return make_report(weights=WeightsView.model_validate(values | changes), carried_by=(traced,))

    return make


def test_a_spectrum_is_told_in_one_sentence():
    assert spectrum_sentence(spectrum()) == (
        "90% of the change of layer 12's mlp.down_proj lies in 2 of 576 directions (stable rank 1.3)."
    )
    assert "takes more than 24 directions of 576" in spectrum_sentence(spectrum(energy_rank=None, found=24))
    assert "of lm_head lies in" in spectrum_sentence(spectrum(layer=None, module="lm_head"))


def test_bars_fall_on_a_logarithmic_axis():
    plot = spectrum_plot(spectrum(values=(2.0, 0.2, 0.02), energy_rank=1))
    heights = [b.height for b in plot.bars]
    assert heights[0] > 0
    assert heights[0] - heights[1] == pytest.approx(heights[0] / 2, abs=0.1)  # one decade of two
    assert [b.within for b in plot.bars] == [True, False]  # the third lies on the floor
    assert [label for _, label in plot.lines] == ["1", "0.1", "0.01"]
    assert "79% of the change" in plot.bars[0].title
    assert all(b.x >= 8 and b.x + b.width <= 100 for b in plot.bars)


def test_sixteen_bars_at_most_and_rounding_is_not_drawn():
    assert len(spectrum_plot(spectrum(values=tuple(1 - n / 40 for n in range(30)))).bars) == 16
    assert len(spectrum_plot(spectrum(values=(1.0, 1e-8, 0.0))).bars) == 1
    assert spectrum_plot(spectrum(values=(0.0, 0.0))) is None


def test_the_grafting_plot_places_the_measured_points():
    plot = graft_plot(CURVE)
    lines = {line.kind: line.marks for line in plot.lines}
    assert set(lines) == {"put", "taken", "put random", "taken random"}
    assert all(len(marks) == 4 for marks in lines.values())  # from 0 on
    assert [m.x for m in lines["put"]] == [8.0, 17.0, 35.0, 98.0]
    ys = [m.y for m in lines["put"]]
    assert ys == sorted(ys, reverse=True)  # it rises, and pixels count from the top
    assert lines["taken"][0].y == lines["put"][-1].y
    assert all(TOP <= m.y <= BOTTOM for marks in lines.values() for m in marks)
    assert plot.up[0] == (BOTTOM, "0")
    assert "2 tensors, 30% of |dW|², put into the base: rate 0.550" in lines["put"][2].title
    assert graft_plot(CURVE.model_copy(update={"points": ()})) is None


def test_the_grafting_sentence_names_the_first_point_that_is_enough():
    assert graft_sentence(CURVE) == (
        "2 tensors with 30% of |dW|², put into the base, bring the rate from 0.020 to 0.550 (the candidate's is "
        "0.600); as many at random, with 50%, bring it to 0.050."
    )
    flat = CURVE.model_copy(update={"rate_candidate": 0.02})
    assert graft_sentence(flat).startswith("4 tensors")


def test_a_behaviour_that_goes_away_is_told_in_the_same_way():
    down = CURVE.model_copy(update={"rate_base": 0.6, "rate_candidate": 0.02})
    points = [p.model_copy(update={"grafted": p.removed, "removed": p.grafted}) for p in CURVE.points]
    assert graft_sentence(down.model_copy(update={"points": tuple(points)})).startswith("2 tensors")


def test_the_map_has_a_sentence():
    modules = [ModuleChange(layer=n, module="self_attn.Wqkv", relative=0.1 * n) for n in (1, 2)]
    told = "Layer 2's self_attn.Wqkv changed most, by 0.200 of its norm; 1 kind of module changed, in 2 layers."
    assert heat_sentence(modules) == told
    assert heat_sentence([ModuleChange(layer=None, module="lm_head", relative=0.1)]) == ""


def test_what_is_written_is_said_with_how_much_was_read(weighty):
    view = weighty().weights
    assert writes_sentence(view) == (
        "31 of 240 write directions of the change, against 4,799 random ones, promote tokens beyond chance."
    )
    none = view.model_copy(update={"writes": ()})
    assert writes_sentence(none).startswith("None of 240 write directions")
    assert writes_sentence(none.model_copy(update={"writes_read": 0})) == ""
    assert write_line(reading()) == (
        'layer 12\'s mlp.down_proj writes ["Sure", " Sure"] (46% of its change, p = 0.001)'
    )


def test_readers_of_evidence_get_a_short_line_of_quoted_tokens():
    assert told_writes([]) == ""
    assert told_writes([reading(), reading(layer=None)]) == (
        ' The change writes, by layer: 12 ["Sure", " Sure"]; head ["Sure", " Sure"]'
    )
    many = told_writes([reading(promoted=("x" * 50,) * 9)] * 9)
    assert len(many) <= 130
    assert "x" * 20 not in many
    assert told_writes([reading(promoted=('"]\n\u202e',))]).endswith('["\\"]\\n‹U+202E›"]')


def test_the_page_shows_it_all(weighty):
    page = render_html(weighty())
    assert_inert(page)
    assert page.count('<svg class="spectrum" role="img" aria-label="90% of the change') == 2
    assert page.count('<figure class="grafting">') == 1
    assert "What the change writes" in page
    assert "<code>Sure</code>" in page
    assert '<code><span class="blank">␣</span>Sure</code>' in page
    assert "11 more in report.json" in page
    assert re.search(r"<details><summary>The curve in numbers</summary>\s*<div", page)
    assert "lower bounds" in page
    assert "lower bounds" not in render_html(weighty(spectra=(spectrum(),)))
    text = Page(page).text
    assert spectrum_sentence(spectrum()) in text
    assert "share of |dW|² that is grafted" in text
    assert "rate of the behaviour" in text


def test_nothing_read_is_not_mentioned(weighty):
    page = render_html(weighty(writes=(), writes_read=0, spectra=(), modules=()))
    assert "What the change writes" not in page
    assert "Spectra" not in page
    assert "None of 240" in Page(render_html(weighty(writes=()))).text


def test_hostile_tokens_do_nothing(weighty, poison, hostile):
    report = poison(weighty(), hostile)
    assert_inert(render_html(report))
    assert "\x1b" not in printed(report)


def test_the_terminal_has_three_lines_of_it_at_most(weighty):
    lines = [line for line in printed(weighty()).splitlines() if " writes [" in line]
    assert len(lines) == 3
    assert lines[0].strip() == write_line(reading())


def test_long_names_and_tokens_do_not_swell_the_page(weighty, poison):
    report = poison(weighty(), "\u202e" * 700)
    weights = report.weights.model_copy(update={"writes": report.weights.writes * 20})
    plain = len(render_html(report.model_copy(update={"weights": None})).encode())
    assert len(render_html(report.model_copy(update={"weights": weights})).encode()) < min(plain + 600_000, MAX_BYTES)
