"""dW in its singular directions, and parts of it that can be cut out. Imports torch: import it late."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from whatchanged.weights.adapter import Factors
from whatchanged.weights.spectrum import factor_triples, triples

# Of a matrix whose smaller side is at most 256, and of an adapter's, all directions are had.
RANK = 32


@dataclass(frozen=True)
class Span:
    """dW ~ left @ right, left [m, p] = U sqrt(S), right [p, n] = sqrt(S) V', float32; `values` are S, falling."""

    left: torch.Tensor
    right: torch.Tensor
    values: NDArray[np.float64]

    def project(self, gradient: torch.Tensor) -> NDArray[np.float64]:
        """N [p, p] = left' G right': the share of x in R^p, that is of (left x)(x' right), is x' N x.

        Its diagonal holds the shares of the singular directions.
        """
        found: NDArray[np.float64] = (self.left.T @ gradient @ self.right.T).double().cpu().numpy()
        return found

    def cut(self, turn: NDArray[np.float64]) -> "Cut":
        """The part that the orthonormal columns of turn [p, k] span."""
        return Cut(self, torch.as_tensor(turn, dtype=torch.float32, device=self.left.device))


@dataclass(frozen=True)
class Cut:
    """A part of a span, times `share`: dense = left @ right, left [m, k], right [k, n]."""

    span: Span
    turn: torch.Tensor
    share: float = 1.0

    @property
    def left(self) -> torch.Tensor:
        """[m, k], the write side."""
        return self.share * (self.span.left @ self.turn)

    @property
    def right(self) -> torch.Tensor:
        """[k, n], the read side."""
        return self.turn.T @ self.span.right

    @property
    def dense(self) -> torch.Tensor:
        """[m, n]."""
        return self.left @ self.right

    @property
    def rest(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Factors [m, p] and [p, n] of the span without this part."""
        return self.span.left - self.left @ self.turn.T, self.span.right


def span_of_factors(left: torch.Tensor, right: torch.Tensor) -> Span:
    """Exactly, of left [m, r] @ right [r, n]."""
    found = factor_triples(Factors(_array(left), _array(right)))
    return _span(found, left.device)


def span_of_matrix(delta: torch.Tensor) -> Span:
    """All directions of a small matrix, at least the `RANK` largest of another."""
    return _span(triples(_array(delta), RANK, 0), delta.device)


def _span(found: Any, device: torch.device) -> Span:
    root = np.sqrt(found.values)
    left = torch.as_tensor(found.left * root, dtype=torch.float32, device=device)
    right = torch.as_tensor(root[:, None] * found.right, dtype=torch.float32, device=device)
    return Span(left, right, found.values)


def _array(tensor: torch.Tensor) -> NDArray[np.float32]:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
