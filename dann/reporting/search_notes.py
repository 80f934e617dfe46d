"""Notes on a search with seeds of its own: what it was, and how much it changes the order of rows. Imports no torch."""

from collections.abc import Mapping

from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES
from dann.evaluation.statistics import kendall
from dann.reporting.scores import Outcomes
from dann.reporting.tuned_columns import CANDIDATES, candidate_means, collapsed_rows, rank_rows
from dann.runner.search_choice import Candidate


def tuned_notes(ours: Outcomes, metric: str) -> list[str]:
    """What the reader of the table must know of the search, and how much it changes the order of the rows."""
    search, label = ours.experiment.search, METRICS[metric].label
    if search is None:
        return []
    seeds = f"seed{'s' * (len(search.seeds) > 1)} {', '.join(map(str, search.seeds))}"
    first = METRICS[ours.experiment.metrics[0]].label
    equal = "as many for each row, baselines included" if isinstance(search.budget, int) else "a number for each row"
    notes = [
        f"Default: the row's own values. Tuned: of these and {search.budget_text} searched ones, {equal}, "
        f"the one with {RULES[search.rule].criterion}, after the last step of runs with {seeds}.",
        f"Of the searched ones {search.rung_text}; the last and the row's own values may be chosen."
        if search.rung_text
        else "",
        f"Oracle: the one with the best target {first} of the same runs, an upper bound that needs target labels."
        if ours.has_target_labels
        else "",
        "Each is trained anew with the seeds of this table, which chose nothing.",
    ]
    if missing := sum(choice.missing for choice in ours.choices.values()):
        rows = dict.fromkeys(variant for (_, variant), choice in ours.choices.items() if choice.missing)
        some = "1 run of the search is" if missing == 1 else f"{missing} runs of the search are"
        notes.append(f"{some} missing, so that nothing is chosen for {', '.join(rows)}.")
    if failed := sum(len(choice.failed) for choice in ours.choices.values()):
        notes.append(f"{failed} setting{'s' * (failed > 1)} had a failed run in the search and cannot be chosen.")
    if lost := collapsed_rows(ours):
        notes.append(f"Collapsed: the source accuracy is below half of the best row's; {', '.join(lost)}.")
    notes = list(filter(None, notes))
    return [*notes, *order_notes(ours, metric, label)] if ours.has_target_labels else notes


def order_notes(ours: Outcomes, metric: str, label: str) -> list[str]:
    """How much the order of the rows changes from default to tuned and from tuned to the oracle's choice."""
    means = {candidate: candidate_means(ours, metric, candidate) for candidate in CANDIDATES}
    signed = {candidate: rank_rows(each, metric) for candidate, each in means.items()}
    texts = []
    pairs: tuple[tuple[Candidate, Candidate], ...] = (("default", "tuned"), ("tuned", "oracle"))
    for one, other in pairs:
        common = [variant for variant in signed[one] if variant in signed[other]]
        tau = kendall([signed[one][v] for v in common], [signed[other][v] for v in common])
        if tau is not None:
            texts.append(f"{f'{tau:.2f}'.replace('-', '−')} between {one} and {other} ({len(common)} rows)")
    notes = [f"Order of the rows by {label}, Kendall's τ-b: {', '.join(texts)}."] if texts else []
    best = {candidate: [v for v, place in each.items() if place == min(each.values())]
            for candidate, each in signed.items() if each}  # fmt: skip
    if best:
        words = "; ".join(f"{candidate}: {' and '.join(rows)}" for candidate, rows in best.items())
        notes.append(f"Best row by {label}: {words}.")
    changed, compared = _changed_sides(ours, signed["default"], signed["tuned"])
    if compared:
        names = f": {', '.join(changed)}" if changed else ""
        notes.append(f"{len(changed)} of {compared} rows change the side of source only when tuned{names}.")
    return notes


def _changed_sides(ours: Outcomes, default: Mapping[str, float], tuned: Mapping[str, float]) -> tuple[list[str], int]:
    """The rows above their source-only row by one of two rankings alone, and the number of rows compared."""
    baselines = {v: ours.experiment.find_source_only_baseline(v) for v in default if v in tuned}
    pairs = {v: base for v, base in baselines.items() if base is not None and base in default and base in tuned}
    return [v for v, base in pairs.items() if (default[v] < default[base]) != (tuned[v] < tuned[base])], len(pairs)
