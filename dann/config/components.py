"""Components: named entries of a registry with the options of an experiment file.

The keyword-only arguments of a component (a data set, network, optimiser or method) are the schema of its YAML.
"""

import inspect
import keyword
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

from pydantic import create_model

from dann.config.plug_ins import Origin, OwnPart, Registry, explain
from dann.config.use_files import describe
from dann.errors import BadInput, raise_if_stopped
from dann.options import Section, look_up, shown, suggest, validate


class Component(Section):
    """A named entry of a registry with its options.

    Attributes:
        constructor: the entry, a class or function.
        origin: where it comes from, if not from this package.
    """

    constructor: ClassVar[Callable[..., Any]]
    origin: ClassVar[Origin | None] = None

    name: str

    def build(self, *arguments: Any) -> Any:
        """Call the entry on ``arguments`` with the options.

        Raises:
            BadInput: the entry rejects an argument or an option, or one that is not of this package fails.
        """
        try:
            # An option that is a section is passed as such, not as the dictionary of its fields.
            options = {_argument(option): getattr(self, option) for option in self.options()}
            return type(self).constructor(*arguments, **options)
        except (ValueError, RuntimeError) as error:
            raise_if_stopped(error)
            raise BadInput(f"{self.place}: {' '.join(str(error).split())} (options: {self.options()})") from error
        except Exception as error:
            if self.origin is None or isinstance(error, BadInput | OSError | MemoryError):
                raise
            raise BadInput(f"{explain(error, self.origin)}: correct {self.name}") from error

    @property
    def place(self) -> str:
        """Its name, behind the file or package that it comes from if it is not of this one, for messages."""
        return self.name if self.origin is None else f"{self.origin.place}: {self.name}"

    def options(self) -> dict[str, Any]:
        """The keyword arguments of the entry."""
        return self.model_dump(exclude={"name"})


def read_component(
    entry: Any, path: str, registry: Registry, what: str, where: str, base: type[Component] = Component
) -> Component:
    """Validate a mapping of a name and options as a component.

    Args:
        path: the dotted path of ``entry``, for messages.
        what: the kind of component, for messages.
        where: the file, for messages.
        base: the model with the options that all components of the registry share.

    Raises:
        BadInput: the name is unknown, or an option is unknown or invalid.
    """
    mapping = check_mapping(entry, path, where)
    if "name" not in mapping:  # a mapping in a variant takes the place of a word in the base
        known = suggest("", registry)
        raise BadInput(
            f"{where}: {path}.name is missing: add it, also where options replace a word such as moons{known}"
        )
    name = mapping["name"]
    found = look_up(registry, name, what, f"{where}: {path}.name")
    if isinstance(found, OwnPart):
        model = options_model(str(name), found.load(), base, found.origin)
    else:
        model = options_model(str(name), found, base)
    return validate(model, entry, where, path)


def check_mapping(value: Any, path: str, where: str) -> Mapping[str, Any]:
    """``value`` if it is a mapping, which components and transforms must be."""
    if not isinstance(value, Mapping):
        raise BadInput(
            f"{where}: {path} should be a mapping{'' if 'transform' in path else ' with a name'}, not {shown(value)}"
        )
    return value


def option_of(argument: str) -> str:
    """The name in experiment files of a keyword argument: ``from`` of ``from_``, as Python reserves some words."""
    return bare if keyword.iskeyword(bare := argument.removesuffix("_")) else argument


def _argument(option: str) -> str:
    """The inverse of ``option_of``."""
    return f"{option}_" if keyword.iskeyword(option) else option


@cache  # so that sections of the same content are equal, and the runs that share data load them once
def options_model(
    name: str, component: Callable[..., Any], base: type[Component], origin: Origin | None = None
) -> type[Component]:
    """``base`` with a field for each keyword-only argument of ``component``: the schema of its options.

    Raises:
        BadInput: a component of another ``origin`` than this package has options that cannot be read from YAML.
    """
    fields: dict[str, Any] = {
        option_of(parameter.name): (
            parameter.annotation,
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for parameter in inspect.signature(component, eval_str=True).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    if origin is not None and (taken := [each for each in fields if hasattr(base, each) or each in base.model_fields]):
        raise BadInput(f"{origin.place}: {name}: its option {taken[0]} has a name of dann's own: rename it")
    try:
        model = create_model(name, __base__=base, **fields)
    except Exception as error:
        if origin is None:
            raise
        raise BadInput(
            f"{origin.place}: {name}: its options cannot be read ({describe(error)}): change types"
        ) from error
    model.constructor, model.origin = component, origin
    return model
