"""The table of ``dann rank``: sources and networks for one target, the first choice first. Imports no torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from dann.evaluation.candidate_order import LOGME, SCORES, ScoredCandidate, mean_ranks
from dann.reporting.table import Cell, Column, Columns, Table

NOTES = [
    "Rank: of the source by the A-distance among the sources in the same features, of the network by LogME among the",
    "networks on the same source, and their mean where both vary; LogME decides ties. LogME, LEEP and the H-score are",
    "of the labelled source: how well its features separate its own classes, larger is better. The A-distance is of",
    "unlabelled examples: how well a linear classifier distinguishes source and target, from 0 at chance to 2, smaller",
    "is better. No score reads a label of the target, so none sees whether its classes lie where the source's do.",
    "In brackets the seconds that a score took; features from the cache take none.",
]
MISSING = {
    "leep": "LEEP needs the last layer of a pretrained network.",
    "h_score": "The H-score is left out where there are no more examples than features: it is then the number of "
    "classes less 1 for any labels; the shrunk one is not.",
}


def candidate_tables(groups: Sequence[Sequence[ScoredCandidate]]) -> list[Table]:
    """A table for each target, with what the columns mean below the last."""
    tables = [_candidate_table(group) for group in groups]
    missing = [note for key, note in MISSING.items()
               if any(each.scores.get(key) is None for group in groups for each in group)]  # fmt: skip
    last = replace(tables[-1], notes=[*tables[-1].notes, *NOTES, *missing])
    return [*tables[:-1], last]


def _candidate_table(candidates: Sequence[ScoredCandidate]) -> Table:
    """The candidates for one target in order, with each score, its seconds, and those of the features."""
    ranks, names = mean_ranks(candidates), _name(candidates)
    order = sorted(range(len(candidates)), key=lambda i: (ranks[i], -(candidates[i].scores[LOGME] or 0.0)))
    columns: Columns = {Column("rank", "rank", "rank"): {names[i]: Cell(f"{ranks[i]:g}", ranks[i]) for i in order}}
    for key, title in SCORES.items():
        if any(each.scores.get(key) is not None for each in candidates):
            column = Column(key, title, "transferability")
            columns[column] = {names[i]: _score_cell(candidates[i], key) for i in order}
    column = Column("features", "features, s", "seconds")
    columns[column] = {names[i]: Cell(_seconds(candidates[i].seconds["features"]), candidates[i].seconds["features"])
                       for i in order}  # fmt: skip
    target, sources = candidates[0].target, {each.source_key for each in candidates}
    title = f"Candidates for {target}" + (f", source {candidates[0].source}" if len(sources) == 1 else "")
    examples = ", ".join(dict.fromkeys(str(candidates[i].examples) for i in order))
    notes = [f"Labelled examples scored: {examples}."]
    facts = {"target": target, "candidates": {names[i]: _facts(candidates[i]) for i in order}}
    return Table.of_columns(title, [names[i] for i in order], columns, notes, "candidate", **facts)


def _name(candidates: Sequence[ScoredCandidate]) -> list[str]:
    """Names of rows: of the source and of the network, where these vary, and of the first row where both are shared."""
    several = [len({getattr(each, part) for each in candidates}) > 1 for part in ("source", "network")]
    chosen = several if any(several) else [True, True]
    names = [", ".join(text for text, is_shown in zip((each.source, each.network), chosen, strict=True) if is_shown)
             for each in candidates]  # fmt: skip
    count = Counter(names)
    rows = [", ".join(filter(None, each.rows[0])) for each in candidates]
    return [name if count[name] == 1 else f"{name} ({row})" for name, row in zip(names, rows, strict=True)]


def _score_cell(candidate: ScoredCandidate, key: str) -> Cell:
    if (score := candidate.scores.get(key)) is None:
        return Cell()
    seconds = candidate.seconds[key]
    return Cell(f"{score:.3f} ({_seconds(seconds)})".replace("-", "−"), {"score": score, "seconds": seconds})


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"


def _facts(candidate: ScoredCandidate) -> dict[str, object]:
    return {"source": candidate.source, "network": candidate.network, "rows": candidate.rows,
            "labelled_examples": candidate.examples}  # fmt: skip
