"""Replicas: runs that train together as one stacked model, against the same runs one by one."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contest import PAUSE, ratio, spread, start_contest
from report import Plan, Result, goal, goals, no_gpu, number, table
from tasks import TASKS
from timed_launch import experiment, seconds

from dann.config.merging import merge
from dann.errors import BadInput

STACKS = Path(__file__).with_name("stack_contestant.py")
LAMBDAS = (0.1, 0.28, 0.46, 0.64, 0.82, 1.0)
PLAIN = {"optimizer": {"name": "sgd", "lr": 0.001, "momentum": 0.0}}
ADAM = {"optimizer": {"name": "adamw", "lr": 0.03}}
SEPARATE = 6  # of the 60 runs, those made one by one end to end


@dataclass(frozen=True)
class Case:
    """Replicas of one task: all λ with all seeds.

    Args:
        name: name in tables.
        base: configuration of the task.
        seeds: number of seeds.
        weights: values of λ.
        rounds: number of rounds.
        steps: steps of the stack in each round.
        separate: steps of the separate run in each round.
    """

    name: str
    base: dict[str, Any]
    seeds: int
    weights: tuple[float, ...]
    rounds: int
    steps: int
    separate: int

    def configs(self) -> list[dict[str, Any]]:
        return [merge(self.base, {"method": {"weight": weight}}) for weight in self.weights]

    @property
    def replicas(self) -> int:
        return self.seeds * len(self.weights)


def batch(task: str, size: int, **changes: Any) -> dict[str, Any]:
    return merge(TASKS[task], {"data": {"batch_size": size}, **changes})


CASES = [
    Case("Amazon's MLP, 1 + 1", batch("amazon", 1, **PLAIN), 10, LAMBDAS, 7, 40, 600),
    Case("Amazon's MLP, 64 + 64", batch("amazon", 64, **PLAIN), 10, LAMBDAS, 7, 5, 150),
    Case("moons' MLP, 64 + 64", merge(TASKS["moons"], ADAM), 8, (1.0,), 7, 100, 200),
    Case("digits' network, 64 + 64", TASKS["digits"], 8, (1.0,), 3, 2, 10),
]
TINY = [Case("moons' MLP, 64 + 64", merge(TASKS["moons"], ADAM), 2, (1.0,), 1, 1, 1)]
GPU = "digits' network, 64 + 64"


def measure(plan: Plan) -> Result:
    cases = plan.pick(CASES, TINY)
    figures = {case.name: timed(case, plan) for case in cases}
    wholes = [end_to_end(plan, steps) for steps in plan.pick((1000, 5000), (2,))]
    entries = goals_of(figures, wholes, plan)
    settings = {case.name: {key: value for key, value in vars(case).items() if key != "name"} for case in cases}
    content = {"steps": figures, "end to end": wholes, "goals": entries}
    return Result("What training replicas together gains", content, settings, page(figures, wholes, entries))


def timed(case: Case, plan: Plan) -> dict[str, Any]:
    """Milliseconds of a step of the stack and of a separate run, with one thread and with all threads."""
    texts = json.dumps(case.configs())
    ways = [(way, threads) for threads in sorted({1, plan.threads}) for way in ("stack", "separate")]
    labels = {f"{way}, {threads} thread{'s' * (threads > 1)}": (way, threads) for way, threads in ways}
    start = [sys.executable, str(STACKS), texts, str(case.seeds)]
    commands = {label: [*start, str(threads), plan.device, way] for label, (way, threads) in labels.items()}
    steps = {label: case.steps if way == "stack" else case.separate for label, (way, _) in labels.items()}
    with start_contest(commands, {label: threads for label, (_, threads) in labels.items()}) as contest:
        asked = {label: (label, str(steps[label])) for label in contest.said}
        for label, line in asked.values():  # warm-up
            contest.ask(label, line)
        times = contest.rounds(asked, case.rounds, plan.pick(PAUSE, 0.0))
        pays, lost = next(iter(contest.said.values()), {}).get("pays"), dict(contest.lost)
    each = {label: [value / steps[label] for value in values] for label, values in times.items()}
    shares = {
        f"{stack} / {separate}": ratio(each[stack], each[separate], 1 / case.replicas)
        for stack in each if stack.startswith("stack") for separate in each if separate.startswith("separate")
    }  # fmt: skip
    return {
        "replicas": case.replicas,
        "ms": {label: spread(values, 1000) for label, values in each.items()},
        "shares": shares,
        "rule": pays,
        "not measured": lost,
    }


def best(figures: dict[str, Any], which: str) -> str | None:
    """The label of the faster stack or of the faster separate run."""
    ways = [label for label in figures["ms"] if label.startswith(which)]
    return min(ways, key=lambda label: figures["ms"][label]["median"], default=None)


def share(figures: dict[str, Any]) -> float | None:
    """Time of the faster stack divided by that of the faster separate runs."""
    at = figures["shares"].get(f"{best(figures, 'stack')} / {best(figures, 'separate')}")
    return at["median"] if at else None


def end_to_end(plan: Plan, steps: int) -> dict[str, Any]:
    """Seconds of `dann run` for 60 runs: stacked in two processes, and one by one in one process, scaled from 6."""
    train = {"train": {"steps": steps, "evaluate_every": steps, "replicas": "auto"}}
    base = merge(plan.pick(CASES, TINY)[0].base, train)
    variants = {f"λ = {weight}": {"method": {"weight": weight}} for weight in LAMBDAS}
    seeds = plan.pick(10, 2)
    content = experiment("Stacked replicas", base, seeds, variants)
    try:
        together = seconds(plan, content, plan.pick(2, 1))
        apart = seconds(plan, content, 1, "0", ["train.replicas=1"])
    except BadInput as error:
        return {"steps": steps, "not measured": str(error)}
    runs = seeds * len(LAMBDAS)
    scaled = apart["start"] + runs / SEPARATE * apart["after the start"]
    return {"runs": runs, "steps": steps, "stacked": together, "separate, 6 runs": apart,
            "separate, scaled": scaled, "share": together["whole"] / scaled}  # fmt: skip


def goals_of(figures: dict[str, Any], wholes: list[dict[str, Any]], plan: Plan) -> list[dict[str, Any]]:
    first = next(iter(figures.values()))
    why = next(iter(first["not measured"].values()), "")
    name = f"{next(iter(figures))}: a step of the stack over as many separate ones"
    entries = [
        goal(f"{name}, the faster threads of each", "≤", 1 / 8, share(first), why),
        *(goal(f"the same for {whole['steps']} steps end to end, with start, evaluation and records", "≤", 1 / 8,
               whole.get("share"), whole.get("not measured", "")) for whole in wholes),
    ]  # fmt: skip
    share_of_gpu = share(figures[GPU]) if GPU in figures and not no_gpu(plan) else None
    measured = None if share_of_gpu is None else share_of_gpu * figures[GPU]["replicas"]
    return [*entries, goal("GPU, 8 seeds of the digits network over one", "≤", 2.5, measured, no_gpu(plan))]


def page(figures: dict[str, Any], wholes: list[dict[str, Any]], entries: list[dict[str, Any]]) -> list[str]:
    rows, rules = [], []
    for name, at in figures.items():
        for label, share_of in at["shares"].items():
            stack, separate = label.split(" / ")
            rows.append([f"{name}, {at['replicas']} replicas", stack, number(at["ms"][stack]["median"]),
                         separate, number(at["ms"][separate]["median"]), number(share_of["median"]),
                         f"{number(share_of['low'])} – {number(share_of['high'])}"])  # fmt: skip
        rows += [[name, label, f"not measured: {why}", "", "", "", ""] for label, why in at["not measured"].items()]
        rules.append(compare_rule(name, at))
    columns = ["task", "stack", "ms a step", "separate run", "ms a step", "share", "lowest – highest"]
    return [
        *goals(entries),
        *table(columns, rows),
        "*Share* is the time of a step of the stack over that of a step of as many separate runs: below 1 the stack "
        "is faster. Each way is a process that sleeps while another is timed; medians over rounds that time each way "
        "once, and of the ratios within rounds, after one round that warms up.",
        "",
        *table(["task", "the rule stacks", "measured, 1 thread each", "rule agrees"], rules),
        *(line for whole in wholes for line in describe_whole(whole)),
    ]


def compare_rule(name: str, at: dict[str, Any]) -> list[str]:
    """The rule's decision beside the measurement with one thread, as processes of ``--jobs`` have."""
    own = at["shares"].get("stack, 1 thread / separate, 1 thread")
    if own is None:
        return [name, "", "not measured", ""]
    says = "yes" if at["rule"] else "no"
    faster = own["median"] < 1
    return [name, says, f"{number(own['median'])}: {'faster' if faster else 'slower'}",
            "yes" if faster == at["rule"] else "no"]  # fmt: skip


def describe_whole(whole: dict[str, Any]) -> list[str]:
    if "share" not in whole:
        return [f"End to end: not measured: {whole['not measured']}.", ""]
    return [
        f"End to end, {whole['runs']} runs of {whole['steps']} steps, with the start, evaluation and records: "
        f"{whole['stacked']['whole']:.1f} s stacked with `--jobs 2`, {whole['separate, scaled']:.1f} s one by one with "
        f"`--jobs 1` and all threads. The latter is scaled from {SEPARATE} runs, which took "
        f"{whole['separate, 6 runs']['whole']:.1f} s, {whole['separate, 6 runs']['start']:.1f} s of them until the "
        "first step, which is counted once. Each was made once.",
        "",
    ]
