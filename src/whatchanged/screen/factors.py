"""Leads by non-negative factorisation of contexts x (gained, lost) tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatchanged.errors import MissingExtra
from whatchanged.records import ContextRef, Cost, Lead, Shift, TokenShift
from whatchanged.screen.lens import Evidence, Lens
from whatchanged.subjects import Access

# A factorisation reads the contexts that carry the divergence; the many quiet ones only cost time.
MAX_CONTEXTS = 4000
KEPT_TOKENS = 24
KEPT_CONTEXTS = 40


@dataclass(frozen=True)
class Contributions:
    """The pointwise contributions of all kept tokens, as parallel arrays (one entry a context and token).

    `column` is 2 x token for gained, 2 x token + 1 for lost; `value` is q log(q/p) or p log(p/q), nats.
    """

    shift: NDArray[np.int64]
    position: NDArray[np.int64]
    column: NDArray[np.int64]
    value: NDArray[np.float64]
    p: NDArray[np.float64]
    q: NDArray[np.float64]
    rest: float

    @property
    def total(self) -> float:
        """All gain and loss, the tokens that were not kept included."""
        return float(self.value.sum()) + self.rest

    @property
    def placed(self) -> NDArray[np.int64]:
        """int64[n]: 2 x column, + 1 at an answer's opening: what the opening shows is told from the rest."""
        keys: NDArray[np.int64] = 2 * self.column + (self.position == 0)
        return keys


def contributions(shifts: Sequence[Shift]) -> Contributions:
    """Flatten shifts."""
    parts: dict[str, list[Any]] = {name: [] for name in ("shift", "position", "column", "p", "q")}
    for i, s in enumerate(shifts):
        for ids, p, q, lost in (
            (s.gained_ids, s.gained_p, s.gained_q, 0),
            (s.lost_ids, s.lost_p, s.lost_q, 1),
        ):
            rows, kept = ids.shape
            parts["shift"].append(np.full(rows * kept, i))
            parts["position"].append(np.repeat(np.arange(rows), kept))
            parts["column"].append(2 * ids.ravel().astype(np.int64) + lost)
            parts["p"].append(p.ravel())
            parts["q"].append(q.ravel())
    flat = {name: np.concatenate(chunks) if chunks else np.zeros(0) for name, chunks in parts.items()}
    p, q = flat["p"].astype(float), flat["q"].astype(float)
    ratio = np.log(np.maximum(q, 1e-30)) - np.log(np.maximum(p, 1e-30))
    value = np.where(flat["column"] % 2 == 0, q * ratio, -p * ratio)
    good = value > 0
    return Contributions(
        shift=flat["shift"][good].astype(np.int64),
        position=flat["position"][good].astype(np.int64),
        column=flat["column"][good].astype(np.int64),
        value=value[good],
        p=p[good],
        q=q[good],
        rest=float(sum(s.rest.sum() for s in shifts)),
    )


