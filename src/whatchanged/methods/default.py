"""The default method: the audit of `whatchanged.audit`."""

from whatchanged.audit import examine
from whatchanged.explain import Wanted
from whatchanged.methods.base import OPTIONAL, Method
from whatchanged.opened import Opened
from whatchanged.report import Report


class Audit(Method):
    """Signed shifts, leads, hypotheses, tests by betting: `audit.examine`."""

    name = "audit"
    heeds = frozenset(OPTIONAL)

    def find(self, audit: Opened, wanted: Wanted) -> Report:
        """As `audit.examine`."""
        return examine(audit, wanted)
