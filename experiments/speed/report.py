"""Settings of a benchmark, and the JSON file and page of each of its parts."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

Choice = TypeVar("Choice")
NONE = "—"


def cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Plan:
    """Settings of a benchmark.

    Args:
        device: device that is measured, such as ``cpu`` or ``cuda``.
        out: folder of the pages and JSON files.
        peers: a Python with the peer libraries; None creates an environment for them.
        threads: threads of every timed process, unless its label states others.
        tiny: measure next to nothing, to test the benchmark itself.
    """

    device: str
    out: Path
    peers: str | None
    threads: int
    tiny: bool = False

    def pick(self, full: Choice, tiny: Choice) -> Choice:
        return tiny if self.tiny else full


@dataclass(frozen=True)
class Result:
    """The measurements of one part.

    Args:
        title: title of the page.
        figures: all measurements, for the JSON file.
        settings: rounds, steps and similar settings.
        lines: Markdown lines of the page below its title.
    """

    title: str
    figures: dict[str, Any]
    settings: dict[str, Any]
    lines: list[str]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> list[str]:
    """A Markdown table followed by an empty line; the first ``texts`` columns are text, the others numbers."""
    marks = ["---" if place < texts else "---:" for place in range(len(columns))]
    return [*("| " + " | ".join(row) + " |" for row in (columns, marks, *rows)), ""]


def number(value: float | None, digits: int = 3) -> str:
    """``value`` with at least ``digits`` significant digits and without an exponent."""
    if value is None:
        return NONE
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e" in text else text


def goal(what: str, sign: str, bound: float, measured: float | None, why: str = "") -> dict[str, Any]:
    """A goal and its measurement; without a measurement, ``why`` states the reason."""
    met = None if measured is None else measured >= bound if sign == "≥" else measured <= bound
    return {"what": what, "goal": f"{sign} {number(bound)}", "measured": measured, "met": met, "why": why}


def goals(entries: Sequence[dict[str, Any]]) -> list[str]:
    """The goals as a table; no lines without goals."""
    rows = []
    for entry in entries:
        unknown = entry["measured"] is None
        shown = f"not measured: {entry['why']}" if unknown else number(entry["measured"])
        rows.append([entry["what"], shown, entry["goal"], "" if unknown else "met" if entry["met"] else "missed"])
    return table(["what", "measured", "goal", "met"], rows) if rows else []


def no_gpu(plan: Plan) -> str:
    """The reason why nothing is measured on a GPU; "" if it is measured."""
    from dann.training.device import choose_device

    if choose_device(plan.device).type == "cuda":
        return ""
    return f"--device {plan.device}" if choose_device("auto").type == "cuda" else "no GPU at hand"


def write(part: str, plan: Plan, result: Result) -> None:
    """Write the part's JSON file and its page."""
    import torch

    from dann.files.atomic_files import write_whole
    from dann.runner.finishing import describe_environment
    from dann.training.device import choose_device, choose_dtype

    device = choose_device(plan.device)
    made = describe_environment(device, choose_dtype("auto", device)) | {"threads": plan.threads}
    content = {"figures": result.figures, "settings": result.settings, "environment": made}
    page = [
        f"# {result.title}",
        "",
        f"`make bench PARTS={part}` makes this page.",
        "",
        *result.lines,
        f"{made['device']}, {made['threads']} threads unless it says otherwise, {made['precision']}, "
        f"torch {torch.__version__.partition('+')[0]}, commit {made['commit']}.",
    ]
    plan.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_whole(plan.out / f"{part}.json", (text + "\n").encode())
    write_whole(plan.out / f"{part}.md", ("\n".join(page) + "\n").encode())
    print("\n".join(page), flush=True)
