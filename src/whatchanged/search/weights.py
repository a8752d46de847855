"""What finders need of the checkpoints: the directions that changed, read once."""

from weakref import WeakKeyDictionary

from whatchanged.errors import AccessError, UsageError
from whatchanged.search.finder import Evidence
from whatchanged.subjects import Subject
from whatchanged.weights.predict import ReadDirections

Read = tuple[ReadDirections | None, str]

# While its base is loaded: finders are asked round after round, and reading two checkpoints takes its time.
_READ: WeakKeyDictionary[Subject, tuple[tuple[str, str, int], Read]] = WeakKeyDictionary()


def changed_directions(evidence: Evidence) -> Read:
    """The factors of dW, or None with the reason: weights that differ at run time only are in no checkpoint."""
    config = evidence.ledger.config
    asked = (config.base, config.candidate, config.seed)
    if (held := _READ.get(evidence.base)) is None or held[0] != asked:
        held = _READ[evidence.base] = (asked, _read(evidence))
    return held[1]


def _read(evidence: Evidence) -> Read:
    from whatchanged.weights.predict import read_directions

    config = evidence.ledger.config
    try:
        found = read_directions(config.base, config.candidate, evidence.base, seed=config.seed)
    except (UsageError, AccessError) as error:
        return None, f"no directions to follow: {error}"
    return (found, "") if found.modules else (None, "no linear layer changed")
