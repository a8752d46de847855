"""The judge: decides rubrics on single responses, blind to which model wrote them.

It sees a rubric, a prompt and one response, in an order drawn by lot: never a hypothesis's sentence or direction.
How often it errs on each model is counted on labelled responses (`calibrate`), because a judge that errs more on one
model than on the other invents a difference.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import StrictBool, ValidationError

from whatchanged.endpoints import Ask, LanguageModel, Reply
from whatchanged.errors import PoolError
from whatchanged.pools.rows import prompt_of
from whatchanged.records import Cost, Message, Pair, Prompt, Record
from whatchanged.roles.metered import Metered
from whatchanged.roles.text import PromptText, fence, load_prompt, read_json
from whatchanged.stats import Calibration
from whatchanged.subjects import stream, stream_key

T = TypeVar("T")

# A judge must see all that its predicate would: more than any budget draws.
ANSWER_LIMIT = 6000
VERDICTS = {"YES": 1.0, "NO": 0.0}


@dataclass
class Judge:
    """A language model in the role of judge, and the verdicts it has given.

    `calls` are the asks sent, `saved` those that identical pairs made needless, `missing` the responses for which
    there is no verdict: none came, or it could not be read even at the second attempt.
    """

    model: LanguageModel
    seed: int = 0
    saved: int = field(default=0, init=False)
    missing: int = field(default=0, init=False)
    _meter: Metered = field(init=False, repr=False)
    _verdicts: dict[tuple[str, str, str, int], float | None] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self._meter = Metered(self.model)

    @property
    def calls(self) -> int:
        """Asks sent so far, repairs included."""
        return self._meter.calls

    @property
    def usage(self) -> Cost:
        """Calls so far, and what they cost as far as prices are known."""
        return Cost(judge_calls=self.calls, usd=round(self._meter.usd, 6))

    def verdicts(self, rubric: str, items: Sequence[tuple[Prompt, str]], draw: int = 0) -> list[float | None]:
        """For each prompt and response: 1.0 where the rubric holds, 0.0 where it does not, None for a missing value.

        Equal responses to one prompt are judged once; `draw` tells repeated opinions on the same response apart.
        """
        keys = [(rubric, prompt.id, response, draw) for prompt, response in items]
        fresh = {
            key: prompt for key, (prompt, _) in zip(keys, items, strict=True) if key not in self._verdicts
        }  # each once
        lot = stream(stream_key("judge", self.seed, rubric, draw)).permutation(len(fresh))
        order = [list(fresh)[i] for i in lot]
        asks = [verdict_ask(rubric, fresh[key], key[2], draw) for key in order]
        values = read_replies(self._meter, asks, read_verdict)
        self.missing += values.count(None)
        self._verdicts |= zip(order, values, strict=True)
        return [self._verdicts[key] for key in keys]


def judge_pairs(
    judge: Judge, rubric: str, pairs: Sequence[Pair], prompts: Mapping[str, Prompt]
) -> list[tuple[float | None, float | None]]:
    """Verdicts on (base, candidate) of each pair.

    A pair of equal texts gives (0.0, 0.0) without a call: its difference is zero whatever the rubric. So the
    differences are right, and means of one side alone are not rates.
    """
    differing = [pair for pair in pairs if pair.base.text != pair.candidate.text]
    judge.saved += 2 * (len(pairs) - len(differing))
    items = [(prompts[p.prompt_id], text) for p in differing for text in (p.base.text, p.candidate.text)]
    verdicts = iter(judge.verdicts(rubric, items))
    return [(next(verdicts), next(verdicts)) if pair.base.text != pair.candidate.text else (0.0, 0.0) for pair in pairs]


def verdict_ask(rubric: str, prompt: Prompt, response: str, draw: int = 0) -> Ask:
    """The question put to the judge. All three are fenced: a rubric is another model's text as well.

    Of a response of more than 6,000 characters the middle is left out.
    """
    return role_ask(
        load_prompt("judge"),
        draw=draw,
        rubric=fence(rubric, "RUBRIC"),
        question=fence(conversation(prompt), "PROMPT"),
        answer=fence(response, "ANSWER", ANSWER_LIMIT),
    )


def read_verdict(text: str) -> float | None:
    """1.0 or 0.0 from a last line YES or NO, or else from JSON with a boolean under "holds"; None otherwise."""
    if (said := VERDICTS.get(last_line(text).upper())) is not None:
        return said
    reply = read_json(text)
    holds = reply.get("holds") if isinstance(reply, dict) else None
    return float(holds) if isinstance(holds, bool) else None


# --- asking, shared with the validators -------------------------------------------------------------------


def role_ask(text: PromptText, draw: int = 0, seed: int | None = None, **values: object) -> Ask:
    """One user message: the prompt file, filled in and asked as its front matter says."""
    message = Message(role="user", content=text.render(**values))
    return Ask(messages=(message,), max_tokens=text.max_tokens, temperature=text.temperature, draw=draw, seed=seed)


def read_replies(model: LanguageModel, asks: Sequence[Ask], read: Callable[[str], T | None]) -> list[T | None]:
    """What `read` makes of each reply.

    A reply that cannot be read, or was cut off, is asked for once more. None where that fails too, and where no
    reply came: the endpoint has retried by then.
    """
    replies = model.ask(asks) if asks else []
    values = [_complete(reply, read) for reply in replies]
    again = [i for i, reply in enumerate(replies) if reply is not None and values[i] is None]
    repaired = model.ask([_repair(asks[i]) for i in again]) if again else []
    for i, reply in zip(again, repaired, strict=True):
        values[i] = _complete(reply, read)
    return values


def conversation(prompt: Prompt) -> str:
    """The prompt as text: a single user turn as it is, several turns each after its role."""
    if len(prompt.messages) == 1:
        return prompt.text
    return "\n".join(f"{m.role}: {m.content}" for m in prompt.messages)


def last_line(text: str) -> str:
    """The last line that is not blank, without emphasis and full stop."""
    return (text.strip().splitlines() or [""])[-1].strip(" \t*_`\"'.")


def _complete(reply: Reply | None, read: Callable[[str], T | None]) -> T | None:
    # What is last in a reply that was cut off may be a quotation, not the verdict.
    return read(reply.text) if reply is not None and reply.finished else None


def _repair(ask: Ask) -> Ask:
    # The failed reply is not shown again: it may repeat, outside its fence, what a model under test wrote.
    (message,) = ask.messages
    again = Message(role="user", content=f"{message.content}\n\n{load_prompt('reply-repair').render()}")
    return ask.model_copy(update={"messages": (again,)})


# --- how often it errs ------------------------------------------------------------------------------------


class Label(Record):
    """A response with a verdict known to be right; without a `rubric` it is about the one being calibrated."""

    prompt: Prompt
    response: str
    model: Literal["base", "candidate"]
    rubric: str | None = None
    holds: StrictBool


def read_labels(path: Path) -> list[Label]:
    """Labels of a JSONL file: objects with `prompt`, `response`, `model`, `holds` and, optionally, `rubric`.

    `prompt` is a text, or a list of messages in the OpenAI format. Raises PoolError naming the line.
    """
    labels = []
    for number, line in _lines(path):
        try:
            row = _object(line)
            labels.append(Label.model_validate(row | {"prompt": prompt_of(row, ("prompt",), path.name)}))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise PoolError(
                f"labels {path} line {number}: {where}={ascii(first['input'])[:60]}: {first['msg']}"
            ) from None
        except ValueError as error:
            raise PoolError(f"labels {path} line {number}: {error}") from None
    if not labels:
        raise PoolError(f"labels {path}: holds no labels; give a file with at least one")
    return labels


def calibrate(judge: Judge, labels: Sequence[Label], rubric: str) -> tuple[Calibration, Calibration] | None:
    """The judge's right and wrong verdicts on the labelled responses of the base and of the candidate.

    Missing verdicts are left out. None where, for either model, no positive or no negative remains: nothing is then
    known of its sensitivity or specificity.
    """
    about = [label for label in labels if label.rubric in (None, rubric)]
    verdicts = judge.verdicts(rubric, [(label.prompt, label.response) for label in about])
    seen = [(a.model, a.holds, v == 1.0) for a, v in zip(about, verdicts, strict=True) if v is not None]
    base, candidate = (
        Calibration(
            true_positive=seen.count((model, True, True)),
            false_negative=seen.count((model, True, False)),
            true_negative=seen.count((model, False, False)),
            false_positive=seen.count((model, False, True)),
        )
        for model in ("base", "candidate")
    )
    if any(
        c.true_positive + c.false_negative == 0 or c.true_negative + c.false_positive == 0 for c in (base, candidate)
    ):
        return None
    return base, candidate


def _object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        raise ValueError("not JSON; write one object a line") from None
    if not isinstance(row, dict):
        raise ValueError("not a JSON object with prompt, response, model and holds")
    return row


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers from 1."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PoolError(f"labels {path}: {error}; give a file in UTF-8") from None
    # Newlines only: other line separators are legal inside a JSON string.
    for number, line in enumerate(re.split(r"\r?\n", text), 1):
        if line.strip():
            yield number, line
