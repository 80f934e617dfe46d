"""Types of options in words: ``Annotated[float, Field(gt=0, le=1)]`` → ``number in (0, 1]``."""

import types
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dann.config.naming import printable

PLAIN = {int: "integer", float: "number", bool: "true | false", str: "text", type(None): "null", Any: "anything"}


def describe_type(annotation: Any, constraints: Sequence[Any] = ()) -> str:
    """An annotation in words.

    Args:
        constraints: bounds and lengths, as ``FieldInfo.metadata`` holds them.
    """
    if get_origin(annotation) is Annotated:
        inner, *notes = get_args(annotation)
        found = [each for note in notes for each in (note.metadata if isinstance(note, FieldInfo) else [note])]
        return describe_type(inner, [*constraints, *found])
    if get_origin(annotation) in (Union, types.UnionType):
        # A bound beside a union is that of its number: `int | None` with ge=1.
        parts = [describe_type(part, () if part is type(None) else constraints) for part in get_args(annotation)]
        return " or ".join(parts)
    if get_origin(annotation) is Literal:
        return " | ".join(format_value(value) for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return f"[{', '.join(map(describe_type, get_args(annotation)))}]"
    if get_origin(annotation) is dict:
        key, value = get_args(annotation)
        return f"mapping of {describe_type(key)} to {describe_type(value)}"
    if get_args(annotation):  # a list or a sequence
        some = "non-empty list of " if any(hasattr(each, "min_length") for each in constraints) else "list of "
        return some + describe_type(get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"mapping of {', '.join(annotation.model_fields)}"
    return f"{PLAIN.get(annotation, str(annotation))}{_range(constraints)}"


def _range(constraints: Sequence[Any]) -> str:
    bounds = {
        kind: getattr(each, kind) for each in constraints for kind in ("ge", "gt", "le", "lt") if hasattr(each, kind)
    }
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if low is not None and high is not None:
        return f" in {'[' if 'ge' in bounds else '('}{low}, {high}{']' if 'le' in bounds else ')'}"
    if low is not None:
        return f" {'≥' if 'ge' in bounds else '>'} {low}"
    return "" if high is None else f" {'≤' if 'le' in bounds else '<'} {high}"


def format_value(value: Any) -> str:
    """A value as YAML writes it, on one line."""
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_defaults=True)
    written = partial(yaml.safe_dump, value, default_flow_style=True, sort_keys=False, width=10_000)
    text = str(written(allow_unicode=True)).removesuffix("\n...\n").strip()
    return text if printable(text) == text else str(written()).removesuffix("\n...\n").strip()
