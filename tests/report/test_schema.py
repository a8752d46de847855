import json
from pathlib import Path

import jsonschema
import pytest

from whatchanged.report import json_schema, report_json

FILE = Path(__file__).parents[2] / "docs" / "report.schema.json"
REFRESH = (
    "python -c 'import json; from whatchanged.report import json_schema; "
    "print(json.dumps(json_schema(), indent=1))' > docs/report.schema.json"
)


def test_the_published_schema_is_current() -> None:
    assert json.loads(FILE.read_text()) == json_schema(), f"refresh it: {REFRESH}"


def test_the_schema_is_one_and_reports_follow_it(report, empty_report) -> None:
    schema = json.loads(FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    for each in (report, empty_report):
        jsonschema.validate(json.loads(report_json(each)), schema)


def test_the_schema_refuses_what_is_not_a_report(report) -> None:
    values = json.loads(report_json(report)) | {"verdict": "perhaps"}
    with pytest.raises(jsonschema.ValidationError, match="perhaps"):
        jsonschema.validate(values, json.loads(FILE.read_text()))
