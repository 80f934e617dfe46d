"""Parallel jobs: several runs at a time in processes of one thread each, against one after the other."""

from typing import Any

from contest import ratio, spread
from report import Plan, Result, goal, goals, number, table
from tasks import TASKS
from timed_launch import experiment, seconds

from dann.config.merging import merge
from dann.errors import BadInput

SEEDS = 4
SHOWN = {
    "digits": "MNIST → MNIST-M, its network, 64 + 64",
    "moons": "moons' MLP, 64 + 64",
    "tiny digits": "digits of scikit-learn, 8 + 8",
}
STEPS = {"digits": 200, "moons": 2000, "tiny digits": 2}
ONE, BARE, TWO = "--jobs 1", "--jobs 1, one thread", "--jobs 2"


def measure(plan: Plan) -> Result:
    count = plan.pick(3, 1)
    tasks, jobs = plan.pick(("digits", "moons"), ("tiny digits",)), plan.pick((1, 1, 2), (1, 1, 1))
    figures = {name: timed(name, plan, count, jobs) for name in tasks}
    entries = [
        goal(f"{SHOWN[name]}: throughput of training, {TWO} over {ONE}", "≥", 1.7,
             at["training"][TWO]["median"] if "training" in at else None, at.get("not measured", ""))
        for name, at in figures.items()
    ]  # fmt: skip
    settings = {"rounds": count, "seeds": SEEDS, "steps": {name: STEPS[name] for name in tasks}}
    return Result(
        "What parallel jobs gain", {"tasks": figures, "goals": entries}, settings, page(figures, entries, settings)
    )


def timed(name: str, plan: Plan, count: int, jobs: tuple[int, ...]) -> dict[str, Any]:
    """Times of one task in interleaved rounds, and throughput relative to one job with all threads."""
    base = merge(TASKS[name], {"train": {"steps": STEPS[name], "evaluate_every": STEPS[name]}})
    content = experiment("Parallel jobs", base, plan.pick(SEEDS, 2))
    took: dict[str, list[dict[str, float]]] = {ONE: [], BARE: [], TWO: []}
    try:
        for _ in range(count):
            for (label, rounds), workers in zip(took.items(), jobs, strict=True):
                rounds.append(seconds(plan, content, workers, threads=1 if label == BARE else None))
    except BadInput as error:
        return {"not measured": str(error)}
    series = {
        label: {part: [each[part] for each in rounds] for part in ("start", "training", "whole")}
        for label, rounds in took.items()
    }
    return {
        "seconds": {label: {part: spread(values) for part, values in parts.items()} for label, parts in series.items()},
        **{part: {label: ratio(series[ONE][part], series[label][part]) for label in series}
           for part in ("training", "whole")},
    }  # fmt: skip


def page(figures: dict[str, Any], entries: list[dict[str, Any]], settings: dict[str, Any]) -> list[str]:
    rows, steps = [], " and ".join(map(str, settings["steps"].values()))
    for name, at in figures.items():
        if "not measured" in at:
            rows.append([SHOWN[name], f"not measured: {at['not measured']}", "", "", "", "", ""])
            continue
        for label, parts in at["seconds"].items():
            gains = [number(at[part][label]["median"]) for part in ("training", "whole")]
            rows.append([SHOWN[name], label, *(number(parts[part]["median"]) for part in ("start", "training")),
                         gains[0], number(parts["whole"]["median"]), gains[1]])  # fmt: skip
    columns = ["task", "way", "s until the first step", "s of training", "throughput", "s in all", "throughput"]
    return [
        *goals(entries),
        *table(columns, rows, texts=2),
        f"{settings['seeds']} seeds of {steps} steps. `{ONE}` trains one after the other with all threads, or with "
        f"one, and `{TWO}` two at a time with one thread each. *Training* is from the first step of the first run to "
        "the last of the last, with an evaluation, a record and a checkpoint between two runs; *in all* is the "
        "process, as `dann run` without table and figures. Medians over "
        f"{settings['rounds']} rounds that time each way once, and of the ratios within rounds.",
        "",
    ]
