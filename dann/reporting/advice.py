"""The parts of the report of ``dann recommend``, for the terminal and for its page. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Statement:
    """A sentence of the report.

    Args:
        page: the page of results that it rests on, a path in the repository; empty where it rests on these data or on
            a definition alone.
    """

    text: str
    page: str = ""


@dataclass(frozen=True)
class Listing:
    """A small table of text: headings, and lines of as many cells."""

    heads: list[str]
    lines: list[list[str]]

    def cut(self, most: int) -> "Listing":
        """The first ``most`` lines, and one that counts the others."""
        more = [[f"and {len(self.lines) - most} more", *[""] * (len(self.heads) - 1)]]
        return Listing(self.heads, [*self.lines[:most], *(more if len(self.lines) > most else [])])


@dataclass(frozen=True)
class Part:
    """A part of the report.

    Args:
        limits: what its statements do not say.
    """

    title: str
    statements: list[Statement]
    listing: Listing | None = None
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Advice:
    """The whole report.

    Args:
        title: the source and the target.
        summary: the report in a line.
        parts: in the order of reading.
        file: the content of the experiment file to run next.
        repeat: the command that makes the same report again.
    """

    title: str
    summary: str
    parts: list[Part]
    file: str
    repeat: str
