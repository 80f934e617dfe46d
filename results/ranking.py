"""Rank the candidates of experiments that have results, and write how that agrees with what training gave.

``python results/ranking.py experiments/x.yaml`` ranks what ``dann rank`` ranks, puts the scores into ``ranking.json``,
and writes the page from it and from the committed records. Nothing is trained.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from committed import published_files, read_result
from measured_parts import Part, read_parts, write_parts
from ranking_page import COMMAND, PAGE, RECORD, render_ranking

from dann.config.candidates import group_candidates
from dann.config.experiment import read_experiment
from dann.config.origin import relative
from dann.diagnostics.candidate_scores import score_candidates
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.runner.finishing import describe_environment
from dann.training.device import choose_dtype

EXAMPLES = 1000  # of each domain, as dann rank has it


def rank_experiment(file: Path) -> Part:
    """The scores of all candidates of an experiment file, on the CPU."""
    device, scored = torch.device("cpu"), []
    for group in group_candidates(read_experiment(file), file):
        scored.append(score_candidates(group.candidates, EXAMPLES, device, lambda text: None))
    environment = describe_environment(device, choose_dtype("auto", device))
    kept = ("device", "threads", "precision", "torch", "commit")
    return {
        "examples": EXAMPLES,
        "targets": [[asdict(candidate) for candidate in candidates] for candidates in scored],
        "environment": {name: environment[name] for name in kept},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Rank experiments and write the page; returns the exit status: 0, or 2 for bad input."""
    parser = argparse.ArgumentParser(description="Rank the candidates of experiments, and write results/ranking.md.")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="experiment files that have results")
    options = parser.parse_args(arguments)
    try:
        for file in options.files:
            if file not in published_files():
                raise BadInput(f"{file}: no results to compare ranks with: make publish FILE={file}")
        new = {relative(file).as_posix(): rank_experiment(file) for file in options.files}
        ranked = read_parts(RECORD, COMMAND) | new
        page = render_ranking(ranked, read_result)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    write_parts(RECORD, ranked)
    write_whole(PAGE, page.encode())
    print(PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
