"""Views of a finished audit: report.json and its schema, HTML, terminal, JUnit, exit code, data frame."""

from whatchanged.report.frame import findings_frame
from whatchanged.report.gate import exit_code, failing
from whatchanged.report.html import render_html
from whatchanged.report.junit import render_junit
from whatchanged.report.model import (
    SCHEMA_VERSION,
    CarriedBy,
    Claims,
    ClustersView,
    CostReport,
    CoverageRow,
    Divergence,
    GameFind,
    GameRound,
    GameView,
    Gate,
    MapPoint,
    MatrixSpectrum,
    ModuleChange,
    Report,
    RoleUse,
    ScreenReport,
    TextCluster,
    TextPoint,
    Unexplained,
    Validated,
    Verdict,
    WeightsView,
    WriteReading,
    json_schema,
)
from whatchanged.report.probes import (
    AmplifiedText,
    AmplifiedToken,
    AmplifiedView,
    PlainRate,
    SoftPrompt,
    SoftPromptsView,
    SoftReading,
)
from whatchanged.report.terminal import print_report
from whatchanged.report.write import finished_report, read_report, report_json, write_report

__all__ = [
    "SCHEMA_VERSION", "AmplifiedText", "AmplifiedToken", "AmplifiedView", "CarriedBy", "Claims", "ClustersView",
    "CostReport", "CoverageRow", "Divergence", "GameFind", "GameRound", "GameView", "Gate", "MapPoint",
    "MatrixSpectrum", "ModuleChange", "PlainRate", "Report", "RoleUse", "ScreenReport", "SoftPrompt", "SoftPromptsView",
    "SoftReading", "TextCluster", "TextPoint", "Unexplained", "Validated", "Verdict", "WeightsView", "WriteReading",
    "exit_code", "failing", "findings_frame", "finished_report", "json_schema", "print_report", "read_report",
    "render_html", "render_junit", "report_json", "write_report",
]  # fmt: skip
