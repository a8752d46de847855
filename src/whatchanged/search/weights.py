"""What finders need of the checkpoints: the directions that changed, read once."""

from whatchanged.errors import AccessError, UsageError
from whatchanged.search.finder import Evidence
from whatchanged.weights.predict import ReadDirections


def changed_directions(evidence: Evidence) -> tuple[ReadDirections | None, str]:
    """The factors of dW, or None with the reason: weights that differ at run time only are in no checkpoint."""
    from whatchanged.weights.predict import read_directions

    config = evidence.ledger.config
    try:
        found = read_directions(config.base, config.candidate, evidence.base, seed=config.seed)
    except (UsageError, AccessError) as error:
        return None, f"no directions to follow: {error}"
    return (found, "") if found.modules else (None, "no linear layer changed")
