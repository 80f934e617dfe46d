"""Validation of records when they are read, as tables and figures rely on their types. Imports no torch."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Annotated, Any, get_type_hints

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

DEPTH = 50  # levels of a configuration; also the limit of an experiment file
STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class _Domain(BaseModel):
    model_config = STRICT | ConfigDict(extra="allow")

    name: str
    checksum: str
    test: int


class _Data(BaseModel):
    model_config = STRICT | ConfigDict(extra="allow")

    source: _Domain
    target: _Domain
    protocol: str = ""
    duplicates: dict[str, dict[str, int]] = {}
    validated_on: int


class _Environment(BaseModel):
    model_config = STRICT | ConfigDict(extra="allow")

    commit: str | None
    device: str
    precision: str
    threads: int
    torch: str
    dann: str = ""


class _Alarm(BaseModel):
    model_config = STRICT | ConfigDict(extra="allow")

    alarm: str
    step: int
    text: str


def _check_step(evaluation: dict[str, float]) -> dict[str, float]:
    step = evaluation.get("step")
    if not isinstance(step, int | float) or step != int(step) or step < 0:
        raise ValueError("should have a step, a whole number")
    return evaluation


def _check_curves(curves: dict[str, list[float | None]]) -> dict[str, list[float | None]]:
    steps = curves.get("step", [None])
    if None in steps or any(len(values) != len(steps) for values in curves.values()):
        raise ValueError("should have a step for each value")
    return curves


def _check_points(points: dict[str, list[float]]) -> dict[str, list[float]]:
    if not {"share", "accuracy", "confidence"} <= set(points) or len({*map(len, points.values())}) > 1:
        raise ValueError("should have share, accuracy and confidence of each point")
    return points


def _check_depth(mapping: dict[str, Any]) -> dict[str, Any]:
    level: list[Any] = [mapping]
    for _ in range(DEPTH):
        level = [inner for outer in level if isinstance(outer, dict | list)
                 for inner in (outer.values() if isinstance(outer, dict) else outer)]  # fmt: skip
        if not level:
            return mapping
    raise ValueError(f"should have at most {DEPTH} levels")


_Configuration = Annotated[dict[str, Any], AfterValidator(_check_depth)]
NARROWER: dict[str, Any] = {  # than the types of a record's fields
    "seed": Annotated[int, Field(ge=0)],
    "declared": _Configuration,
    "config": _Configuration,
    "setting": _Configuration,
    "data": _Data,
    "environment": _Environment,
    "alarms": list[_Alarm],
    "evaluations": list[Annotated[dict[str, float], AfterValidator(_check_step)]],
    "losses": Annotated[dict[str, list[float | None]], AfterValidator(_check_curves)],
    "reliability": dict[str, Annotated[dict[str, list[float]], AfterValidator(_check_points)]],
}


@cache
def _schema(record: type) -> type[BaseModel]:
    """A model with the fields of a dataclass, so that a new field needs no second declaration."""
    types: dict[str, Any] = get_type_hints(record) | NARROWER
    model: dict[str, Any] = {
        each.name: (types[each.name], ... if each.default is each.default_factory is MISSING else None)
        for each in fields(record)
    }
    return create_model(record.__name__, __config__=STRICT | ConfigDict(extra="forbid"), **model)


def load_line(line: bytes) -> dict[str, Any]:
    """The content of a line of JSON.

    Raises:
        ValueError: it is not a JSON object, is too deep, or has a number or a character that no record has.
    """
    try:
        content = json.loads(line, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(content, dict):
        raise ValueError("not a mapping")
    if b"\\ud" in line.lower():
        json.dumps(content, ensure_ascii=False).encode()  # half of a surrogate pair is a UnicodeEncodeError
    return content


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of a record")


def check_record(content: Mapping[str, Any], record: type) -> None:
    """Check the types and shapes of a record.

    Args:
        record: its class, whose annotations say what each field holds.

    Raises:
        ValueError: for the first that does not fit, with its place.
    """
    try:
        _schema(record).model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))[:100]}: {first['msg']}") from error
    if not content["evaluations"] and content.get("failed") is None:
        raise ValueError("evaluations: there are none")
    classes = len(content["classes"])
    if not classes and content["config"].get("data", {}).get("task") != "regression":
        raise ValueError("classes: there are none")
    tables = [*content["confusion"].values()]
    if any([*map(len, rows)] != [classes] * classes for rows in tables):
        raise ValueError("confusion: should have a row and a column for each class")
    if any(len(row) != classes for row in content.get("shares", [])):
        raise ValueError("shares: should have one for each class")
