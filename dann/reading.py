"""Reading YAML strictly, and telling what is wrong with it in one line."""

import difflib
import re
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from dann.errors import BadInput

Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """Base of all parts of a configuration: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class _StrictLoader(yaml.SafeLoader):
    """YAML in which 1e-3 is a number, as in YAML 1.2, and a key given twice is an error instead of a lost value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        BadInput: it is missing or unreadable; says where.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({_reason(error)})") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> Any:
    """The content of a YAML text; ``where`` names it in messages."""
    try:
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"{where}{mark}: not valid YAML: {error.problem}") from error
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise BadInput(f"{where}: not valid YAML: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())


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
