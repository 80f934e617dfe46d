"""The page on reliability: faults that were provoked, and how often the outcome was not the expected one."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.reporting.locations import RESULTS

RECORD, PAGE = RESULTS / "reliability.json", RESULTS / "reliability.md"
INTRODUCTION = """\
# Reliability

Faults were provoked many times, at moments and places drawn from a seed, and each outcome was compared with the
expected one. `make faults` repeats all measurements, `make faults PARTS="fuzz"` one part, and both write this page; a
small sample of each part is among the ordinary tests, under `tests/faults/`."""
Part = dict[str, Any]  # outcomes of one kind of fault, and how they were measured


def write_parts(parts: dict[str, Part], record: Path = RECORD, page: Path = PAGE) -> None:
    """Write parts into the record, beside those that it has, and the page from it."""
    content = (read_parts(record) if record.is_file() else {}) | parts
    write_whole(record, (json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode())
    write_whole(page, render_parts(content).encode())


def read_parts(record: Path = RECORD) -> dict[str, Part]:
    """The parts that were measured, by name.

    Raises:
        BadInput: the file is damaged.
    """
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        return {str(name): dict(part) for name, part in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{record}: not a record of reliability: restore it, or run make faults") from error


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
