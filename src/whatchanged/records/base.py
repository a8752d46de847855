"""The one base class of everything that is written to disk."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Immutable, strict about unknown keys: a typo in a file is an error, not a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
