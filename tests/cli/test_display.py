"""Progress displays: what they say, when, and that they leave nothing behind."""

import io
import logging
import re
import sys

import pytest

from whatchanged.ledger import Progress
from whatchanged.report.display import LogDisplay, PlainDisplay, RichDisplay, make_display


class Clock:
    """Seconds, moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_plain_says_beginning_tenths_time_left_and_end(capsys, clock):
    display = PlainDisplay(clock)
    for _ in display.track("screen", range(40)):
        clock.now += 3
    display.stage("confirm", 2)
    clock.now += 1
    display.advance(2)
    display.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "screen ...",
        "screen: 10%, 1 min 48 s left",
        "screen: 20%, 1 min 36 s left",
        "screen: 30%, 1 min 24 s left",
        "screen: 40%, 1 min 12 s left",
        "screen: 50%, 1 min 0 s left",
        "screen: 60%, 48 s left",
        "screen: 70%, 36 s left",
        "screen: 80%, 24 s left",
        "screen: 90%, 12 s left",
        "screen: 2 min 0 s",
        "confirm ...",
        "confirm: 1.0 s",
    ]


def test_plain_says_little_about_a_quick_stage(capsys, clock):
    display = PlainDisplay(clock)
    for _ in display.track("load", range(100)):
        clock.now += 0.02
    display.close()
    assert capsys.readouterr().err.splitlines() == ["load ...", "load: 2.0 s"]


def test_a_stage_that_was_cut_short_says_so(capsys, clock):
    display = PlainDisplay(clock)
    display.stage("confirm", 2000)
    display.advance(340)
    clock.now += 4
    display.close()
    display.close()
    assert capsys.readouterr().err.splitlines() == ["confirm ...", "confirm: 340 of 2,000 in 4.0 s"]


def test_odd_calls_break_nothing(capsys, clock):
    display = PlainDisplay(clock)
    display.advance()
    display.stage("empty", 0)
    clock.now += 60
    display.advance(3)
    display.close()
    assert capsys.readouterr().err.splitlines() == ["empty ...", "empty: 1 min 0 s"]


@pytest.fixture
def no_logging(monkeypatch):
    """As in a program that set up no logging: pytest keeps handlers of its own on the root logger."""
    monkeypatch.setattr(logging.getLogger("whatchanged"), "hasHandlers", lambda: False)


@pytest.mark.parametrize("name", ["full", "plain", "log"])
@pytest.mark.usefixtures("no_logging")
def test_what_a_model_wrote_cannot_drive_the_terminal(capsys, name):
    display = make_display(name)
    display.message("lead '\x1b[31m[bold]red\u202e\n'")
    display.close()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("lead '[bold]red '")


@pytest.mark.usefixtures("no_logging")
def test_log_lines_carry_the_time_and_logging_is_left_as_found(capsys, clock):
    logger = logging.getLogger("whatchanged")
    before = (list(logger.handlers), logger.level)
    display = LogDisplay(clock)
    display.stage("screen", 1)
    display.advance()
    display.close()
    assert (list(logger.handlers), logger.level) == before
    lines = capsys.readouterr().err.splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO screen", line) for line in lines)
    assert len(lines) == 2


def test_log_uses_the_programs_own_logging(capsys, caplog):
    display = LogDisplay()
    display.message("halfway")
    display.close()
    assert caplog.messages == ["halfway"]
    assert capsys.readouterr().err == ""


def rich_on(clock, terminal):
    from rich.console import Console

    stream = io.StringIO()
    return RichDisplay(clock, Console(file=stream, force_terminal=terminal, width=80)), stream


def test_full_shows_a_bar_and_leaves_a_line(clock):
    display, stream = rich_on(clock, terminal=True)
    display.stage("screen [red]", 100)
    display.advance(40)
    clock.now += 2
    display._bars.refresh()
    assert "40/100" in stream.getvalue()
    assert "screen [red]" in stream.getvalue()
    display.stage("confirm", 0)
    display.message("found something")
    display.close()
    text = stream.getvalue()
    assert "screen [red]: 40 of 100 in 2.0 s" in text
    assert "found something" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor stays hidden"
    assert display._bars.tasks == []


def test_full_leaves_stdout_alone(clock):
    display, _ = rich_on(clock, terminal=True)
    stdout = sys.stdout
    display.stage("screen", 1)
    assert sys.stdout is stdout
    display.close()
    assert sys.stdout is stdout


def test_make_display(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert type(make_display("full")) is PlainDisplay
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert type(make_display("full")) is RichDisplay
    assert type(make_display("plain")) is PlainDisplay
    assert type(make_display("none")) is Progress
    log = make_display("log")
    log.close()
    assert type(log) is LogDisplay
