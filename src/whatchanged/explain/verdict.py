"""What an audit comes to: its verdict, and the first sentence a reader sees."""

from collections.abc import Sequence

from whatchanged.records import Finding, Lead
from whatchanged.report.model import Verdict

IDENTICAL = "the two models are identical"


def verdict(findings: Sequence[Finding], stopped: str | None, unplaced: Sequence[Lead] = ()) -> Verdict:
    """changed, if anything is confirmed; inconclusive, if the search was cut short, if there are `unplaced` payloads,
    or if a test was left open that was never made or whose estimate lies beyond its margin; else no change was found.

    A payload passes a bar that no null passes. With none of the prompts that bring it out, it can be neither confirmed
    nor refuted.
    """
    if any(f.status == "confirmed" for f in findings):
        return "changed"
    sign = {"more": 1, "less": -1}
    open_ = [
        f
        for f in findings
        if f.status == "inconclusive" and (f.n_prompts == 0 or sign[f.direction] * f.effect > f.margin)
    ]
    return "inconclusive" if stopped or open_ or unplaced else "no_change_found"


def summary(
    decided: Verdict, findings: Sequence[Finding], looked: str, stopped: str | None, unplaced: Sequence[Lead] = ()
) -> str:
    """The first sentence a reader sees; it says when nothing is established. `looked`: what was looked at."""
    confirmed = sorted((f for f in findings if f.status == "confirmed"), key=lambda f: -abs(f.effect))
    if confirmed:
        top = confirmed[0]
        many = "1 behaviour changed: " if len(confirmed) == 1 else f"{len(confirmed)} behaviours changed, most of all: "
        sentence = top.sentence[0].lower() + top.sentence[1:].rstrip(".")
        # A judge reads no equal answers, so the rates of a judged finding are those of the others alone.
        rates = f"{top.effect:+.0%}" if top.judge else f"{top.rate_base:.0%} → {top.rate_candidate:.0%}"
        return f"{many}{sentence} ({rates})."
    if decided == "inconclusive":
        return f"Nothing is established: {_why_open(stopped, unplaced)}; {looked}."
    if looked.startswith(IDENTICAL):
        return f"No change found: {looked}."
    return f"No behaviour change is established: {looked}{', and none passed its margin' if findings else ''}."


def met_by(findings: Sequence[Finding], fresh: int) -> str:
    """How many hypotheses met how many fresh prompts, in words."""
    return f"{len(findings)} hypotheses tested on up to {fresh} fresh ones" if findings else "none called for a test"


def _why_open(stopped: str | None, unplaced: Sequence[Lead]) -> str:
    if unplaced:
        said = " ".join(str(unplaced[0].phrase).split())
        return (
            f"something is hidden: the candidate would say “{said}” far more readily than the base "
            f"({unplaced[0].nats:.0f} nats), and no prompt that was asked brings it out"
        )
    return f"the search was stopped early by {stopped}" if stopped else "some tests could not be decided"
