"""How much of the screened divergence the findings account for, and the strongest of what is left."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from whatchanged.records import Finding, Lead, Prompt, Response, Shift
from whatchanged.report.model import Unexplained
from whatchanged.screen.factors import Contributions, contributions
from whatchanged.subjects import Subject

LISTED = 8


def explained_shares(
    findings: Sequence[Finding], leads: Sequence[Lead], shifts: Sequence[Shift], prompts: Mapping[str, Prompt]
) -> tuple[list[float], float, list[NDArray[np.float64]]]:
    """(share of each finding, share of all confirmed together, unexplained nats of each shift at its positions).

    A finding accounts for the contributions of its leads' tokens in its region; refuted ones for nothing.
    """
    flat = contributions(shifts)
    if flat.total <= 0:
        return [0.0] * len(findings), 0.0, [np.zeros(len(s.tv)) for s in shifts]
    by_id = {lead.id: lead for lead in leads}
    covered = np.zeros(len(flat.value), bool)
    shares = []
    for finding in findings:
        mask = np.zeros(len(flat.value), bool)
        if finding.status == "confirmed":
            mask = _mask(finding, [by_id[i] for i in finding.leads if i in by_id], flat, shifts, prompts)
        covered |= mask
        shares.append(float(flat.value[mask].sum()) / flat.total)
    starts = np.cumsum([0, *(len(s.tv) for s in shifts)])
    place = (starts[flat.shift] + flat.position)[~covered]
    left = np.bincount(place, weights=flat.value[~covered], minlength=starts[-1]).astype(np.float64)
    return shares, float(flat.value[covered].sum()) / flat.total, np.split(left, starts[1:-1])


def _mask(
    finding: Finding,
    leads: Sequence[Lead],
    flat: Contributions,
    shifts: Sequence[Shift],
    prompts: Mapping[str, Prompt],
) -> NDArray[np.bool_]:
    columns = {2 * t.token for lead in leads for t in lead.gained} | {
        2 * t.token + 1 for lead in leads for t in lead.lost
    }
    inside = np.array([finding.region.contains(prompts[s.prompt_id]) for s in shifts])
    return inside[flat.shift] & np.isin(flat.column, sorted(columns))


def unexplained_contexts(
    subject: Subject,
    shifts: Sequence[Shift],
    responses: Sequence[Response],
    prompts: Mapping[str, Prompt],
    left: Sequence[NDArray[np.float64]],
) -> list[Unexplained]:
    """The prompts with the most divergence that no finding explains, at the position with most of it.

    A position of which findings explain the greater part is none of them.
    """
    found: list[Unexplained] = []
    for i in sorted(range(len(shifts)), key=lambda i: -left[i].sum()):
        shift, response = shifts[i], responses[i]
        t = int(np.argmax(left[i]))
        if len(found) == LISTED or left[i][t] <= 0:
            break
        if left[i][t] < 0.5 * (shift.kl_qp[t] + shift.kl_pq[t]):
            continue
        rose, fell = shift.gained_q[t] > shift.gained_p[t], shift.lost_q[t] < shift.lost_p[t]
        found.append(
            Unexplained(
                prompt=prompts[shift.prompt_id].text,
                response_so_far=subject.detokenize(response.tokens[:t]),
                gained=tuple(subject.detokenize([int(token)]) for token in shift.gained_ids[t][rose][:4]),
                lost=tuple(subject.detokenize([int(token)]) for token in shift.lost_ids[t][fell][:4]),
                kl=round(float(shift.kl_qp[t]), 4),
            )
        )
    return found
