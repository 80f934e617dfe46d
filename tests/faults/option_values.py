"""Values at random within, and at the edges of, the ranges of options, read from the options' own types."""

import math
import types
from collections.abc import Sequence
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

WORDS = {  # of options whose type is any text
    "path": "data.npz", "labels": "labels.npy", "test": "more.npz", "test_labels": "labels.npy", "model": "resnet18",
    "weights": "none", "layer": "features", "layers": "logits", "tokenizer": "tokens", "kind": "surf",
    "target_classes": "0", "unseen": "1", "columns": "path", "class_vectors": "vectors.csv", "encoding": "cp1252",
}  # fmt: skip
LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length")


def options(model: type[BaseModel], random: Random, edges: bool = True, share: float = 0.4) -> dict[str, Any]:
    """Values for the required fields of a model and for some of the others.

    Args:
        edges: take the lowest and highest valid values too, which may be too large to be run.
        share: of the fields with a default that are set.
    """
    fields = {name: field for name, field in model.model_fields.items() if name != "name"}
    chosen = {name: field for name, field in fields.items() if field.is_required() or random.random() < share}
    return {name: value(field.annotation, [*field.metadata], name, random, edges) for name, field in chosen.items()}


def value(kind: Any, limits: list[Any], name: str, random: Random, edges: bool) -> Any:
    """A valid value of a type with the limits that stand beside it."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return value(inner[0], [*limits, *inner[1:]], name, random, edges)
    if origin in (Union, types.UnionType):
        some = [each for each in inner if each is not type(None)]
        empty = len(some) < len(inner) and random.random() < 0.2
        return None if empty else value(random.choice(some), limits, name, random, edges)
    if origin is Literal:
        return random.choice(inner)
    bounds = _bounds(limits)
    if kind is bool:
        return random.random() < 0.5
    if kind is int:
        return _whole(bounds, random, edges)
    if kind is float:
        return _real(bounds, random, edges)
    if origin in (list, tuple, Sequence) or (origin is not None and issubclass(origin, Sequence)):
        return _sequence(origin, inner, bounds, name, random, edges)
    if origin is dict:
        return {"0": value(inner[1], [], name, random, edges)}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return options(kind, random, edges)
    return WORDS.get(name, "a") if kind is str else 1


def _bounds(limits: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in limits:
        if isinstance(each, FieldInfo):
            found |= _bounds(each.metadata)
        found |= {name: getattr(each, name) for name in LIMITS if getattr(each, name, None) is not None}
    return found


def _whole(bounds: dict[str, Any], random: Random, edges: bool) -> int:
    low = bounds.get("ge", bounds.get("gt", -1) + 1)
    high = bounds.get("le", bounds.get("lt", 2**31) - 1)
    usual = random.randint(low, min(high, low + 8))
    return random.choice([low, high, usual, min(high, low + 1000)]) if edges else usual


def _real(bounds: dict[str, Any], random: Random, edges: bool) -> float:
    low = float(bounds["ge"] if "ge" in bounds else math.nextafter(bounds.get("gt", -100.0), math.inf))
    high = float(bounds["le"] if "le" in bounds else math.nextafter(bounds.get("lt", 1e308), -math.inf))
    usual = random.uniform(max(low, 0.0), min(high, 1.5))
    return random.choice([low, high, usual, usual]) if edges else usual


def _sequence(
    origin: Any, inner: tuple[Any, ...], bounds: dict[str, Any], name: str, random: Random, edges: bool
) -> list[Any]:
    if origin is tuple and Ellipsis not in inner:
        found = [value(each, [], name, random, edges) for each in inner]
    else:
        low, high = bounds.get("min_length", 0), bounds.get("max_length", 3)
        found = [value(inner[0], [], name, random, edges) for _ in range(random.randint(low, max(low, high)))]
    return sorted(found) if name in ("range", "scale") else found
