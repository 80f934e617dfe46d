"""Values of the command line: what a user may write, and what is made of it."""

import argparse

LEAST = 10  # examples that dann rank and dann recommend measure on
MOST_MINUTES = 10_000  # of a pilot: a week


def read_kind(text: str) -> str:
    """A kind as a user may write it: ``optimizer`` and plurals are understood."""
    return text.lower().replace("optimizer", "optimiser").removesuffix("s")


def read_seeds(text: str) -> list[int]:
    """Different whole numbers from 0 on, separated by commas."""
    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = [-1]
    if min(seeds) < 0 or max(seeds) >= 2**63 or len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError("write different whole numbers, as in 0,1")
    return seeds


def read_examples(text: str) -> int:
    """A number of examples that is large enough to measure on."""
    if (count := read_count(text)) < LEAST:
        raise argparse.ArgumentTypeError(f"write at least {LEAST}: fewer examples give chance results")
    return count


def read_minutes(text: str) -> float:
    """A number of minutes above 0."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"write a number of minutes above 0, at most {MOST_MINUTES}")
    return minutes


def read_port(text: str) -> int:
    """The number of a port."""
    if not (text.isdecimal() and len(text) <= 5 and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError("write a whole number from 0 to 65535")
    return int(text)


def read_count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError("write a whole number from 1 on")
    return int(text)
