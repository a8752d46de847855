"""`logs` with a judge that errs on one model and labels on some answers that it read: the example of docs/roles.md."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from whatchanged import compare
from whatchanged.errors import PoolError
from whatchanged.report import print_report, read_report, render_html
from whatchanged.roles import consult

pytest.importorskip("inspect_ai")
PAGE = Path(__file__).parents[2] / "docs" / "roles.md"
TRUTH = 0.0
ANSWER = re.compile(r"<<<ANSWER ([0-9a-f]+)\n(.*?)\nANSWER \1>>>", re.DOTALL)


@pytest.fixture(scope="module")
def example():
    """The names that the page's example leaves: logs and labels are in its `folder`."""
    (code,) = (b for b in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S) if "labels.jsonl" in b)
    names = {"__name__": "example"}
    exec(compile(code, PAGE.name, "exec"), names)
    return names


@pytest.fixture
def logs(example, monkeypatch, tmp_path):
    """`compare.logs` on the example's logs; the judge takes 'the law says' for a lawyer, one time in three."""
    from inspect_ai.model import ModelOutput, ModelUsage

    def judge(input, tools, choice, config):
        text = ANSWER.search(input[-1].text)[2]
        taken_in = "law says" in text and int(re.search(r"\d+", text)[0]) % 3 == 0
        output = ModelOutput.from_content("mockllm/judge", "YES" if "Ask a lawyer" in text or taken_in else "NO")
        output.usage = ModelUsage(input_tokens=10, output_tokens=1, total_tokens=11)
        return output

    connect = consult.connect
    monkeypatch.setattr(consult, "connect", lambda *given: connect(*given, custom_outputs=judge))

    def run(name, labels=None):
        return compare.logs(
            str(example["base"]),
            str(example["candidate"]),
            out=tmp_path / name,
            judge="mockllm/judge",
            judge_labels=labels,
            rubric=(example["rubric"],),
        )

    return run


def judged(report):
    """The rubric's finding in the direction 'more'."""
    (found,) = (f for f in report.findings if f.predicate.family == "judged" and f.direction == "more")
    return found


def test_labels_repair_what_the_judge_got_wrong(example, logs, tmp_path):
    plain = judged(logs("plain"))
    assert plain.labelled is None
    assert plain.ci_low > TRUTH  # the judge alone is sure of a change that is none

    report = logs("labelled", example["folder"] / "labels.jsonl")
    found = judged(report)
    # 80 prompts were labelled, and of those with equal answers as large a share: about a fifth of all are equal.
    assert 90 <= found.labelled.n_labelled <= 110
    assert found.labelled.lower < TRUTH < found.labelled.upper
    assert found.labelled.upper - found.labelled.lower < found.ci_high - found.ci_low
    assert "corrected" in found.judge
    assert all(f.labelled is None for f in report.findings if f.predicate.family != "judged")
    assert read_report(tmp_path / "labelled") == report
    assert "by human labels" in render_html(report)
    sure = tuple(
        f.model_copy(update={"status": "confirmed"}) if f.predicate.family == "judged" else f for f in report.findings
    )
    console = Console(file=io.StringIO(), width=200)
    print_report(report.model_copy(update={"findings": sure}), console)
    assert f"by human labels on {found.labelled.n_labelled} prompts: effect " in console.file.getvalue()


def test_a_file_that_is_not_filled_in_is_refused(example, logs, tmp_path):
    rows = (example["folder"] / "labels.jsonl").read_text().splitlines()
    blank = tmp_path / "blank.jsonl"
    blank.write_text("\n".join([*rows[:4], re.sub(r'"holds": \w+', '"holds": null', rows[4])]))
    with pytest.raises(PoolError, match=r"line 5: holds="):
        logs("refused", blank)
    assert not (tmp_path / "refused").exists()
