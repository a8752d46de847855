"""A minimal undo of one finding, as an adapter that can be audited like any other candidate."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from whatchanged.errors import CheckpointError, UsageError
from whatchanged.explain.target import Target, check_editable, chosen, is_wanted, openings, overlap, targets
from whatchanged.ledger import Progress
from whatchanged.records import Record
from whatchanged.report import Report, read_report
from whatchanged.report.numbers import percent
from whatchanged.report.text import one_line
from whatchanged.subjects import check_specs, open_subjects, parse
from whatchanged.subjects.spec import resolve

if TYPE_CHECKING:
    from whatchanged.explain.change import Change
    from whatchanged.explain.cut import Removal

LEAST = 0.8


class Kept(Record):
    """A finding that the undo spares, and the part of its effect that stays.

    `elsewhere` is how often the same shows off its region, before and after the undo; None where there are no prompts.
    """

    finding: str
    sentence: str
    share: float
    elsewhere: tuple[float, float] | None = None


class UndoWritten(Record):
    """What was written, and what it does on prompts of the finding's region that its test did not use."""

    out: Path
    finding: str
    sentence: str
    modules: int = Field(description="Tensors that are touched.")
    of_modules: int = Field(description="Tensors that the candidate changed.")
    directions: int = Field(description="Directions taken out of them; 0: they are taken back whole.")
    energy: float = Field(description="Part of the change's |dW|_F^2 that is taken back.")
    removed: float = Field(description="Part of P candidate - P base that goes.")
    rate_base: float
    rate_candidate: float
    rate_undone: float
    completeness: float
    points: int
    prompts: int
    kept: tuple[Kept, ...]
    elsewhere_with: float | None = Field(
        description="Mean total variation of first tokens off the region, to the base."
    )
    elsewhere_without: float | None = Field(description="The same after the undo.")
    next_command: str


def undo(run: Path, finding_id: str, out: Path, progress: Progress | None = None) -> UndoWritten:
    """Write to `out` an adapter that is the candidate without the finding.

    For a LoRA candidate a copy of it on the same base; else a LoRA on the candidate. Where the run confirmed other
    scored findings, only directions are taken out, turned so that wanted ones stay: those that are intended or
    explained by the tuning data, and unclassified ones of the same direction. Whole tensors otherwise. Chosen on
    discovery prompts, so that the run's confirmation prompts stay fresh for an audit of the result.

    Raises RunDirectoryError, SpecError, CheckpointError, AccessError, PoolError, MissingExtra or another UsageError.
    """
    report = read_report(run)
    finding = chosen(report, run, finding_id)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"'{out}' is there already and not empty: name another --out")
    check_specs([report.base, report.candidate])
    check_editable(report.candidate)
    others = [f for f in report.confirmed if f.id != finding.id and openings(f) and not overlap(f, finding)]
    target, *keep = targets(report, [finding, *(f for f in others if is_wanted(f, finding))])
    progress = progress or Progress()
    progress.stage("open", 1)
    base, candidate = open_subjects([report.base, report.candidate])
    from whatchanged.explain.change import Change

    change = Change(base, candidate)
    progress.advance()
    progress.stage("attribute", 1)
    removal = _removal(change, report, target, keep, bool(others))
    progress.advance()
    if removal.removed < LEAST:
        raise UsageError(
            f"finding '{finding_id}': what an adapter can take back carries only {removal.removed:.0%} of it: "
            "no small undo; tune again without what teaches it"
        )
    written = _summary(report, out, change, removal, target, keep)
    _write(report, written, change, removal)
    return written


def _removal(change: "Change", report: Report, target: Target, keep: Sequence[Target], many: bool) -> "Removal":
    from whatchanged.explain.cut import directions, whole_tensors
    from whatchanged.explain.score import Score
    from whatchanged.explain.written import is_adapter, reaches

    temperature = float(report.config.get("temperature", 1.0))
    score, *spared = [Score(change, t.on, t.openings, temperature) for t in (target, *keep)]
    contained = [Score(change, t.off or t.on, t.openings, temperature) for t in keep]
    if is_adapter(change):
        if not many:
            return whole_tensors(change, score)
        return directions(change, score, spared, contained, lambda name: True)
    if _checkpoint(report.candidate).adapter is not None:
        raise CheckpointError(
            f"adapter '{report.candidate}' is more than plain LoRA layers: merge it into its base and audit that"
        )
    return directions(change, score, spared, contained, lambda name: reaches(change, name))


