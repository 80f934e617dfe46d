"""One input shape for the domains of a pair."""

from dataclasses import replace

from dann.data.domain import Domain
from dann.data.store import RgbStore
from dann.errors import BadInput


def share_shape(domains: list[Domain]) -> list[Domain]:
    """Bring domains to one input shape: grey images are shown as RGB beside colour images.

    Raises:
        BadInput: the shapes differ otherwise.
    """
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


def _option(domain: Domain) -> str:
    """The options that give domains one shape: of images, or of series."""
    return "one `channels` and one `window` or `length`" if len(domain.input_shape) == 2 else "one `size`"


def _show_as_rgb(domain: Domain) -> Domain:
    if len(domain.input_shape) != 3 or domain.input_shape[0] != 1:
        return domain
    train = replace(domain.train, store=RgbStore(domain.train.store))
    test = None if domain.test is None else replace(domain.test, store=RgbStore(domain.test.store))
    return replace(domain, train=train, test=test)
