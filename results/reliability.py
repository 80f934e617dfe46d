"""The page on reliability: faults that were provoked, and how often the outcome was not the expected one."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from measured_parts import Part, read_parts, write_parts

from dann.files.atomic_files import write_whole
from dann.reporting.locations import RESULTS

RECORD, PAGE, COMMAND = RESULTS / "reliability.json", RESULTS / "reliability.md", "make faults"
INTRODUCTION = """\
# Reliability

Faults were provoked many times, at moments and places drawn from a seed, and each outcome was compared with the
expected one. `make faults` repeats all measurements, `make faults PARTS="fuzz"` one part, and both write this page; a
small sample of each part is among the ordinary tests, under `tests/faults/`."""


def write_reliability(parts: dict[str, Part], record: Path = RECORD, page: Path = PAGE) -> None:
    """Write parts into the record, beside those that it has, and the page from it."""
    content = read_parts(record, COMMAND) | parts
    write_parts(record, content)
    write_whole(page, render_parts(content).encode())


def part_of(outcomes: list[Any], **how: Any) -> Part:
    """Outcomes of one kind of fault with how they were measured: seed, seconds, date, commit, versions, processor."""
    return {"outcomes": [asdict(outcome) for outcome in outcomes], **how}


def render_parts(parts: dict[str, Part]) -> str:
    """The page: for each part a table of its outcomes, and what it was measured on."""
    return "\n\n".join([INTRODUCTION, *(_section(name, part) for name, part in sorted(parts.items()))]) + "\n"


def _section(name: str, part: Part) -> str:
    head = ["| fault | expected outcome | cases | failures | |", "| --- | --- | ---: | ---: | --- |"]
    rows = [_row([row["what"], row["right"], row["cases"], row["wrong"], row["detail"]]) for row in part["outcomes"]]
    total, wrong = (sum(row[key] for row in part["outcomes"]) for key in ("cases", "wrong"))
    versions = ", ".join(f"{package} {version}" for package, version in sorted(part["versions"].items()))
    how = (f"{total} cases, {wrong} failures; seed {part['seed']}, {part['seconds'] / 60:.0f} minutes on a "
           f"{part['processor']}, {part['date']}, commit {part['commit']}, {versions}.")  # fmt: skip
    return "\n".join([f"## {name.capitalize()}", "", *head, *rows, "", how])


def _row(cells: list[Any]) -> str:
    return "| " + " | ".join(str(cell).replace("|", r"\|") for cell in cells) + " |"
