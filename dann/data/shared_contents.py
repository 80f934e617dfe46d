"""Domains whose training examples show the same things: a source and a target are given different ones by option."""

from collections.abc import Sequence
from dataclasses import replace

from dann.data.domain import Domain
from dann.errors import BadInput


def keep_apart(sources: Sequence[Domain], target: Domain) -> tuple[list[Domain], Domain]:
    """The domains with training examples of different things: even numbers in the sources, odd ones in the target.

    A source that is the target itself, of the row "train on target", keeps the target's, so that the row stays its
    upper bound.

    Raises:
        BadInput: no source shows what the target shows.
    """
    shown = target.contents
    others = [source for source in sources if source.name != target.name]
    alike = [source for source in others if source.contents and shown and source.contents.name == shown.name]
    if shown is None or (others and not alike):
        raise BadInput(
            f"data.disjoint: no source is known to show the same things as {target.name}, as mnist and mnist_m do: "
            "leave it out"
        )
    target = _take_parity(target, 1)
    apart = [_take_parity(source, 0) if any(source is each for each in alike) else source for source in sources]
    return [target if source.name == target.name else source for source in apart], target


def _take_parity(domain: Domain, parity: int) -> Domain:
    """The domain with the training examples that show things of even (0) or of odd (1) number."""
    assert domain.contents is not None
    return replace(domain, train=domain.train.take(domain.contents.numbers % 2 == parity), contents=None)
