"""The table of ``dann rank``: sources and networks for one target, the first choice first. Imports no torch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from dann.evaluation.candidate_order import INPUTS, LOGME, SCORES, ScoredCandidate, mean_ranks
from dann.reporting.table import Cell, Column, Columns, Table

NOTES = [
    "Rank: of the source by the A-distance among the sources in the same features, of the network by LogME among the",
    "networks on the same source, and their mean where both vary; LogME decides ties. LogME, LEEP and the H-score are",
    "of the labelled source: how well its features separate its own classes, larger is better. The A-distance is of",
    "unlabelled examples: how well a linear classifier distinguishes source and target, from 0 at chance to 2, smaller",
    "is better. No score reads a label of the target, so none sees whether its classes lie where the source's do.",
    "In brackets the seconds that a score took; features from the cache take none.",
]
PLAIN = "A network that is not pretrained has no features yet: its inputs are scored."
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
    plain = [PLAIN] if any(each.network == INPUTS for group in groups for each in group) else []
    last = replace(tables[-1], notes=[*tables[-1].notes, *NOTES, *plain, *missing])
    return [*tables[:-1], last]


def order_candidates(candidates: Sequence[ScoredCandidate]) -> list[tuple[ScoredCandidate, float]]:
    """Candidates for one target from the best on, each with its rank; LogME decides ties."""
    ranked = zip(candidates, mean_ranks(candidates), strict=True)
    return sorted(ranked, key=lambda each: (each[1], -(each[0].scores[LOGME] or 0.0)))


def _candidate_table(candidates: Sequence[ScoredCandidate]) -> Table:
    """The candidates for one target in order, with each score, its seconds, and those of the features."""
    ordered = order_candidates(candidates)
    named = dict(zip(_name([each for each, _ in ordered]), ordered, strict=True))
    columns: Columns = {
        Column("rank", "rank", "rank"): {name: Cell(f"{rank:g}", rank) for name, (_, rank) in named.items()}
    }
    for key, title in SCORES.items():
        if any(each.scores.get(key) is not None for each in candidates):
            cells = {name: _score_cell(each, key) for name, (each, _) in named.items()}
            columns[Column(key, title, "transferability")] = cells
    cells = {name: Cell(_format_seconds(each.seconds["features"]), each.seconds["features"])
             for name, (each, _) in named.items()}  # fmt: skip
    columns[Column("features", "features, s", "seconds")] = cells
    first = ordered[0][0]
    one_source = len({each.source_key for each in candidates}) == 1
    title = f"Candidates for {first.target}" + (f", source {first.source}" if one_source else "")
    examples = ", ".join(dict.fromkeys(str(each.examples) for each, _ in ordered))
    notes = [f"Labelled examples scored: {examples}."]
    facts = {"target": first.target, "candidates": {name: _facts(each) for name, (each, _) in named.items()}}
    return Table.of_columns(title, named, columns, notes, "candidate", **facts)


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
    seconds = candidate.seconds["h_score" if key == "h_score_shrunk" else key]  # one computation gives both
    return Cell(f"{score:.3f} ({_format_seconds(seconds)})".replace("-", "−"), {"score": score, "seconds": seconds})


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"


def _facts(candidate: ScoredCandidate) -> dict[str, object]:
    return {"source": candidate.source, "network": candidate.network, "rows": candidate.rows,
            "labelled_examples": candidate.examples}  # fmt: skip
