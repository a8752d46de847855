"""What an audit leaves to later ones: the prompts at which it saw what it confirmed."""

from collections.abc import Mapping, Sequence
from itertools import islice

from whatchanged.config import AuditConfig
from whatchanged.explain.assemble import showing
from whatchanged.records import Finding, Pair, Prompt
from whatchanged.report.model import WeightsView
from whatchanged.search.library import add_to_library, intervention
from whatchanged.subjects import Subject

EACH = 12


def remember(
    config: AuditConfig,
    base: Subject,
    view: WeightsView | None,
    findings: Sequence[Finding],
    pairs: Sequence[Pair],
    prompts: Mapping[str, Prompt],
) -> None:
    """Add to the settings' library, where there is one, at most 12 discovery prompts for each confirmed finding.

    `pairs` and `prompts` are discovery's: what confirmation asked stays fresh for others. Raises LibraryError.
    """
    confirmed = [f for f in findings if f.status == "confirmed"]
    shown = [list(islice(showing(f, pairs, prompts), EACH)) for f in confirmed]
    found = {pair.prompt_id: prompts[pair.prompt_id] for some in shown for pair in some}
    if config.library is not None and found:
        add_to_library(config.library, intervention(config, base, view), list(found.values()))
