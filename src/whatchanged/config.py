"""Typed settings, once: the CLI's flags, the YAML keys and the environment variables come from these fields.

`WHATCHANGED_ALPHA=0.1` is `--alpha 0.1` is `alpha: 0.1`. Each field's description is the flag's help.
"""

import hashlib
import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from whatchanged.errors import SpecError
from whatchanged.records import Record

Display = Literal["full", "plain", "log", "none"]
FailOn = Literal["never", "any", "side-effect"]
Fdr = Literal["e-bh", "e-lond", "saffron", "addis"]
AccessName = Literal["text", "logprobs", "logits", "weights"]
ClusterBy = Literal["k-means", "hdbscan"]
BudgetName = Literal["small", "standard", "deep"]


class Budget(Record):
    """How much work an audit may do; the presets differ in nothing else."""

    discovery_prompts: int
    confirmation_prompts: int
    response_tokens: int = Field(description="Length of every response that is drawn, tokens.")
    pairs: int = Field(description="Coupled pairs drawn for description, half of them at random.")
    factors: int
    beam_prompts: int
    beams: int
    beam_steps: int
    beam_settings: int = Field(1, description="Weightings that log-ratio decoding tries.")
    hypotheses: int
    confirm_tokens: int = Field(description="Tokens that confirmation may decode, both models.")
    search_tokens: int = Field(description="Tokens that both models may score to search beyond the pool.")
    game_tokens: int = Field(0, description="Tokens that both models may score in the game against the findings.")
    method_texts: int = Field(400, description="Texts a model that a sampling method draws, without --texts.")


BUDGETS: dict[str, Budget] = {
    "small": Budget(
        discovery_prompts=600, confirmation_prompts=1500, response_tokens=24, pairs=128, factors=8,
        beam_prompts=16, beams=12, beam_steps=10, hypotheses=16, confirm_tokens=24_000,
        search_tokens=60_000,
    ),
    "standard": Budget(
        discovery_prompts=1200, confirmation_prompts=3000, response_tokens=48, pairs=320, factors=12,
        beam_prompts=32, beams=24, beam_steps=12, beam_settings=3, hypotheses=32, confirm_tokens=100_000,
        search_tokens=300_000, game_tokens=75_000, method_texts=1000,
    ),
    "deep": Budget(
        discovery_prompts=5000, confirmation_prompts=20_000, response_tokens=96, pairs=1000, factors=20,
        beam_prompts=64, beams=32, beam_steps=16, beam_settings=3, hypotheses=64, confirm_tokens=1_000_000,
        search_tokens=1_500_000, game_tokens=300_000, method_texts=4000,
    ),
}  # fmt: skip


class AuditConfig(Record):
    """Everything that can change what an audit finds. Its hash names the run directory."""

    base: str = Field(description="The model before: a folder, hub id, adapter, GGUF file or alias.")
    candidate: str = Field(description="The model after.")
    pool: tuple[str, ...] = Field(("builtin",), description="Prompt pool; repeat to combine several.")
    intended: Path | None = Field(None, description="YAML list of the changes that were wanted.")
    intended_data: Path | None = Field(None, description="JSONL tuning data that may explain findings.")
    budget: BudgetName = Field("small", description="How much work to do.")
    max_decoded_tokens: int | None = Field(None, gt=0, description="Stop sampling at this many tokens.")
    max_minutes: float | None = Field(None, gt=0, description="Stop testing after this many minutes.")
    alpha: float = Field(0.05, gt=0, lt=1, description="False discovery rate.")
    margin: float = Field(0.05, ge=0, lt=1, description="Smallest change in a rate that counts.")
    fdr: Fdr = Field("e-bh", description="How false discoveries are controlled.")
    temperature: float = Field(1.0, gt=0, description="Sampling temperature that all rates hold at.")
    seed: int = Field(0, ge=0, description="Seed of every random number.")
    coupled: bool = Field(True, description="Share random numbers between the two models' samples.")
    access: AccessName = Field("weights", description="Use no more of the models than this, whatever they give.")
    attribute: bool = Field(False, description="Say which weights carry findings about openings; takes minutes.")
    reasoner: str | None = Field(None, description="Language model that proposes claims and prompts; it confirms none.")
    critic: str | None = Field(None, description="Language model that attacks hypotheses before they are tested.")
    judge: str | None = Field(None, description="Language model that decides rubric predicates, blind.")
    rubric: tuple[str, ...] = Field((), description="A sentence on an answer for the judge to test; may be repeated.")
    judge_labels: Path | None = Field(None, description="JSONL of labelled responses that calibrate the judge.")
    finders: tuple[str, ...] = Field((), description="Search beyond the pool with this alone; repeat, or 'none'.")
    library: Path | None = Field(None, description="SQLite file of prompts that found something: read, then added to.")
    validators: tuple[str, ...] = Field((), description="Validation of confirmed findings; repeat for several.")
    self_report: bool = Field(False, description="Ask both models about themselves, for claims and prompts to test.")
    max_cost: float | None = Field(None, gt=0, description="Stop paid calls before they pass this many US dollars.")
    identity_shortcut: bool = Field(True, description="Score a model against itself once.")
    method: str = Field("audit", description="How changes are looked for: the audit, or an older system by name.")
    texts: int | None = Field(None, gt=1, description="Texts a model that a sampling method draws.")
    cluster_by: ClusterBy = Field("k-means", description="How the method clustering groups texts.")

    @property
    def limits(self) -> Budget:
        """The numbers behind the budget's name."""
        return BUDGETS[self.budget]

    @property
    def digest(self) -> str:
        """10 hex digits that change whenever any field does."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:10]


class ViewConfig(Record):
    """How a run is shown and where it is kept; changes nothing that is found."""

    out: Path | None = Field(None, description="Run directory; the same command in it resumes.")
    fail_on: FailOn = Field("never", description="Exit 3 when such a change is confirmed, 4 if undecided.")
    display: Display = Field("full", description="Progress on stderr.")
    json_: bool = Field(False, alias="json", description="Print report.json on stdout.")


def load_settings(flags: dict[str, Any], file: Path | None = None) -> AuditConfig:
    """Merge, in rising order of precedence, defaults, the YAML file, the environment and `flags`.

    Raises SpecError with one line naming the field and the value.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values |= _read_yaml(file)
    for name in AuditConfig.model_fields:
        if (value := os.environ.get(f"WHATCHANGED_{name.upper()}")) is not None:
            # A rubric is a sentence, and may have commas.
            lists = {name: value.split(",") for name in ("pool", "finders", "validators")} | {"rubric": [value]}
            values[name] = lists.get(name, value)
    values |= {name: value for name, value in flags.items() if value is not None and value != ()}
    try:
        return AuditConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SpecError(f"{where}={first['input']!r}: {first['msg']}") from None


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SpecError(f"config file {file}: {str(error).splitlines()[0]}") from None
    if not isinstance(loaded, dict):
        raise SpecError(f"config file {file}: expected 'key: value' lines")
    return loaded
