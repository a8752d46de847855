"""Findings as a pandas data frame."""

import json
import math
from typing import TYPE_CHECKING, Any

from whatchanged.errors import MissingExtra
from whatchanged.records import Finding
from whatchanged.report.model import Report

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = (
    "margin", "effect", "ci_low", "ci_high", "confidence", "e_value", "rate_base", "rate_candidate",
    "n_prompts", "scored", "explained_share",
)  # fmt: skip
COLUMNS = (
    "id", "sentence", "status", "intent", "intent_reason", "region", "predicate", "args", "direction",
    *_NUMBERS, "p_value", "n_labelled", "labelled_effect", "labelled_lower", "labelled_upper", "phrase", "finder",
    "leads", "merged", "examples",
)  # fmt: skip


def findings_frame(report: Report) -> "pd.DataFrame":
    """One row a finding, in the report's order; nested fields as words or counts.

    `region` is in words, `args` JSON, `leads` ids joined by a space, `merged` and `examples` are counts. The
    three numbers by human labels are NaN, and their count 0, where there is no such estimate; so is `p_value` for
    methods that test by e-values.
    Raises MissingExtra without pandas.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtra("pandas", "frame") from None
    return pd.DataFrame([_row(finding) for finding in report.findings], columns=list(COLUMNS))


def _row(finding: Finding) -> dict[str, Any]:
    told = finding.labelled
    same = ("id", "sentence", "status", "intent", "intent_reason", "direction", "phrase", "finder", *_NUMBERS)
    return {name: getattr(finding, name) for name in same} | {
        "region": finding.region.describe(),
        "predicate": finding.predicate.family,
        "args": json.dumps(finding.predicate.args, ensure_ascii=False, default=str),
        "p_value": math.nan if finding.p_value is None else finding.p_value,
        "n_labelled": told.n_labelled if told else 0,
        "labelled_effect": told.effect if told else math.nan,
        "labelled_lower": told.lower if told else math.nan,
        "labelled_upper": told.upper if told else math.nan,
        "leads": " ".join(finding.leads),
        "merged": len(finding.merged),
        "examples": len(finding.examples),
    }
