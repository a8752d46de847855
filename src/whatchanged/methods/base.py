"""The contract of a method: another way to find what changed, on the same pools, with the same roles and report.

`audit.diff` opens both models and hands them over; what comes back is the report that every other view is made from.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from whatchanged.config import AuditConfig
from whatchanged.errors import AccessError
from whatchanged.explain import Wanted
from whatchanged.opened import Opened
from whatchanged.report import Report
from whatchanged.search.gradient import in_pytorch
from whatchanged.subjects import Access

IN_PYTORCH = "weights, run here by PyTorch"
# Settings that steer a step which not every method has.
OPTIONAL = ("attribute", "critic", "finders", "judge", "library", "reasoner", "rubric", "self_report", "validators")


class Method(ABC):
    """One way to find changes. `name` is that of its entry point; below the access level `needs` it is refused.

    `gradients`: it goes back through the weights, of models that this process runs by PyTorch, and is refused without.

    `draws_texts`: it draws as many texts a model as `--texts` says.

    `blind` says, for the report, what it cannot see at any budget. `heeds` are those of the OPTIONAL settings that it
    makes use of: the others, where given, are named in a warning, never ignored in silence.

    A method has no state. What it draws, scores or asks goes through `audit.ledger.once`, so that an interrupted run
    resumes and the cost is counted. `tests/methods/test_contract.py` holds every registered method to it.
    """

    name: ClassVar[str]
    needs: ClassVar[Access] = Access.text
    gradients: ClassVar[bool] = False
    draws_texts: ClassVar[bool] = False
    blind: ClassVar[tuple[str, ...]] = ()
    heeds: ClassVar[frozenset[str]] = frozenset()

    def report(self, audit: Opened, wanted: Wanted) -> Report:
        """The finished report. `wanted`: what was intended, for `explain.classify`.

        Raises AccessError where the models show less than the method needs.
        """
        names = f"{audit.base.name} or {audit.candidate.name}"
        if audit.access < self.needs:
            raise AccessError(names, f"--method {self.name}", audit.access.name, self.needs.name)
        if self.gradients and not in_pytorch(audit.base, audit.candidate):
            raise AccessError(names, f"--method {self.name}", f"{audit.access.name}, not by PyTorch", IN_PYTORCH)
        report = self.find(audit, wanted)
        return report.model_copy(
            update={
                "not_looked_at": (*report.not_looked_at, *self.blind),
                "warnings": (*report.warnings, *self._ignored(audit.ledger.config)),
            }
        )

    @abstractmethod
    def find(self, audit: Opened, wanted: Wanted) -> Report:
        """The method's own work: findings tested on prompts that suggested none of them, intents classified.

        `audit.decide` tests hypotheses as the default method does; `explain.assemble_heard` makes the report from a
        `screen.Heard` and what came of the tests.
        """

    def _ignored(self, config: AuditConfig) -> list[str]:
        given = [name for name in OPTIONAL if name not in self.heeds and getattr(config, name)]
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        return [f"the method {self.name} makes no use of {flags}"] if given else []
