"""Everything that can go wrong, drawn at the top.

WhatChangedError
├── UsageError            the caller's input; one line naming the value and the remedy; exit code 2
│   ├── SpecError             a model, pool or modifier spec that cannot be read
│   ├── CheckpointError       weights that cannot be trusted or used (pickle, NaN, another base)
│   ├── TokenizerMismatch     two models whose tokens do not mean the same
│   ├── PoolError             no prompts, or a line that is not one
│   ├── LogError              recorded responses that cannot be read or paired
│   ├── EndpointError         a model behind an interface that cannot be used: key, name, package, price
│   ├── RunDirectoryError     a run directory that cannot be written, read or resumed
│   ├── LibraryError          a library of earlier findings that cannot be read or written
│   └── MissingExtra          an optional dependency; names the extra
└── AccessError           an operation that the subject's access level does not have
"""


class WhatChangedError(Exception):
    """Base of every error that whatchanged raises on purpose."""


class UsageError(WhatChangedError):
    """Input that its sender can mend. The message is one line: the value, what is wrong, the remedy."""


class SpecError(UsageError):
    """A model, pool or modifier spec that names nothing usable."""


class CheckpointError(UsageError):
    """A checkpoint that is unsafe (pickle), broken (NaN) or belongs to another base."""


class TokenizerMismatch(UsageError):
    """Base and candidate do not share a vocabulary, so their distributions cannot be subtracted."""


class PoolError(UsageError):
    """A prompt pool that is empty or malformed; names the file and the line."""


class LogError(UsageError):
    """A log of recorded responses that is empty or malformed, or two logs that share no prompt."""


class EndpointError(UsageError):
    """A model behind an interface that no retry will reach: its name, key, package or price is missing or refused."""


class RunDirectoryError(UsageError):
    """A run directory that cannot be created, belongs to another config, or holds no run."""


class LibraryError(UsageError):
    """A library of earlier findings that is damaged, foreign, or cannot be written."""


class MissingExtra(UsageError):
    """An optional dependency is not installed."""

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"{module} is not installed: pip install 'whatchanged[{extra}]'")


class AccessError(WhatChangedError):
    """The subject's access level lacks the operation asked for."""

    def __init__(self, subject: str, operation: str, level: str, needs: str) -> None:
        super().__init__(f"{subject} gives access level '{level}'; {operation} needs '{needs}'")
