"""The change from base to candidate, on a private copy of the base. Imports torch: import it late."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch

from whatchanged.errors import AccessError, CheckpointError, SpecError
from whatchanged.explain.plain import is_tied, live_tensors, lora_factors, plain_copy, untie
from whatchanged.explain.span import Cut, Span, span_of_factors, span_of_matrix
from whatchanged.subjects import Subject
from whatchanged.subjects.engine import Engine
from whatchanged.subjects.transformers import TransformersSubject


@dataclass(frozen=True)
class Delta:
    """dtheta of one tensor: `end` - `start`, or left @ right of `factors`. Holds only what the subjects hold."""

    start: torch.Tensor
    end: torch.Tensor | None = None
    factors: tuple[torch.Tensor, torch.Tensor] | None = None

    def dense(self) -> torch.Tensor:
        """float32, of the tensor's shape."""
        if self.factors is not None:
            return self.factors[0] @ self.factors[1]
        assert self.end is not None
        return self.end.float() - self.start.float()

    def at(self, share: float) -> torch.Tensor:
        """float32: start + share x dtheta; exactly the base's at 0 and the candidate's at 1."""
        if share == 0:
            return self.start.float()
        if share == 1 and self.end is not None:
            return self.end.float()
        return self.start.float() + share * self.dense()

    @cached_property
    def energy(self) -> float:
        """|dW|_F^2."""
        if self.factors is not None:
            left, right = (f.double() for f in self.factors)
            return float(((left.T @ left) * (right @ right.T)).sum())
        return float(self.dense().double().square().sum())

    def span(self) -> Span:
        """dW, a matrix, in its singular directions."""
        return span_of_factors(*self.factors) if self.factors is not None else span_of_matrix(self.dense())


class Change:
    """A float32 copy of the base and `deltas`, what the candidate adds to it, by tensor name.

    Only the copy is ever changed. Raises AccessError for subjects whose weights are not held, SpecError where base
    and candidate differ in more than weights (steering), CheckpointError for two architectures.
    """

    def __init__(self, base: Subject, candidate: Subject) -> None:
        self.base, self.candidate = _checked(base), _checked(candidate)
        model = plain_copy(self.base)
        if not is_tied(self.candidate):
            untie(model)
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        named = dict(model.named_parameters())
        self.deltas = self._deltas(named)
        self.engine = Engine(model, f"{base.name} to {candidate.name}")
        self.parameters = {name: named[name] for name in self.deltas}

    def place(self, default: float, shares: Mapping[str, float] | None = None, less: Mapping[str, Cut] | None = None
              ) -> None:  # fmt: skip
        """Set the copy to theta_A + share x dtheta - less, `default` being the share of tensors not in `shares`."""
        shares, less = shares or {}, less or {}
        with torch.no_grad():
            for name, delta in self.deltas.items():
                value = delta.at(shares.get(name, default))
                self.parameters[name].copy_(value - less[name].dense if name in less else value)

    @cached_property
    def energy(self) -> float:
        """|dtheta|^2 over all tensors."""
        return sum(delta.energy for delta in self.deltas.values())

    def _deltas(self, named: Mapping[str, torch.Tensor]) -> dict[str, Delta]:
        start = live_tensors(self.base)
        shared = self.candidate.engine is self.base.engine
        factors = lora_factors(self.candidate) if shared and self.base.adapter is None else None
        if factors is not None:
            return {
                name: Delta(start[name], factors=factors[name])
                for name in named
                if name in factors and all(bool(f.any()) for f in factors[name])
            }
        end = live_tensors(self.candidate)
        if odd := [n for n in named if n not in end or end[n].shape != named[n].shape]:
            raise CheckpointError(
                f"'{self.candidate.name}' has no tensor {odd[0]} of the base's shape: "
                "name two models of one architecture"
            )
        return {n: Delta(start[n], end[n]) for n in named if not torch.equal(start[n].float(), end[n].float())}


def _checked(subject: Subject) -> TransformersSubject:
    if not isinstance(subject, TransformersSubject):
        raise AccessError(subject.name, "attribution", subject.access.name, "weights")
    if subject.hooks:
        raise SpecError(f"'{subject.name}' is steered at run time, so no weights carry the change: leave +steer out")
    return subject
