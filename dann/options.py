"""Options: models whose unknown keys and wrong types are errors, reported in one line."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from dann.errors import BadInput

Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """Base of all parts of a configuration: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def validated(model: type[Model], content: Any, where: str, at: str = "") -> Model:
    """``content`` as ``model``.

    Args:
        where: names the file in messages.
        at: the dotted path of ``content`` in it.

    Raises:
        BadInput: the first thing that does not fit, with its path and the nearest known key.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise BadInput(f"{where}: {_explain(model, error.errors()[0], at)}") from error


def _explain(model: type[BaseModel], error: Mapping[str, Any], at: str) -> str:
    place = [str(part) for part in error["loc"]]
    path = ".".join([at, *place] if at else place)
    if error["type"] == "extra_forbidden":
        return f"unknown key {path}{suggestion(place[-1], _known_keys(model, place[:-1]))}"
    if error["type"] == "missing":
        return f"{path} is missing"
    message = (
        error["msg"]
        .removeprefix("Input ")
        .removeprefix("Value error, ")
        .replace("valid dictionary or instance of", "mapping of keys of")
    )
    return f"{path}: {message}, not {error['input']!r}" if path else f"the content {message}"


def _known_keys(model: type[BaseModel], place: list[str]) -> list[str]:
    for part in place:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        inner = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        models = [kind for kind in inner if issubclass(kind, BaseModel)]
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """The end of a message about a wrong name: the nearest known one, if any is near, and all of them."""
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(wrong.lower(), names, n=1)
    meant = f"; did you mean {names[near[0]]}?" if near else ""
    return f"{meant} (known: {', '.join(names.values())})" if names else meant


def one_of(registry: Mapping[str, Any], name: Any, what: str, where: str) -> Any:
    """The entry of ``registry`` called ``name``; ``what`` says what it is in the message if there is none."""
    if not isinstance(name, str) or name not in registry:
        raise BadInput(f"{where}: unknown {what} {name!r}{suggestion(str(name), registry)}")
    return registry[name]
