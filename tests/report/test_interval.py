import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatchanged.report import Report
from whatchanged.report.interval import choose_axis, interval_plot


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_the_axis_holds_what_it_is_chosen_for(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    axis = choose_axis(low, high)
    assert -1 <= axis.low <= low + 1e-6
    assert high - 1e-6 <= axis.high <= 1
    assert 2 <= len(axis.ticks) <= 8
    assert all(2 <= x <= 98 for x, _ in axis.ticks)


def test_ticks_are_round_and_zero_is_plain() -> None:
    assert [text for _, text in choose_axis(-0.1, 0.3).ticks] == ["−0.1", "0", "+0.1", "+0.2", "+0.3"]


def test_the_margin_to_clear_lies_on_the_side_of_the_claim(report: Report) -> None:
    more = interval_plot(report.confirmed[0])
    less = interval_plot(next(f for f in report.findings if f.direction == "less"))
    assert more is not None
    assert less is not None
    assert more.zero < more.margin < more.low < more.effect < more.high
    assert less.margin < less.zero


@pytest.mark.parametrize("missing", [math.nan, math.inf])
def test_an_effect_without_a_number_has_no_plot(report: Report, missing: float) -> None:
    assert interval_plot(report.findings[0].model_copy(update={"ci_high": missing})) is None
