"""Growth of the cost with batch size, examples, classes, seeds, steps, and the frequency of evaluation."""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from contest import PAUSE, ratio, spread, start_contest
from report import Plan, Result, number, table
from tasks import MLP, MNIST, TASKS, task
from timed_launch import experiment, seconds

from dann.config.merging import merge
from dann.errors import BadInput

OURS = Path(__file__).with_name("dann_contestant.py")
BATCHES, EXAMPLES = (16, 32, 64, 128, 256), (1_000, 4_000, 16_000, 60_000)
VECTORS, CLASSES = (500, 2_000, 8_000), (2, 10, 100, 345)
PER_CLASS, WIDTH, WORDS = 40, 5_000, 0.02  # images per class of 345; width of vectors, share of non-zeros
PLACES, FREQUENCIES, SEEDS = (100, 1_000, 5_000), (50, 100, 200, 500, 1_000), (1, 2, 4)
AXES = {
    "batch size": "MNIST → MNIST-M, examples of each domain in a batch",
    "examples": "images 3×28×28 in memory, of each domain",
    "examples, vectors": "vectors of 5000 values, 2 % not zero, of each domain",
    "classes": f"{PER_CLASS * CLASSES[-1]} images 3×28×28 in memory of each domain",
    "steps": "MNIST → MNIST-M, steps done before",
}
Configs = dict[int, dict[str, Any]]


def measure(plan: Plan) -> Result:
    count, steps = plan.pick((5, 20), (1, 1))
    figures: dict[str, Any] = {}
    for axis in plan.pick(tuple(AXES), ("batch size", "steps")):
        with tempfile.TemporaryDirectory() as folder:
            try:
                figures[axis] = timed(axis, configs(axis, plan, Path(folder)), plan, count, steps)
            except BadInput as error:
                figures[axis] = {"points": {}, "not measured": {axis: str(error)}}
    frequencies = evaluations(plan, count)
    runs = seeds(plan)
    content = {"axes": figures, "evaluation": frequencies, "seeds": runs}
    settings = {"rounds": count, "steps": steps, "seeds": {"rounds": 1, "steps": plan.pick(200, 2)}}
    return Result("How the cost grows", content, settings, page(figures, frequencies, runs, plan))


def digits(plan: Plan) -> str:
    return plan.pick("digits", "tiny digits")


def configs(axis: str, plan: Plan, folder: Path) -> Configs:
    """The configuration at each point of an axis."""
    base = TASKS[digits(plan)]
    if axis == "batch size":
        return {size: merge(base, {"data": {"batch_size": size}}) for size in plan.pick(BATCHES, (4,))}
    if axis == "steps":
        return dict.fromkeys(plan.pick(PLACES, (2,)), base)
    if axis == "classes":
        return {count: synthetic(folder, PER_CLASS * CLASSES[-1], count) for count in CLASSES}
    vectors = axis == "examples, vectors"
    return {
        count: synthetic(folder, count, 2 if vectors else 10, vectors) for count in (VECTORS if vectors else EXAMPLES)
    }


def synthetic(folder: Path, examples: int, classes: int, vectors: bool = False) -> dict[str, Any]:
    """A task on random examples in files, which dann reads into memory."""
    sides = []
    for side in ("source", "target"):
        draw = np.random.default_rng(len(side) + examples)
        shape = (examples, WIDTH) if vectors else (examples, 3, 28, 28)
        x = draw.random(shape, np.float32) if vectors else draw.integers(0, 256, shape, np.uint8)
        if vectors:
            x[x > WORDS] = 0
        file = folder / f"{side}-{examples}-{classes}.npz"
        np.savez(file, x=x, y=np.arange(examples) % classes)
        sides.append({"name": "arrays", "path": str(file)})
    return task(*sides, MLP if vectors else MNIST)


