"""Parts of one's own beside those of the package: from files under ``use``, and from installed packages.

A part is a class or function on the contract of its kind; its keyword-only arguments are the schema of its options, as
everywhere. A file lists its parts in module-level dicts, such as ``METHODS = {"name": Class}``; a package has entry
points, in groups such as ``dann.methods``, which are imported when a configuration names them.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from dann.config.use_files import UseFile, describe, execute, line_of
from dann.data.datasets.all_datasets import DOMAINS
from dann.errors import BadInput, raise_if_stopped
from dann.methods.all_methods import METHODS
from dann.methods.method import Method
from dann.networks.all_networks import NETWORKS
from dann.networks.own_module import OWN_MODULE, own_module

Constructor = Callable[..., Any]


@dataclass(frozen=True)
class Distribution:
    """An installed package with parts."""

    name: str
    version: str

    @property
    def place(self) -> str:
        """For messages."""
        return f"package {self.name} {self.version}"

    def __str__(self) -> str:
        """Name and version: what a run records of it, and is compared by."""
        return f"{self.name} {self.version}"


Origin = UseFile | Distribution


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of parts.

    Args:
        what: in words.
        table: the name of the dict in a file.
        group: of entry points.
        arguments: the positional arguments of a part.
        registry: the package's own entries.
        base: the class that parts derive from; None where they are functions, or classes that are called alike.
    """

    what: str
    table: str
    group: str
    arguments: tuple[str, ...]
    registry: Mapping[str, Constructor]
    base: type | None = None


@dataclass(frozen=True)
class OwnPart:
    """An entry from outside of the package; its code is imported when it is loaded, not before.

    Args:
        load: returns the class or function.

    Raises:
        BadInput: from ``load``: the code fails, or is not a part of its kind.
    """

    kind: Kind
    origin: Origin
    load: Callable[[], Constructor]


Registry = Mapping[str, Constructor | OwnPart]

METHOD = Kind("method", "METHODS", "dann.methods", ("network",), METHODS, Method)
NETWORK = Kind("network", "NETWORKS", "dann.networks", ("input_shape", "num_classes"), NETWORKS)
DATA_SET = Kind("data set", "DATASETS", "dann.datasets", (), DOMAINS)
TRANSFORM = Kind("transform", "TRANSFORMS", "dann.transforms", ("x", "generator"), {})
SCORED = ("train", "validation", "validation_y", "target")
VALIDATOR = Kind("validator", "VALIDATORS", "dann.validators", SCORED, {})
KINDS = (METHOD, NETWORK, DATA_SET, TRANSFORM, VALIDATOR)


@dataclass(frozen=True)
class Library:
    """All that a configuration may name: the package's entries, those of installed packages, and those of files.

    Args:
        files: under ``use``; they are executed when a name is looked up.
        in_memory: whether a network may be a module of a program, which has no name.
    """

    files: tuple[UseFile, ...] = ()
    in_memory: bool = False

    def entries(self, kind: Kind) -> Registry:
        """The entries of a kind by name.

        Raises:
            BadInput: a file fails or lists no parts, or has a name that is taken.
        """
        found: dict[str, Constructor | OwnPart] = {**kind.registry}
        if self.in_memory and kind is NETWORK:
            found[OWN_MODULE] = own_module
        for name, part in _installed(kind).items():
            found[name] = _refusing(name, kind, part) if name in found else part
        for file in self.files:
            for name, part in _listed(file, kind).items():
                if name in found:
                    raise BadInput(f"{file.path}: {kind.table}: {name} is the name of another {kind.what}: rename it")
                found[name] = part
        return found


def _refusing(name: str, kind: Kind, part: OwnPart) -> OwnPart:
    """An entry whose name this package has too: refused once it is asked for, as either might be meant."""

    def load() -> Constructor:
        raise BadInput(
            f"{part.origin.place}: {name} is also a {kind.what} of dann: rename its entry point, or uninstall it"
        )

    return OwnPart(kind, part.origin, load)


@cache  # planning asks once for each row
def _listed(file: UseFile, kind: Kind) -> dict[str, OwnPart]:
    """The parts that a file lists, checked."""
    module = execute(file)
    if not any(hasattr(module, each.table) for each in KINDS):
        tables = ", ".join(each.table for each in KINDS)
        raise BadInput(f"{file.path}: lists no parts: add one of {tables}, as in METHODS = {{'my_method': MyMethod}}")
    table = getattr(module, kind.table, {})
    if not isinstance(table, dict) or not all(isinstance(name, str) and name.isidentifier() for name in table):
        raise BadInput(f"{file.path}: {kind.table} should be a dict of names and parts, as in {{'my_name': my_part}}")
    checked = {name: _check(each, kind, f"{file.path}: {kind.table}: {name}") for name, each in table.items()}
    return {name: OwnPart(kind, file, partial(checked.__getitem__, name)) for name in checked}


@cache  # looking through all installed packages takes time
def _installed(kind: Kind) -> dict[str, OwnPart]:
    found: dict[str, OwnPart] = {}
    for entry in entry_points(group=kind.group):
        origin = Distribution(*(("unknown", "") if entry.dist is None else (entry.dist.name, entry.dist.version)))
        found[entry.name] = OwnPart(kind, origin, partial(_import, entry, kind, origin))
    return found


@cache
def _import(entry: EntryPoint, kind: Kind, origin: Distribution) -> Constructor:
    where = f"{origin.place}: entry point {entry.name} = {entry.value} of {kind.group}"
    try:
        constructor = entry.load()
    except (Exception, SystemExit) as error:
        raise_if_stopped(error)
        raise BadInput(f"{where}: {describe(error)}: correct the package, or uninstall it") from error
    return _check(constructor, kind, where)


def _check(constructor: Any, kind: Kind, where: str) -> Constructor:
    """``constructor``, if it is a part of the kind.

    Raises:
        BadInput: it is not, or an option has no type.
    """
    if kind.base is not None and not (isinstance(constructor, type) and issubclass(constructor, kind.base)):
        raise BadInput(f"{where} is no class derived from {kind.base.__name__}: derive it, or list the class itself")
    try:
        parameters = inspect.signature(constructor, eval_str=True).parameters.values()
    except Exception as error:  # of annotations written as text, any
        raise BadInput(f"{where} has no readable signature: {describe(error)}: list a class or function") from error
    options = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    if untyped := [each.name for each in options if each.annotation is each.empty]:
        raise BadInput(f"{where}: its option {untyped[0]} has no type: annotate it, as in {untyped[0]}: float = 1.0")
    try:
        inspect.signature(constructor).bind(*kind.arguments, **dict.fromkeys(each.name for each in options))
    except TypeError as error:
        taken = ", ".join((*kind.arguments, "*", "options"))
        raise BadInput(f"{where} should take ({taken}), options by keyword alone: change its arguments") from error
    return constructor  # type: ignore[no-any-return]


def explain(error: Exception, origin: Origin) -> str:
    """Where and how a part of one's own failed, for messages."""
    line = line_of(error, origin) if isinstance(origin, UseFile) else ""
    return f"{origin.place}{line}: {describe(error)}"
