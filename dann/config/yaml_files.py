"""Reading YAML strictly: a duplicate key is an error, 1e-3 is a number, and size and depth are bounded."""

import re
from collections.abc import Hashable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from dann.errors import BadInput
from dann.files.input_limits import check_regular
from dann.options import shown

try:
    from yaml import CSafeLoader as SafeLoader  # libyaml's, six times faster
except ImportError:  # PyYAML was built without it
    from yaml import SafeLoader  # type: ignore[assignment]

BYTES, NODES, DEPTH = 4_000_000, 300_000, 50  # what a file may have: 10 000 variants need a tenth of the first two

_KINDS = {bool: "a truth value", type(None): "nothing", date: "a date", datetime: "a date"}


class _StrictLoader(SafeLoader):
    """YAML in which 1e-3 is a number, as in YAML 1.2, and a duplicate key is an error instead of a lost value."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":  # << takes the keys of other mappings, which give way
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key_node, yaml.ScalarNode) and not isinstance(key, str):  # no, on, null, 1, 2024-01-31
                problem = f"key {key_node.value} is read as {_KINDS.get(type(key), 'a number')}: quote it, as "
                raise yaml.MarkedYAMLError(problem=f"{problem}'{key_node.value}'", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"key {shown(key)} is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        number = super().construct_yaml_int(node)
        if not -(2**63) <= number < 2**63:
            raise yaml.MarkedYAMLError(problem="a whole number of more than 64 bits", problem_mark=node.start_mark)
        return number


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)

_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        BadInput: it is missing, unreadable or not valid YAML.
    """
    check_regular(path)
    try:
        with path.open("rb") as file:
            content = file.read(BYTES + 1)
        if len(content) > BYTES:
            raise BadInput(f"{path}: more than {BYTES:,} bytes, too many for an experiment file: check the path")
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: cannot be read (not UTF-8 text): check the path, or save it as UTF-8") from error
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        raise BadInput(f"{path}: cannot be read ({_reason(error)}): check the path and the file") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> Any:
    """The content of a YAML text; ``where`` names it in messages."""
    try:
        _check_size(text, where)
        return yaml.load(text, Loader=_StrictLoader)
    except yaml.MarkedYAMLError as error:
        mark = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise BadInput(f"{where}{mark}: not valid YAML: {error.problem}") from error
    except BadInput:
        raise
    except Exception as error:  # of a value that its tag does not fit, PyYAML raises half a dozen types
        raise BadInput(f"{where}: not valid YAML: {_reason(error)}") from error


def _check_size(text: str, where: str) -> None:
    """Refuse, before anything is built of it, a text whose content is too large or too deep for any experiment.

    An alias counts as what it stands for: a few lines of them can stand for billions of values.
    """
    nodes, sizes, opened = 0, dict[str, int](), list[tuple[str | None, int]]()
    for event in yaml.parse(text, Loader=SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise BadInput(f"{where}: the alias *{event.anchor} lies within what it stands for: write it out")
            nodes += sizes[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, nodes))
            nodes += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            sizes |= {anchor: nodes - before} if anchor else {}
        elif isinstance(event, yaml.ScalarEvent):
            nodes += 1
            sizes |= {event.anchor: 1} if event.anchor else {}
            event.value.encode()  # raises for half of a surrogate pair, which no file or figure can hold
        if nodes > NODES or len(opened) > DEPTH:
            limit = f"{DEPTH} levels" if len(opened) > DEPTH else f"{NODES:,} values"
            raise BadInput(f"{where}: more than {limit}, too many for an experiment file: write less into it")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())