def timed(axis: str, points: Configs, plan: Plan, count: int, steps: int) -> dict[str, Any]:
    """Time a step at each point of an axis, each in a process of its own, in interleaved rounds."""
    names = {str(point): point for point in points}
    commands = {name: [sys.executable, str(OURS), json.dumps(points[at]), plan.device] for name, at in names.items()}
    with start_contest(commands, plan.threads) as contest:
        for name, at in names.items():  # warm-up; on the axis of steps, the steps done before
            contest.ask(name, f"run {at if axis == 'steps' else steps}")
        times = contest.rounds({name: (name, f"run {steps}") for name in names}, count, plan.pick(PAUSE, 0.0))
        peaks = {name: contest.peak(name) for name in times}
        lost = dict(contest.lost)
    base = next(iter(times.values()), [])
    found = {name: {"ms": spread(values, 1000 / steps), "over first": ratio(values, base), "peak_MiB": peaks[name]}
             for name, values in times.items()}  # fmt: skip
    return {"points": found, "not measured": lost}


def evaluations(plan: Plan, count: int) -> dict[str, Any]:
    """The cost of an evaluation with its checkpoint, and its share of the total time at each frequency."""
    steps, name = plan.pick(20, 1), digits(plan)
    with start_contest({"dann": [sys.executable, str(OURS), name, plan.device]}, plan.threads) as contest:
        asked = {"steps": ("dann", f"run {steps}"), "evaluation": ("dann", "checkpoint 1")}
        contest.rounds(asked, 1, 0.0)  # warms up
        times = contest.rounds(asked, count, plan.pick(PAUSE, 0.0))
        if contest.lost:
            return {"not measured": contest.lost["dann"]}
    cost = ratio(times["evaluation"], times["steps"], steps)
    shares = {str(every): cost["median"] / (cost["median"] + every) for every in FREQUENCIES}
    return {"evaluation_ms": spread(times["evaluation"], 1000), "in steps": cost, "shares": shares}


def seeds(plan: Plan) -> dict[str, Any]:
    """Total seconds of 1, 2 and 4 small runs, one after the other and two at a time."""
    steps = plan.pick(200, 2)
    base = merge(TASKS[plan.pick("small digits", "tiny digits")], {"train": {"steps": steps, "evaluate_every": steps}})
    found: dict[str, Any] = {}
    for count in plan.pick(SEEDS, (1,)):
        for jobs in plan.pick((1, 2), (1,)):
            took = seconds(plan, experiment("Seeds", base, count), jobs)
            found[f"{count} seeds, --jobs {jobs}"] = {"seeds": count, "jobs": jobs, **took}
    return found


def page(figures: dict[str, Any], frequencies: dict[str, Any], runs: dict[str, Any], plan: Plan) -> list[str]:
    lines = []
    for axis, at in figures.items():
        rows = [[name, number(point["ms"]["median"]), f"{number(point['ms']['low'])} – {number(point['ms']['high'])}",
                 number(point["over first"]["median"]), number(point["peak_MiB"], 4)]
                for name, point in at["points"].items()]  # fmt: skip
        rows += [[name, f"not measured: {why}", "", "", ""] for name, why in at["not measured"].items()]
        lines += table([f"{axis}: {AXES[axis]}", "ms a step", "lowest – highest", "over the first", "peak MiB"], rows)
    lines += [
        "Each point is a process that sleeps while another is timed; medians over rounds that time each point once, "
        "after one that warms up, and ratios within rounds. A time that does not grow with the steps done has a ratio "
        "of 1 there. Batch and network are those of the digits task, or of Amazon's for vectors, where the table does "
        "not vary them.",
        "",
    ]
    if "shares" in frequencies:
        rows = [[every, f"{100 * share:.1f} %"] for every, share in frequencies["shares"].items()]
        lines += table(["evaluate_every", "share of time in evaluation"], rows)
        cost, in_steps = frequencies["evaluation_ms"]["median"], frequencies["in steps"]["median"]
        lines += [
            f"From one evaluation of all splits with its checkpoint, {cost:.0f} ms, which is {number(in_steps)} steps, "
            "both measured in the same rounds.",
            "",
        ]
    else:
        lines += [f"Evaluation: not measured: {frequencies['not measured']}.", ""]
    return lines + launches(runs, plan.pick(200, 2))


def launches(runs: dict[str, Any], steps: int) -> list[str]:
    """The part of the page on seeds."""
    rows = [[str(at["seeds"]), str(at["jobs"]), number(at["start"]), number(at["training"]), number(at["whole"])]
            for at in runs.values()]  # fmt: skip
    lines = table(["seeds", "--jobs", "s until the first step", "s of training", "s in all"], rows)
    return [*lines, f"Digits that scikit-learn ships, {steps} steps a seed, each launch made once.", ""]
