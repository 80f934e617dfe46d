"""One input shape for the domains of a pair."""

from collections.abc import Sequence
from dataclasses import replace

from dann.data.domain import Domain
from dann.data.store import RgbStore
from dann.errors import BadInput
from dann.options import name_some

NAMED = 4  # columns that a message names


def share_shape(domains: list[Domain]) -> list[Domain]:
    """Bring domains to one input shape: grey images are shown as RGB beside colour images.

    Raises:
        BadInput: the shapes differ otherwise.
    """
    _check_columns(domains)
    colour = any(len(domain.input_shape) == 3 and domain.input_shape[0] == 3 for domain in domains)
    domains = [_show_as_rgb(domain) if colour else domain for domain in domains]
    first = domains[0]
    for other in domains[1:]:
        if other.input_shape != first.input_shape:
            raise BadInput(
                f"data: an example of {first.name} has shape {first.input_shape} and of {other.name} "
                f"{other.input_shape}: choose domains of one shape, or {_option(first)} for all where they have it"
            )
    return domains


def _check_columns(domains: list[Domain]) -> None:
    """Raise if the features of two domains have other names, or the same in another order."""
    named = [domain for domain in domains if domain.columns]
    for other in named[1:]:
        if other.columns != named[0].columns:
            raise BadInput(f"data: {describe_columns(named[0].name, named[0].columns, other.name, other.columns)}")


def describe_columns(name: str, columns: Sequence[str], other: str, others: Sequence[str]) -> str:
    """How the columns of two tables differ, and the remedy."""
    for one, two, there, here in ((columns, others, name, other), (others, columns, other, name)):
        if lacking := [column for column in one if column not in set(two)]:
            return (
                f"{here} has no column {name_some(lacking, NAMED)}, but {there} has: name them alike, or set "
                "columns to those of both"
            )
    return f"the columns of {other} are those of {name} in another order: set columns for both, in one order"


def _option(domain: Domain) -> str:
    """The options that give domains one shape: of images, or of series."""
    return "one `channels` and one `window` or `length`" if len(domain.input_shape) == 2 else "one `size`"


def _show_as_rgb(domain: Domain) -> Domain:
    if len(domain.input_shape) != 3 or domain.input_shape[0] != 1:
        return domain
    train = replace(domain.train, store=RgbStore(domain.train.store))
    test = None if domain.test is None else replace(domain.test, store=RgbStore(domain.test.store))
    return replace(domain, train=train, test=test)
