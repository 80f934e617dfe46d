"""``dann rank``: which source, and which pretrained network, for a target; nothing is trained."""

import argparse

from dann.config.naming import printable


def rank(options: argparse.Namespace) -> int:
    from rich.console import Console

    from dann.config.candidates import group_candidates
    from dann.config.experiment import read_experiment
    from dann.diagnostics.candidate_scores import score_candidates
    from dann.reporting.candidate_table import candidate_tables
    from dann.reporting.table import FORMATS as WRITERS
    from dann.training.device import choose_device

    experiment = read_experiment(options.file, options.set)
    device = choose_device(options.device)
    with Console(stderr=True).status("") as status:
        scored = [score_candidates(group.candidates, options.examples, device, status.update)
                  for group in group_candidates(experiment, options.file)]  # fmt: skip
    tables = candidate_tables(scored)
    texts = [(f"{printable(table.title)}\n\n" if options.format == "md" else "") + WRITERS[options.format](table)
             for table in tables]  # fmt: skip
    print("[" + ",\n".join(texts) + "]" if options.format == "json" else "\n".join(texts))
    return 0
