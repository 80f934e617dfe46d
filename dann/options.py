"""Validation of options against models; an error is one line with the place and the nearest known name."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dann.errors import BadInput

Model = TypeVar("Model", bound=BaseModel)
# Types of options with a range, so that a number outside it is refused when the file is read, not when a run begins.
Factor = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Width = Annotated[int, Field(ge=1, le=16_384)]  # two such layers have a gigabyte of weights
LISTED, SPELT = 100, 60  # most known names in a message; longest name that is compared with them


class Section(BaseModel):
    """Base of all parts of a configuration: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def validate(model: type[Model], content: Any, where: str, at: str = "") -> Model:
    """``content`` as an instance of ``model``.

    Args:
        where: the file, for messages.
        at: the dotted path of ``content`` in the file.

    Raises:
        BadInput: for an unknown key, with the nearest known one; else for the first value that does not fit, with its
            path.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # A misspelt key is both unknown and missing: the unknown one comes with the nearest name.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        raise BadInput(f"{where}: {_explain(model, first, at)}{_quotes(first)}") from error


def _explain(model: type[BaseModel], error: Mapping[str, Any], at: str) -> str:
    place = [str(part) for part in error["loc"]]
    path = ".".join([at, *place] if at else place)
    if error["type"] == "extra_forbidden":
        return f"unknown key {path}{suggest(place[-1], _known_keys(model, place[:-1]))}"
    if error["type"] == "missing":
        return f"{path} is missing: add it"
    if error["type"] == "too_short":
        return f"{path}: too few entries: write at least {error['ctx']['min_length']}"
    message = (
        error["msg"]
        .removeprefix("Input ")
        .removeprefix("Value error, ")
        .replace("valid dictionary or instance of", "mapping of keys of")
        .replace("valid dictionary", "mapping")
    )
    return f"{path}: {message}, not {shown(error['input'])}" if path else f"the content {message}"


def shown(value: Any) -> str:
    """A value in a message: as Python writes it, but shortened where it is long or deep."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = 80
    return short.repr(value)


def _quotes(error: Mapping[str, Any]) -> str:
    """The remedy for a word that YAML reads as something else than a text."""
    if error["type"] != "string_type" or isinstance(error["input"], list | dict):
        return ""
    return "; quote words such as no, on, null, 1 and 2024-01-31, as 'no'"


def _known_keys(model: type[BaseModel], place: list[str]) -> list[str]:
    for part in place:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        inner = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        models = [kind for kind in inner if issubclass(kind, BaseModel)]
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)


def name_some(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first ``most`` names for a message, and how many more there are."""
    return separator.join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def suggest(wrong: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known name, if any is near, and all known names."""
    names = {str(name).lower(): str(name) for name in known}
    near = difflib.get_close_matches(wrong.lower(), names, n=1) if len(wrong) <= SPELT else []
    meant = f"; did you mean {names[near[0]]}?" if near else ""
    return f"{meant} (known: {name_some(list(names.values()), LISTED)})" if names else meant


def look_up(registry: Mapping[str, Any], name: Any, what: str, where: str) -> Any:
    """The entry of ``registry`` called ``name``.

    Args:
        what: the kind of entry, for messages.
        where: the place of the name, for messages.

    Raises:
        BadInput: there is no such entry.
    """
    if not isinstance(name, str) or name not in registry:
        raise BadInput(f"{where}: unknown {what} {shown(name)}{suggest(str(name), registry)}")
    return registry[name]
