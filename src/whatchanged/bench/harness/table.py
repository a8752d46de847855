"""The result as Markdown: tables of settings and of finders, the cost at equal recall, and what is extrapolated."""

from collections.abc import Iterable, Sequence

from whatchanged.bench.harness.rows import BenchResult, EqualRecall, Extrapolated, FinderTotal, MethodRow
from whatchanged.report.numbers import duration, percent, plural

HEADINGS = (
    "method", "budget", "texts", "strong plants found", "all plants found", "findings true", "realised FDR",
    "silent on nulls", "intervals that hold", "intent right", "probes beyond the pool", "decoded tokens",
    "scored tokens", "judge calls", "time",
)  # fmt: skip
FINDER_HEADINGS = (
    "finder", "setting", "audits", "calls", "prompts", "scored tokens", "new nats", "nats a 1,000 tokens",
    "findings true", "plants found",
)  # fmt: skip


def markdown(result: BenchResult) -> str:
    """Tables for a README, with what they ran on; costs are means an audit."""
    parts = [_table(HEADINGS, [cells(row) for row in result.methods], left=2)]
    if result.finder_totals:
        parts.append(_table(FINDER_HEADINGS, [finder_cells(row) for row in result.finder_totals], left=2))
    parts += [_list(map(equal_sentence, result.equal_recall)), _list(map(far_sentence, result.extrapolated))]
    parts.append(_list(f"left out: {line}" for line in result.missing))
    machine = result.machine
    ran = f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 2**30:.1f} GiB, torch {machine.torch}"
    parts.append(f"`{result.command}`; commit `{result.commit}`; {ran}")
    return "\n\n".join(part for part in parts if part) + "\n"


def cells(row: MethodRow) -> list[str]:
    """One row under HEADINGS."""
    return [
        row.method,
        row.budget if row.max_decoded_tokens is None else f"{row.budget}, {row.max_decoded_tokens:,} tokens at most",
        "" if row.texts is None else f"{row.texts:,}",
        share(row.strong_found, row.strong),
        share(row.found, row.planted),
        share(row.true, row.measured),
        "–" if row.fdr is None else percent(row.fdr),
        share(row.nulls_silent, row.nulls),
        share(row.covered, row.coverable),
        share(row.named_rightly, row.named),
        share(row.probed_beyond, row.probed),
        f"{row.decoded_tokens:,.0f}",
        f"{row.scored_tokens:,.0f}",
        f"{row.judge_calls:,.0f}",
        duration(row.seconds),
    ]


def finder_cells(row: FinderTotal) -> list[str]:
    """One row under FINDER_HEADINGS."""
    return [
        row.finder,
        row.name,
        *(f"{value:,}" for value in (row.audits, row.calls, row.prompts, row.tokens)),
        f"{row.mass:,.1f}",
        f"{1000 * row.mass / row.tokens:.2f}" if row.tokens else "–",
        share(row.true, row.confirmed),
        f"{row.found:,}",
    ]


def share(part: int, of: int) -> str:
    """'9 of 10', or a dash for none of none."""
    return f"{part} of {of}" if of else "–"


def equal_sentence(row: EqualRecall) -> str:
    """What a method cost beside the reference, and whether that was measured or is a bound."""
    texts = "" if row.texts is None else f" with {'' if row.reached else 'up to '}{row.texts:,} texts a model"
    bound = "" if row.reached else "more than "
    ratio = "no ratio" if row.decoded_ratio is None else f"{bound}{_times(row.decoded_ratio)} the decoded tokens"
    seconds = "" if row.seconds_ratio is None else f" and {bound}{_times(row.seconds_ratio)} the seconds"
    on = row.organisms[0] if len(row.organisms) == 1 else plural(len(row.organisms), "organism")
    return (
        f"{row.method}{texts} beside {row.reference}, on {on}: recall {percent(row.recall)} beside "
        f"{percent(row.reference_recall)}; {ratio}{seconds} ({row.decoded_tokens:,.0f} beside "
        f"{row.reference_decoded_tokens:,.0f} tokens)"
    )


def far_sentence(row: Extrapolated) -> str:
    """A cost that was not measured, marked as such."""
    return (
        f"extrapolated, not measured: {row.method} at {row.texts:,} texts a model, in proportion from "
        f"{row.measured_texts:,}: {row.decoded_tokens:,.0f} decoded tokens, {row.judge_calls:,.0f} judge calls, "
        f"{duration(row.seconds)}"
    )


def _times(ratio: float) -> str:
    return f"{ratio:.3g} times" if ratio < 1000 else f"{ratio:,.0f} times"


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """`left` columns are aligned to the left, the others to the right."""
    marks = ["---" if i < left else "---:" for i in range(len(headings))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, marks, *rows))