def summed(
    shift: NDArray[np.int64], key: NDArray[np.int64], value: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Contributions added up by shift and key: one entry for each, in ascending order."""
    width = int(key.max(initial=0)) + 1
    cells, where = np.unique(shift * width + key, return_inverse=True)
    sums = np.bincount(where.ravel(), weights=value, minlength=len(cells)).astype(np.float64)
    return cells // width, cells % width, sums


class FactorLens(Lens):
    """Several simultaneous changes come apart: each factor is tokens that rise and fall together."""

    name = "factor"
    needs = Access.logits

    def find(self, evidence: Evidence) -> tuple[list[Lead], Cost]:
        """Up to `factors` leads, by their share of the total divergence."""
        flat = contributions(evidence.shifts)
        if not len(flat.value):
            return [], Cost()
        rows, columns, matrix = _matrix(flat)
        loadings, tokens = _factorise(matrix, evidence.ledger.config.limits.factors, evidence.ledger.config.seed)
        shares = _fitted(matrix, loadings, tokens) / flat.total
        order = [f for f in np.argsort(-shares) if shares[f] > 0]
        leads = [
            _lead(evidence, flat, rows, columns, loadings[:, f], tokens[f], float(shares[f]), f"factor-{n}")
            for n, f in enumerate(order)
        ]
        return leads, Cost()


def _matrix(flat: Contributions) -> tuple[NDArray[Any], NDArray[Any], Any]:
    """(contexts [n, 2] of shift and position, columns [m], sparse n x m), strongest contexts only."""
    from scipy.sparse import csr_matrix

    width = int(flat.position.max()) + 1
    context = flat.shift * width + flat.position
    contexts, row = np.unique(context, return_inverse=True)
    mass = np.bincount(row, weights=flat.value)
    strongest = np.sort(np.argsort(-mass, kind="stable")[:MAX_CONTEXTS])
    keep = np.isin(row, strongest)
    row = np.searchsorted(strongest, row[keep])
    columns, column = np.unique(flat.column[keep], return_inverse=True)
    matrix = csr_matrix((flat.value[keep], (row, column)), shape=(len(strongest), len(columns)))
    chosen = contexts[strongest]
    return np.stack([chosen // width, chosen % width], 1), columns, matrix


def _factorise(matrix: Any, factors: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(contexts x factors, factors x tokens), Frobenius loss: it heeds concentrated mass, not many small terms."""
    try:
        from sklearn.decomposition import NMF
    except ImportError:
        raise MissingExtra("scikit-learn", "hf") from None
    import warnings

    count = max(1, min(factors, *matrix.shape))
    model = NMF(count, init="nndsvda" if min(matrix.shape) > count else "random", random_state=seed, max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 200 sweeps are enough to name tokens, converged or not
        loadings = model.fit_transform(matrix)
    return loadings, model.components_


def _fitted(matrix: Any, loadings: NDArray[np.float64], tokens: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[factors]: the nats of the matrix that each factor accounts for, entry by entry.

    The sum of a factor itself will not do: on drift it spreads over entries that are zero, and it may add
    up to more than the matrix holds.
    """
    entries = matrix.tocoo()
    parts = loadings[entries.row] * tokens[:, entries.col].T
    overshoot = np.maximum(parts.sum(1), 1e-30) / entries.data
    fitted: NDArray[np.float64] = (parts / np.maximum(overshoot, 1.0)[:, None]).sum(0)
    return fitted


def _lead(
    evidence: Evidence,
    flat: Contributions,
    rows: NDArray[Any],
    columns: NDArray[Any],
    loading: NDArray[np.float64],
    tokens: NDArray[np.float64],
    share: float,
    name: str,
) -> Lead:
    mass = loading * tokens.sum()
    top = [int(i) for i in np.argsort(-mass, kind="stable")[:KEPT_CONTEXTS] if mass[i] > 0.05 * mass.max()]
    refs = []
    for i in top:
        shift = evidence.shifts[rows[i, 0]]
        refs.append(
            ContextRef(
                prompt_id=shift.prompt_id,
                draw=shift.draw,
                position=int(rows[i, 1]),
                weight=round(float(mass[i]), 6),
            )
        )
    chosen = {(int(rows[i, 0]), int(rows[i, 1])) for i in top}
    inside = np.array([(s, t) in chosen for s, t in zip(flat.shift.tolist(), flat.position.tolist(), strict=True)])
    gained: list[TokenShift] = []
    lost: list[TokenShift] = []
    for j in np.argsort(-tokens, kind="stable")[: 2 * KEPT_TOKENS]:
        if tokens[j] <= 0.005 * tokens.max():
            break
        here = inside & (flat.column == columns[j])
        side = lost if columns[j] % 2 else gained
        if here.any() and len(side) < KEPT_TOKENS:
            side.append(_token(evidence, int(columns[j]) // 2, flat.p[here], flat.q[here], float(tokens[j])))
    at_start = sum(r.weight for r in refs if r.position == 0)
    return Lead(
        id=name,
        gained=tuple(gained),
        lost=tuple(lost),
        contexts=tuple(refs),
        share=round(share, 6),
        lenses=("factor",),
        at_opening=at_start > 0.5 * sum(r.weight for r in refs),
    )


def _token(evidence: Evidence, token: int, p: NDArray[Any], q: NDArray[Any], weight: float) -> TokenShift:
    return TokenShift(
        token=token,
        text=evidence.base.detokenize([token]),
        p=round(float(p.mean()), 6),
        q=round(float(q.mean()), 6),
        weight=round(weight, 6),
    )
