"""Two recorded logs, no model: read, pair, describe on one half of the prompts, confirm on the other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whatchanged.audit import decide
from whatchanged.config import AuditConfig, FailOn, load_settings
from whatchanged.confirm import Answers, Recorded
from whatchanged.describe import Discovery
from whatchanged.elicit import text_pair
from whatchanged.endpoints import Purse
from whatchanged.errors import AccessError, SpecError
from whatchanged.explain import assemble_heard, content_digest, read_wanted
from whatchanged.ledger import Ledger, Progress, run_directory
from whatchanged.opened import Opened
from whatchanged.pools import Split, split
from whatchanged.recordings import Log, Paired, pair_logs, read_log
from whatchanged.records import Pair
from whatchanged.report import Report, finished_report, write_report
from whatchanged.roles import check_roles, open_roles
from whatchanged.screen import Heard
from whatchanged.subjects import Access, RecordedSubject


def logs(
    base: str,
    candidate: str,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
    config_file: Path | None = None,
    fail_on: FailOn = "never",
    **settings: Any,
) -> Report:
    """What do the answers in log `candidate` do that those in log `base` do not, and the other way round?

    Logs are paths (or KIND:PATH) of Inspect logs, JSONL, lm-eval samples or CSV; `settings` are the fields of
    `config.AuditConfig`. Raises UsageError, one line, for input that cannot be used.
    """
    config = load_settings({"base": base, "candidate": candidate, **settings}, config_file)
    # Nothing is decoded here, whatever the environment says of audits.
    config = config.model_copy(update={"max_decoded_tokens": None})
    _check(config)
    wanted, labels = read_wanted(config.intended, config.intended_data), check_roles(config)
    read = read_log(config.base), read_log(config.candidate)
    paired = pair_logs(*read)
    prompts = split(paired.prompts, len(paired.prompts), len(paired.prompts), config.seed)
    ledger = Ledger(out or run_directory(config), config, progress)
    ledger.identify(
        base=read[0].digest,
        candidate=read[1].digest,
        intent=content_digest(config.intended, config.intended_data, config.judge_labels),
    )
    if (done := finished_report(ledger.directory)) is not None:
        return done

    purse = Purse(config.max_cost, ledger.directory / "max-cost-reached")
    roles = open_roles(ledger, purse, labels)
    answers = {p.id: Answers(p, a, b) for p, a, b in zip(*paired[:3], strict=True)}
    heard = _heard(config, prompts, answers, read, paired)
    found = Discovery(heard.prompts, heard.pairs, heard.control, config.margin)
    before, after = (RecordedSubject(log.model or log.name, log.digest) for log in read)
    audit = Opened(ledger, prompts, before, after, Access.recorded, roles, purse)
    tested = decide(audit, found, Recorded(ledger, answers, roles), heard.evidence, wanted)
    report = assemble_heard(ledger, heard, *tested)

    write_report(report, ledger.directory, fail_on)
    ledger.progress.close()
    return report


def _check(config: AuditConfig) -> None:
    if config.self_report:
        raise AccessError("a recorded log", "--self-report", Access.recorded.name, Access.text.name)
    if config.method != "audit":
        raise SpecError(f"method={config.method!r}: logs are compared by the method 'audit' alone; leave it out")


def _heard(
    config: AuditConfig, prompts: Split, answers: Mapping[str, Answers], read: tuple[Log, Log], paired: Paired
) -> Heard:
    """Every discovery prompt with its recorded pairs: the prompts of a log are the sample that there is."""
    pairs = [pair for p in prompts.discovery for pair in _pairs(answers[p.id])]
    return Heard(
        access=Access.recorded.name,
        prompts=prompts.discovery,
        confirmation=prompts.confirmation,
        pairs=pairs,
        control=len(prompts.discovery),
        seed=config.seed,
        warnings=_lost(read, paired),
        limits=("what was not recorded: other prompts, other settings, longer answers",),
    )


def _pairs(said: Answers) -> list[Pair]:
    """Repeated samples side by side, as many as both logs have; `confirm` uses them all, as means."""
    both = zip(said.base, said.candidate, strict=False)
    return [text_pair(said.prompt, a, b, draw) for draw, (a, b) in enumerate(both)]


def _lost(read: tuple[Log, Log], paired: Paired) -> list[str]:
    """What could not be compared: nothing is left out in silence."""
    notes = [
        f"{log.name}: {log.dropped} samples without a usable response were left out" for log in read if log.dropped
    ]
    only = paired.unpaired
    if only.base_only or only.candidate_only:
        shown = f", such as: {'; '.join(only.examples)}" if only.examples else ""
        notes.append(
            f"paired by {only.by}: {only.base_only} prompts only in {read[0].name}, "
            f"{only.candidate_only} only in {read[1].name}{shown}"
        )
    return notes