def _checkpoint(spec: str) -> Any:
    target, pairs = parse(spec)
    return resolve(target, dict(pairs).get("base"))


def _summary(
    report: Report, out: Path, change: "Change", removal: "Removal", target: Target, keep: Sequence[Target]
) -> UndoWritten:
    from whatchanged.explain.graft import distances
    from whatchanged.explain.score import MOST_PROMPTS

    apart = distances(change, target.off, lambda: removal.place(change))
    modifiers = "".join(f"+{name}={value}" for name, value in parse(report.candidate)[1] if name != "base")
    base, candidate, undone = removal.rates
    return UndoWritten(
        out=out,
        finding=target.finding.id,
        sentence=target.finding.sentence,
        modules=len(removal.names) + len(removal.cuts),
        of_modules=len(change.deltas),
        directions=removal.directions,
        energy=removal.energy,
        removed=removal.removed,
        rate_base=base,
        rate_candidate=candidate,
        rate_undone=undone,
        completeness=removal.integral.completeness,
        points=removal.integral.points,
        prompts=min(len(target.on), MOST_PROMPTS),
        kept=tuple(
            Kept(finding=t.finding.id, sentence=t.finding.sentence, share=share, elsewhere=spilt if t.off else None)
            for t, share, spilt in zip(keep, removal.kept, removal.spilt, strict=True)
        ),
        elsewhere_with=apart[0],
        elsewhere_without=apart[1],
        next_command=shlex.join(["whatchanged", "diff", report.base, f"{out}{modifiers}"]),
    )


def _write(report: Report, written: UndoWritten, change: "Change", removal: "Removal") -> None:
    from whatchanged.explain.written import is_adapter, write_copy, write_lora

    target, pairs = parse(report.candidate)
    try:
        written.out.mkdir(parents=True, exist_ok=True)
        if is_adapter(change):
            write_copy(_checkpoint(report.candidate).adapter, dict(pairs).get("base"), written.out, change, removal)
            kind = "a copy of the candidate's adapter without it, for the same base"
        else:
            write_lora(os.path.abspath(target) if os.path.exists(target) else target, written.out, change, removal)
            kind = "a LoRA that takes it back, on top of the candidate"
        (written.out / "README.md").write_text(_readme(report, written, kind), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write '{written.out}' ({error.strerror}): name another --out") from None


def told_spilt(kept: Kept) -> str:
    """How often it shows off its region, in words; nothing where that is not known."""
    if kept.elsewhere is None:
        return ""
    before, after = kept.elsewhere
    return f"; off its region {percent(before)} before, {percent(after)} after"


def _readme(report: Report, written: UndoWritten, kind: str) -> str:
    parts = f"{written.directions} directions in " if written.directions else ""
    lines = [
        "# Undo of one finding",
        f"Written by `whatchanged undo`: {kind}.",
        f"- Base: `{one_line(report.base)}`",
        f"- Candidate: `{one_line(report.candidate)}`",
        f"- Finding `{one_line(written.finding)}`: {one_line(written.sentence, 400)}",
        f"- Taken back: {parts}{written.modules} of {written.of_modules} changed tensors, "
        f"{written.energy:.1%} of the change's squared norm",
        f"- P(phrase) on {written.prompts} prompts: base {written.rate_base:.3f}, candidate "
        f"{written.rate_candidate:.3f}, after the undo {written.rate_undone:.3f}",
        *(f"- Kept: `{one_line(k.finding)}`, {k.share:.0%} of its effect{told_spilt(k)}" for k in written.kept),
        "Nothing here is confirmed until an audit says so:",
        f"```\n{one_line(written.next_command, 2000)}\n```",
    ]
    return "\n\n".join(lines).replace("\n\n- ", "\n- ") + "\n"
