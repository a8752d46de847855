"""Progress on stderr: bars, plain lines, log lines, or nothing. All say how much time is left."""

import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from whatchanged.config import Display
from whatchanged.ledger import Progress
from whatchanged.report.numbers import count, duration
from whatchanged.report.text import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

_QUIET = 5.0  # seconds between two lines about one stage, at least


def make_display(name: Display) -> Progress:
    """The display called `name`. `full` is `plain` where stderr is no terminal."""
    if name == "full" and not sys.stderr.isatty():
        name = "plain"
    makers: dict[Display, Callable[[], Progress]] = {
        "full": RichDisplay,
        "plain": PlainDisplay,
        "log": LogDisplay,
        "none": Progress,
    }
    return makers[name]()


@dataclass
class _Stage:
    """A stage under way. `began` and `said` are clock readings in seconds, `told` the last tenth told."""

    name: str
    total: int
    began: float
    said: float
    done: int = 0
    told: int = 0

    def ending(self, now: float) -> str:
        took = duration(now - self.began)
        if self.done < self.total:
            return f"{self.name}: {count(self.done)} of {count(self.total)} in {took}"
        return f"{self.name}: {took}"


class PlainDisplay(Progress):
    """A line when a stage begins and one when it ends; in long ones a line at each tenth."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage: _Stage | None = None

    def stage(self, name: str, total: int) -> None:
        """Ends the stage before."""
        self._end()
        now = self._clock()
        self._stage = _Stage(one_line(name), total, began=now, said=now)
        self._say(f"{self._stage.name} ...")

    def advance(self, steps: int = 1) -> None:
        """Tells the share done and the time left, if a tenth is full and the last line is a while ago."""
        stage = self._stage
        if stage is None:
            return
        stage.done += steps
        now = self._clock()
        tenth = 10 * stage.done // stage.total if stage.total else 0
        if stage.told < tenth < 10 and now - stage.said >= _QUIET:
            left = (now - stage.began) / stage.done * (stage.total - stage.done)
            self._say(f"{stage.name}: {100 * stage.done // stage.total}%, {duration(left)} left")
            stage.told, stage.said = tenth, now

    def message(self, text: str) -> None:
        """One line, whatever the text holds."""
        self._say(one_line(text))

    def close(self) -> None:
        """Ends the last stage."""
        self._end()

    def _end(self) -> None:
        if self._stage is not None:
            self._say(self._stage.ending(self._clock()))
            self._stage = None

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class LogDisplay(PlainDisplay):
    """The plain lines through the logger 'whatchanged', with the time before each.

    Adds a handler on stderr for as long as it is open, unless the program has set up logging itself.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._logger = logging.getLogger("whatchanged")
        self._level = self._logger.level
        self._handler: logging.Handler | None = None
        if not self._logger.hasHandlers():
            self._handler = logging.StreamHandler(sys.stderr)
            self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            self._logger.addHandler(self._handler)
        if not self._logger.isEnabledFor(logging.INFO):
            self._logger.setLevel(logging.INFO)

    def close(self) -> None:
        """Ends the last stage and leaves logging as it was found."""
        super().close()
        if self._handler is not None:
            self._logger.removeHandler(self._handler)
            self._handler = None
        self._logger.setLevel(self._level)

    def _say(self, line: str) -> None:
        self._logger.info("%s", line)


class RichDisplay(PlainDisplay):
    """One live bar for the stage under way; what is done scrolls up as plain lines."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, console: Optional["Console"] = None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        super().__init__(clock)
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console or Console(stderr=True, highlight=False),
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
        )
        self._task: TaskID | None = None

    def stage(self, name: str, total: int) -> None:
        """Puts up the stage's bar in place of the last one; a total of 0 is a bar without an end."""
        self._end()
        now = self._clock()
        self._stage = _Stage(one_line(name), total, began=now, said=now)
        self._bars.start()
        self._task = self._bars.add_task(one_line(name, 40), total=total or None)

    def advance(self, steps: int = 1) -> None:
        """Moves the bar."""
        if self._stage is not None and self._task is not None:
            self._stage.done += steps
            self._bars.advance(self._task, steps)

    def close(self) -> None:
        """Takes the bar down: the cursor is shown again."""
        super().close()
        self._bars.stop()

    def _end(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        super()._end()

    def _say(self, line: str) -> None:
        from rich.text import Text

        self._bars.console.print(Text(line), soft_wrap=True)
