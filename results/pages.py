"""Write the Markdown pages of results/, and the tables between markers in other pages, from the committed records.

``python results/pages.py`` writes those that differ; with ``--check`` it names them instead and fails. Neither makes
runs or figures. ``results/marker_tables.py`` describes the markers.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path

from committed import Reader, experiment_copy, published_files, read_result
from guard_page import FIGURE as GUARD_FIGURE
from guard_page import PAGE as GUARD_PAGE
from guard_page import render_guard
from marker_tables import fill_markers, pages_with_markers
from measured_parts import read_parts
from paper_page import PAGE as PAPER_PAGE
from paper_page import paper_files, render_paper
from ranking_page import COMMAND as RANKING
from ranking_page import PAGE as RANKING_PAGE
from ranking_page import RECORD as RANKING_RECORD
from ranking_page import render_ranking
from reliability import COMMAND, PAGE, RECORD, render_parts
from versions import CONSTRAINTS, constraints

from dann.config.experiment import EXPERIMENT
from dann.config.origin import EXPERIMENTS, relative
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.reporting.locations import RESULTS
from dann.runner.search_choice import planned_runs


def render_all(read: Reader) -> dict[Path, bytes]:
    """What every page, every copy of an experiment file in results/, and constraints.txt should hold."""
    contents: dict[Path, bytes] = {}
    for file in published_files():
        result, copy = read(file), RESULTS / relative(file) / EXPERIMENT
        contents[result.page] = result.render().encode()
        kept = copy.read_bytes() if copy.is_file() else b""  # its mark may be of an earlier version
        contents[copy] = kept if kept.startswith(file.read_bytes()) else experiment_copy(file)
    if RECORD.is_file():
        contents[PAGE] = render_parts(read_parts(RECORD, COMMAND)).encode()
    if RANKING_RECORD.is_file():
        contents[RANKING_PAGE] = render_ranking(read_parts(RANKING_RECORD, RANKING), read).encode()
    if GUARD_FIGURE.is_file():
        contents[GUARD_PAGE] = render_guard(read).encode()
    if paper_files():
        contents[PAPER_PAGE] = render_paper(read).encode()
    for page, text in pages_with_markers():
        contents.setdefault(page, fill_markers(text, page, read).encode())
    if CONSTRAINTS.is_file():
        records = chain.from_iterable(read(file).records for file in published_files())
        contents[CONSTRAINTS] = constraints(records).encode()
    return contents


def outdated(read: Reader) -> dict[Path, bytes]:
    """What the pages and copies should hold that hold something else."""
    return {path: content for path, content in render_all(read).items()
            if not path.is_file() or path.read_bytes() != content}  # fmt: skip


def check() -> list[str]:
    """A line for each disagreement of results/ and other pages with the records; empty if all agree."""
    read = cache(read_result)
    lines = [f"{path}: differs from its experiment file or records: make pages" for path in outdated(read)]
    for file in published_files():
        planned = {(run.row, run.seed) for run in planned_runs(read(file).experiment, read(file).records)}
        recorded = {(record.run.row, record.seed) for record in read(file).records}
        if recorded != planned:
            lines.append(f"{RESULTS / relative(file)}: not the runs that {file} plans: make publish FILE={file}")
    for folder in (path.parent for path in sorted(RESULTS.rglob(EXPERIMENT))):
        file = (EXPERIMENTS / folder.relative_to(RESULTS)).with_suffix(".yaml")
        if not file.is_file():
            lines.append(f"{folder}: {file} does not exist: restore it, or remove the folder and its page")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check all pages; returns the exit status: 0, 1 for a difference, 2 for bad input."""
    parser = argparse.ArgumentParser(description="Write the pages of results/ and all tables between markers.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page differs")
    options = parser.parse_args(arguments)
    try:
        lines = check() if options.check else []
        written = {} if options.check else outdated(cache(read_result))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    for path, content in written.items():
        write_whole(path, content)
    print(*(lines or written or [f"{len(published_files())} results agree with their records"]), sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
