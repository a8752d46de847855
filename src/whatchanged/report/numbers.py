"""Numbers as a reader wants them. All functions take plain numbers and return text for a page."""

import math

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MISSING = "not measured"


def scientific(value: float) -> str:
    """'1.2 × 10⁶'."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def e_value(value: float) -> str:
    """Evidence: two digits below 10, whole numbers below 10,000, powers of ten above."""
    if math.isnan(value):
        return _MISSING
    if value == math.inf:
        return "over 10³⁰⁸"
    if value >= 10_000 or 0 < value < 0.01:
        return scientific(value)
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def rate(value: float | None) -> str:
    """A probability: three decimals, more where it is small, so that 0.0004 does not read as 0."""
    if value is None or not math.isfinite(value):
        return _MISSING
    if value == 0:
        return "0"
    if abs(value) >= 0.001:
        return f"{value:.3f}".replace("-", "−")
    return scientific(value).replace("-", "−") if abs(value) < 0.0001 else f"{value:.4f}".replace("-", "−")


def signed(value: float) -> str:
    """An effect: always with its sign, three decimals."""
    return f"{value:+.3f}".replace("-", "−") if math.isfinite(value) else _MISSING


def percent(value: float | None) -> str:
    """A share: whole per cent above 10, one decimal above 0.1, then powers of ten."""
    if value is None or not math.isfinite(value):
        return _MISSING
    if value == 0 or value >= 0.0995:
        return f"{100 * value:.0f}%"
    return f"{100 * value:.1f}%" if value >= 0.001 else f"{100 * value:.1g}%"


def count(value: int) -> str:
    """'19,200'."""
    return f"{value:,}"


def plural(number: int, noun: str, many: str = "") -> str:
    """'1 prompt', '2 prompts', '3 categories' (`many` where an s is not enough)."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def duration(seconds: float) -> str:
    """'0.4 s', '42 s', '3 min 20 s', '2 h 5 min'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def memory(size: int) -> str:
    """Bytes in GiB or MiB; 'not measured' for 0."""
    if size <= 0:
        return _MISSING
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
