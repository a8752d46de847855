"""`TARGET+modifier=value+...` to a subject. One loaded base serves several adapters."""

import os.path
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from whatchanged import registry
from whatchanged.endpoints import is_endpoint
from whatchanged.errors import MissingExtra, SpecError, TokenizerMismatch
from whatchanged.subjects.base import Subject
from whatchanged.subjects.endpoint import ONLY_ENDPOINTS, Remote

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
        if name not in registry.modifiers and name not in ("base", *ONLY_ENDPOINTS):
            known = ", ".join(sorted([*registry.modifiers, "base", *ONLY_ENDPOINTS]))
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
        found = resolve(target, dict(pairs).get("base"))
        if isinstance(found, Remote):
            found.check(pairs)
        else:
            _modifiers(pairs)


def open_subjects(specs: Sequence[str], check_vocabulary: bool = True) -> list[Subject]:
    """Load every spec, sharing what can be shared; ask every model behind an interface for one token.

    Raises SpecError or CheckpointError for a spec that cannot be used, EndpointError for a model behind an interface
    that does not answer, TokenizerMismatch when the tokens of subjects that show theirs do not mean the same,
    MissingExtra without torch and transformers or without Inspect.
    """
    parsed = [parse(spec) for spec in specs]
    loader = None if all(is_endpoint(target) for target, _ in parsed) else _loader()
    subjects = [_open(spec, *parts, loader) for spec, parts in zip(specs, parsed, strict=True)]
    if check_vocabulary:
        shown = [s for s in subjects if s.vocabulary]
        for other in shown[1:]:
            if other.vocabulary != shown[0].vocabulary:
                raise TokenizerMismatch(
                    f"'{shown[0].name}' and '{other.name}' have different tokenizers or vocabulary sizes, so "
                    "their next-token distributions cannot be compared; "
                    "text-level comparison of recorded responses still works"
                )
    return subjects


def _loader() -> Any:
    try:
        from whatchanged.subjects.load import Loader
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "hf") from None
    return Loader()


def _open(spec: str, target: str, pairs: Sequence[tuple[str, str]], loader: Any) -> Subject:
    found = resolve(target, dict(pairs).get("base"))
    if isinstance(found, Remote):
        return found.open(spec, pairs)
    subject: Subject = loader.open(spec, found, _modifiers(pairs))
    return subject


def _modifiers(pairs: Sequence[tuple[str, str]]) -> "list[Modifier]":
    for name, value in pairs:
        if name in ONLY_ENDPOINTS:
            raise SpecError(f"+{name}={value} is for models behind an interface (openai-api/...): leave it out here")
    try:
        return [registry.modifiers[name](value) for name, value in pairs if name != "base"]
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "hf") from None


def resolve(target: str, given_base: str | None = None) -> Any:
    """What a target names: a local checkpoint, or a model behind an interface.

    Raises SpecError listing what a target can be.
    """
    for name in registry.subjects:
        source = registry.subjects[name]()
        if source.matches(target):
            return source.resolve(target, given_base)
    raise SpecError(f"no model at '{target}': give an existing folder or .gguf file, hf/ORG/NAME, or the alias smollm2")
