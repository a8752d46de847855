import math

import pytest

from whatchanged.report.numbers import duration, e_value, memory, percent, plural, rate, signed


@pytest.mark.parametrize(
    ("function", "value", "shown"),
    [
        (e_value, 3.44, "3.4"),
        (e_value, 412.2, "412"),
        (e_value, 8123.4, "8,123"),
        (e_value, 4.2e31, "4.2 × 10³¹"),
        (e_value, 3.1e-5, "3.1 × 10⁻⁵"),
        (e_value, 0.0, "0"),
        (e_value, math.inf, "over 10³⁰⁸"),
        (rate, 0.0, "0"),
        (rate, 0.4981, "0.498"),
        (rate, 0.00042, "0.0004"),
        (rate, 0.00004, "4.0 × 10⁻⁵"),
        (rate, math.nan, "not measured"),
        (signed, 0.1634, "+0.163"),
        (signed, -0.02, "−0.020"),
        (percent, 0.484, "48%"),
        (percent, 0.032, "3.2%"),
        (percent, 0.0004, "0.04%"),
        (duration, 0.42, "0.4 s"),
        (duration, 59.7, "1 min 0 s"),
        (duration, 200, "3 min 20 s"),
        (duration, 7500, "2 h 5 min"),
        (memory, 0, "not measured"),
        (memory, 2**30 * 3 // 2, "1.5 GiB"),
    ],
)
def test_numbers_as_text(function, value: float, shown: str) -> None:
    assert function(value) == shown


def test_plural() -> None:
    assert [plural(1, "prompt"), plural(0, "prompt"), plural(3, "category", "categories")] == [
        "1 prompt",
        "0 prompts",
        "3 categories",
    ]
