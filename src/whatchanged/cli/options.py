"""Flags made from the fields of `AuditConfig` and `ViewConfig`, so that the two never drift.

A field's flag is --field-name, its YAML key (--config) and its environment variable WHATCHANGED_FIELD_NAME.
`AuditConfig` merges these itself; this module only tells it which flags were given.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from click.core import ParameterSource
from pydantic.fields import FieldInfo

from whatchanged.config import AuditConfig, ViewConfig, load_settings

F = TypeVar("F", bound=Callable[..., Any])

MODELS = ("base", "candidate")
EPILOG = (
    "Every option is also an environment variable: WHATCHANGED_ALPHA is --alpha. Options that decide what is "
    "found are keys of the --config file as well. Flags win over the environment, and that over the file."
)
debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")


def model_arguments(command: F) -> F:
    """BASE and CANDIDATE; either may come from its environment variable or from the --config file."""
    for name in reversed(MODELS):
        command = click.argument(name, required=False, metavar=name.upper(), envvar=_variable(name))(command)
    return command


def audit_options(*, only: Sequence[str] | None = None) -> Callable[[F], F]:
    """--config, and a flag for each field of `AuditConfig` (or for those named) but the two models."""
    names = [n for n in AuditConfig.model_fields if n not in MODELS and (only is None or n in only)]

    def decorate(command: F) -> F:
        for name in reversed(names):
            command = _option(name, AuditConfig.model_fields[name])(command)
        file = click.Path(dir_okay=False, path_type=Path)
        return click.option("--config", "config_file", type=file, help="YAML file of settings.")(command)

    return decorate


def view_options(*, only: Sequence[str] | None = None) -> Callable[[F], F]:
    """A flag for each field of `ViewConfig` (or for those named), each with its environment variable."""
    fields = {name: f for name, f in ViewConfig.model_fields.items() if only is None or name in only}

    def decorate(command: F) -> F:
        for name, field in reversed(fields.items()):
            command = _option(name, field, envvar=_variable(field.alias or name))(command)
        return command

    return decorate


def read_audit(context: click.Context, **fixed: Any) -> AuditConfig:
    """The settings of this call. `fixed` are set by the command. Raises SpecError, click.MissingParameter."""
    flags = {n: v for n, v in context.params.items() if n in AuditConfig.model_fields and _given(context, n)}
    file = context.params.get("config_file")
    for argument in context.command.params:
        if file is None and argument.name in MODELS and argument.name not in flags:
            raise click.MissingParameter(ctx=context, param=argument, param_hint=f"'{argument.name.upper()}'")
    return load_settings(flags | fixed, file)


def read_view(context: click.Context) -> ViewConfig:
    """How this call is shown, from its flags and the environment."""
    shown = {field.alias or name: context.params.get(name) for name, field in ViewConfig.model_fields.items()}
    return ViewConfig.model_validate({name: value for name, value in shown.items() if value is not None})


def _given(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def _variable(name: str) -> str:
    return f"WHATCHANGED_{name.upper()}"


def _option(name: str, field: FieldInfo, **more: Any) -> Callable[[F], F]:
    flag = (field.alias or name).replace("_", "-")
    kind, several = _kind(field)
    switch = f"--{flag}/--no-{flag}" if kind is click.BOOL else f"--{flag}"
    return click.option(
        switch,
        name,
        type=kind,
        multiple=several,
        default=field.default,
        show_default=field.default is not None,
        help=field.description,
        **more,
    )


def _kind(field: FieldInfo) -> tuple["click.ParamType[Any]", bool]:
    """The click type of a field's values, and whether the flag may be repeated. X | None counts as X."""
    given: Any = field.annotation
    if NoneType in get_args(given):
        given = next(part for part in get_args(given) if part is not NoneType)
    several = get_origin(given) is tuple
    if several:
        given = get_args(given)[0]
    if get_origin(given) is Literal:
        return click.Choice(get_args(given)), several
    if given is Path:
        return click.Path(path_type=Path), several
    simple: dict[Any, click.ParamType[Any]] = {bool: click.BOOL, str: click.STRING}
    return simple.get(given) or _number(given, field), several


def _number(kind: type, field: FieldInfo) -> "click.ParamType[Any]":
    limits: dict[str, Any] = {}
    for constraint in field.metadata:
        for key, argument in (("ge", "min"), ("gt", "min"), ("le", "max"), ("lt", "max")):
            if hasattr(constraint, key):
                limits |= {argument: getattr(constraint, key), f"{argument}_open": key in ("gt", "lt")}
    number = click.IntRange(**limits) if kind is int else click.FloatRange(**limits)
    # "'x' is not a valid float", and not "float range"; the help gives the range beside the default.
    number.name = "integer" if kind is int else "float"
    return number
