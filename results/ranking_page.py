"""The page on ranks without training: how ``dann rank`` agrees with what training gave. Imports no torch."""

from typing import Any

from committed import Reader
from measured_parts import Part

from dann.config.origin import EXPERIMENTS
from dann.evaluation.candidate_order import ScoredCandidate
from dann.reporting.locations import RESULTS
from dann.reporting.rank_agreement import agreement_table

RECORD, PAGE, COMMAND = RESULTS / "ranking.json", RESULTS / "ranking.md", "make rank"
INTRODUCTION = """\
# Ranks without training

`dann rank` orders the sources and networks of an experiment file by scores that need no training and no target label
([how](../dann/networks/README.md#which-network-which-source)). Here its order is compared with the accuracies of
runs that were made already. These experiments have several sources for each target but one network: they test the
order of sources, not that of networks. `make rank FILE=experiments/x.yaml` ranks the candidates of an experiment
that has results."""


def render_ranking(ranked: dict[str, Part], read: Reader) -> str:
    """The page: a table for each experiment.

    Args:
        ranked: scores of the candidates by target, and how they were measured, by the experiment's path below
            ``experiments/``.
    """
    sections = [_section(name, part, read) for name, part in sorted(ranked.items())]
    return "\n\n".join([INTRODUCTION, *sections]) + "\n"


def _section(name: str, part: Part, read: Reader) -> str:
    result = read(EXPERIMENTS / f"{name}.yaml")
    targets = [[_candidate(each) for each in candidates] for candidates in part["targets"]]
    table = agreement_table(result.experiment, result.records, targets).markdown().strip()
    seconds = [sum(each["seconds"].values()) for candidates in part["targets"] for each in candidates]
    made = part["environment"]
    how = (f"Scores of at most {part['examples']} examples of each domain: {sum(seconds):.0f} s for "
           f"{len(seconds)} candidates; {made['device']}, {made['threads']} thread(s), {made['precision']}, "
           f"torch {made['torch']}, commit {made['commit'] or 'unknown'}.")  # fmt: skip
    return f"## [{result.experiment.title}]({name}.md)\n\n{table} {how}"


def _candidate(content: dict[str, Any]) -> ScoredCandidate:
    rows = [(task, variant) for task, variant in content["rows"]]
    return ScoredCandidate(**{**content, "rows": rows})
