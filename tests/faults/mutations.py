"""Changes at random to nested values, texts and bytes."""

import datetime
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 0.0, 0.5, -0.5, 1.5, 1e-12, 1e308, -1e308, float("nan"), float("inf"),
    -float("inf"), 10**6, 10**9, 10**12, 2**31, 2**63, 10**30, "", " ", "a", "none", "auto", "target", "mnist",
    "moons", "1e-3", "0x10", "../x", "../../../../tmp/x", "/etc/passwd", "-x", ".", "..", "a\nb", "a\x00b",
    "\x1b[31m", "\ud800", "é" * 300, "x" * 5000, r"$\frac{1}{$", "$", "%s", "{}", "~", "~/x", "=cmd()", "<b>", "🙂",
    [], {}, [[]], [None], {"name": "x"}, {"name": None}, {"a": {"b": 1}}, {1: 2}, {None: None}, [0, 0], [1, 2, 3],
    ["a", "b"], datetime.date(2020, 1, 1),
]  # fmt: skip
Place = tuple[Any, Any]  # a list or dict, and the index or key in it


def places(value: Any) -> list[Place]:
    """Every place within a nested value."""
    found: list[Place] = []
    if isinstance(value, dict):
        found += [(value, key) for key in value]
    elif isinstance(value, list):
        found += [(value, index) for index in range(len(value))]
    for holder, key in list(found):
        found += places(holder[key])
    return found


def odd(random: random.Random) -> Any:
    """A value that is valid in few fields."""
    chosen = random.choice(ODD)
    if random.random() < 0.02:
        chosen = nested(random.choice([5, 40]), random.random() < 0.5)  # damage() has deeper ones
    return deepcopy(chosen) if isinstance(chosen, list | dict) else chosen


def nested(depth: int, lists: bool = True) -> Any:
    """A value ``depth`` deep."""
    value: Any = 1
    for _ in range(depth):
        value = [value] if lists else {"a": value}
    return value


def mutate(value: Any, random: random.Random, count: int = 1) -> Any:
    """A copy of a nested value with some changes: other values, keys dropped, renamed, doubled, moved or wrapped."""
    value = deepcopy(value)
    for _ in range(count):
        found = places(value)
        if not found:
            return odd(random)
        holder, key = random.choice(found)
        random.choice(CHANGES)(holder, key, found, random)
    return value


def _replace(holder: Any, key: Any, found: list[Place], random: random.Random) -> None:
    holder[key] = odd(random)


def _drop(holder: Any, key: Any, found: list[Place], random: random.Random) -> None:
    del holder[key]


def _rename(holder: Any, key: Any, found: list[Place], random: random.Random) -> None:
    name = odd(random)
    if isinstance(holder, dict) and isinstance(name, str | int | float | bool | None):
        holder[name] = holder.pop(key)
    else:
        holder[key] = name


def _move(holder: Any, key: Any, found: list[Place], random: random.Random) -> None:
    other, place = random.choice(found)
    holder[key] = deepcopy(other[place])


def _wrap(holder: Any, key: Any, found: list[Place], random: random.Random) -> None:
    holder[key] = random.choice([[holder[key]], {"name": holder[key]}, str(holder[key])])


def _scale(holder: Any, key: Any, found: list[Place], random: random.Random) -> None:
    if isinstance(holder[key], int | float):
        factor = random.choice([-1, 0, 1000, 10**12, 0.5, 1e-9, 1e300])
        try:
            holder[key] = type(holder[key])(holder[key] * factor)
        except (OverflowError, ValueError):
            holder[key] = float("inf")
    else:
        holder[key] = odd(random)


def _add(holder: Any, key: Any, found: list[Place], random: random.Random) -> None:
    if isinstance(holder, dict):
        holder[random.choice(["name", "extra", "data", "method", "unseen", "", 1])] = odd(random)
    else:
        holder.append(odd(random))


CHANGES: list[Callable[[Any, Any, list[Place], random.Random], None]] = [
    _replace, _replace, _replace, _drop, _rename, _move, _wrap, _scale, _add
]  # fmt: skip


def damage(content: bytes, random: random.Random) -> bytes:
    """Bytes with some damage: cut, emptied, flipped, zeroed, repeated, or with others inserted."""
    at = random.randrange(len(content) + 1)
    length = random.choice([1, 2, 8, 100, 4096])
    kind = random.randrange(9)
    if kind == 8:
        deep = random.choice([b"[", b"{a: ", b"- ", b"? ", b"&a [*a, *a, "])
        return content[:at] + deep * random.choice([300, 30_000]) + content[at:]
    if kind == 0:
        return content[:at]
    if kind == 1:
        return b""
    if kind == 2 and content:
        at = min(at, len(content) - 1)
        return content[:at] + bytes([content[at] ^ (1 << random.randrange(8))]) + content[at + 1 :]
    if kind == 3:
        return content[:at] + bytes(length) + content[at + length :]
    if kind == 4:
        return content[:at] + content[at : at + length] * 2 + content[at + length :]
    if kind == 5:
        return content[:at] + random.randbytes(length) + content[at:]
    if kind == 6:
        return content[:at] + content[at + length :]
    return random.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"\t", b"\r\n"]) + content.replace(b"\n", b"\r\n")
