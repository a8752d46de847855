"""whatchanged: which behaviours of a language model an intervention changed, where, and by how much."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whatchanged.audit import diff, screen
    from whatchanged.compare import logs
    from whatchanged.report import Report, read_report

__version__ = "0.1.0"
__all__ = ["Report", "__version__", "diff", "logs", "read_report", "screen"]

_HOMES = {
    "diff": "whatchanged.audit",
    "logs": "whatchanged.compare",
    "screen": "whatchanged.audit",
    "Report": "whatchanged.report",
    "read_report": "whatchanged.report",
}


def __getattr__(name: str) -> Any:
    # Late, so that `import whatchanged` costs nothing and needs no torch.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'whatchanged' has no attribute '{name}'")
