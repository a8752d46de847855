"""`TARGET+modifier=value+...` to a subject. One loaded base serves several adapters."""

import os.path
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from whatchanged import registry
from whatchanged.errors import MissingExtra, SpecError, TokenizerMismatch
from whatchanged.subjects.base import Subject

if TYPE_CHECKING:
    from whatchanged.subjects.modifiers import Modifier

_MODIFIER = re.compile(r"\+(?=[a-zA-Z_]+(?:=|$|\+))")


def parse(spec: str) -> tuple[str, list[tuple[str, str]]]:
    """Split a spec into its target and (modifier, value) pairs, in order."""
    if not spec.strip():
        raise SpecError("model spec is empty: give a folder, hf/ORG/NAME, an adapter, a GGUF file or 'smollm2'")
    # Not Path.exists, which raises on names that are too long, as a system message may make them.
    if os.path.exists(spec):
        return spec, []
    target, *parts = _MODIFIER.split(spec)
    pairs = []
    for part in parts:
        name, equals, value = part.partition("=")
        if name not in registry.modifiers and name != "base":
            known = ", ".join(sorted([*registry.modifiers, "base"]))
            raise SpecError(f"unknown modifier '{name}' in '{spec}': one of {known}")
        if not equals or not value:
            raise SpecError(f"modifier '{name}' in '{spec}' has no value: write +{name}=VALUE")
        pairs.append((name, value))
    return target, pairs


def check_specs(specs: Sequence[str]) -> None:
    """Find every spec's checkpoint without loading it, so that a typo costs a second and leaves nothing behind.

    Raises SpecError, CheckpointError or MissingExtra as `open_subjects` would.
    """
    for spec in specs:
        target, pairs = parse(spec)
        resolve(target, dict(pairs).get("base"))
        _modifiers(pairs)


def open_subjects(specs: Sequence[str], check_vocabulary: bool = True) -> list[Subject]:
    """Load every spec, sharing what can be shared.

    Raises SpecError or CheckpointError for a spec that cannot be used, TokenizerMismatch when the
    subjects' tokens do not mean the same, MissingExtra without torch and transformers.
    """
    try:
        from whatchanged.subjects.load import Loader
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "hf") from None
    loader = Loader()
    subjects = [_open(spec, loader) for spec in specs]
    if check_vocabulary:
        for other in subjects[1:]:
            if other.vocabulary != subjects[0].vocabulary:
                raise TokenizerMismatch(
                    f"'{subjects[0].name}' and '{other.name}' have different tokenizers or vocabulary sizes, so "
                    "their next-token distributions cannot be compared; "
                    "text-level comparison of recorded responses still works"
                )
    return subjects


def _open(spec: str, loader: Any) -> Subject:
    target, pairs = parse(spec)
    subject: Subject = loader.open(spec, resolve(target, dict(pairs).get("base")), _modifiers(pairs))
    return subject


def _modifiers(pairs: Sequence[tuple[str, str]]) -> "list[Modifier]":
    try:
        return [registry.modifiers[name](value) for name, value in pairs if name != "base"]
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "hf") from None


def resolve(target: str, given_base: str | None = None) -> Any:
    """The local checkpoint that a target names. Raises SpecError listing what a target can be."""
    for name in registry.subjects:
        source = registry.subjects[name]()
        if source.matches(target):
            return source.resolve(target, given_base)
    raise SpecError(f"no model at '{target}': give an existing folder or .gguf file, hf/ORG/NAME, or the alias smollm2")
