"""Several runs at a time in processes of one thread each, against one after the other with all threads."""

from typing import Any

from launched import experiment, seconds
from report import Plan, Result, goal, goals, number, table
from rounds import ratio, spread
from tasks import TASKS

from dann.errors import BadInput
from dann.experiment import merged

SEEDS = 4
SHOWN = {
    "digits": "MNIST → MNIST-M, its network, 64 + 64",
    "small digits": "quickstart's digits, 64 + 64",
    "tiny digits": "digits of scikit-learn, 8 + 8",
}
ONE, TWO = "--jobs 1", "--jobs 2"


def measure(plan: Plan) -> Result:
    count, steps = plan.pick(3, 1), plan.pick(300, 2)
    tasks, jobs = plan.pick(("digits", "small digits"), ("tiny digits",)), plan.pick((1, 2), (1, 1))
    figures = {name: timed(name, plan, count, steps, jobs) for name in tasks}
    entries = [
        goal(f"{SHOWN[name]}: throughput of training, {TWO} over {ONE}", "≥", 1.7,
             at["training"]["median"] if "training" in at else None, at.get("not measured", ""))
        for name, at in figures.items()
    ]  # fmt: skip
    settings = {"rounds": count, "seeds": SEEDS, "steps": steps}
    return Result(
        "What parallel jobs gain", {"tasks": figures, "goals": entries}, settings, page(figures, entries, settings)
    )


def timed(name: str, plan: Plan, count: int, steps: int, jobs: tuple[int, int]) -> dict[str, Any]:
    """Both ways of one task in interleaved rounds; the throughput of two jobs over that of one."""
    base = merged(TASKS[name], {"train": {"steps": steps, "evaluate_every": steps}})
    content = experiment("Parallel jobs", base, plan.pick(SEEDS, 2))
    took: dict[str, list[dict[str, float]]] = {ONE: [], TWO: []}
    try:
        for _ in range(count):
            for label, workers in zip(took, jobs, strict=True):
                took[label].append(seconds(plan, content, workers))
    except BadInput as error:
        return {"not measured": str(error)}
    series = {
        label: {part: [each[part] for each in rounds] for part in ("start", "training", "whole")}
        for label, rounds in took.items()
    }
    return {
        "seconds": {label: {part: spread(values) for part, values in parts.items()} for label, parts in series.items()},
        **{part: ratio(series[ONE][part], series[TWO][part]) for part in ("training", "whole")},
    }


def page(figures: dict[str, Any], entries: list[dict[str, Any]], settings: dict[str, Any]) -> list[str]:
    rows = []
    for name, at in figures.items():
        if "not measured" in at:
            rows.append([SHOWN[name], f"not measured: {at['not measured']}", "", "", "", "", ""])
            continue
        for label, parts in at["seconds"].items():
            gains = [number(at[part]["median"]) if label == TWO else "1" for part in ("training", "whole")]
            rows.append([SHOWN[name], label, *(number(parts[part]["median"]) for part in ("start", "training")),
                         gains[0], number(parts["whole"]["median"]), gains[1]])  # fmt: skip
    columns = ["task", "way", "s until the first step", "s of training", "throughput", "s in all", "throughput"]
    return [
        *goals(entries),
        *table(columns, rows, texts=2),
        f"{settings['seeds']} seeds of {settings['steps']} steps. `{ONE}` trains one after the other with all threads, "
        f"`{TWO}` two at a time with one thread each. *Training* is from the first step of the first run to the "
        "last of the last, with an evaluation, a record and a checkpoint between two runs; *in all* is the process, as "
        f"`dann run` without table and figures. Medians over {settings['rounds']} rounds that time each way once, and "
        "of the ratios within rounds.",
        "",
    ]
