"""DANN steps end to end: in `dann run`, in the peer libraries, and as a bare update."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from contest import PAUSE, Contest, Times, ratio, spread, start_contest
from environments import PEERS, peers_python
from report import NONE, Plan, Result, goal, goals, no_gpu, number, table
from tasks import SHOWN, write_for_peers

from dann.errors import BadInput
from dann.training.device import choose_device

OURS = Path(__file__).with_name("dann_contestant.py")
NAMES = ("pytorch-adapt", "dalib", "skada")
ROUNDS = {"digits": (7, 40), "amazon": (7, 40), "features": (7, 40), "photos": (3, 4)}  # rounds, steps in each
TINY = {"tiny digits": (1, 1)}
RUN, BARE, EVALUATION = "dann", "bare update, ", "evaluation"
DIGITS, PHOTOS = ("digits", "tiny digits"), ("photos",)
TESTED = 10_000  # examples of the evaluation that has a goal


def measure(plan: Plan) -> Result:
    rounds = plan.pick(ROUNDS, TINY)
    figures: dict[str, Any] = {}
    with peers_python(plan) as (python, why), tempfile.TemporaryDirectory() as folder:
        for name, (count, steps) in rounds.items():
            figures[name] = timed(name, plan, count, steps, python, why, Path(folder))
    content = {"tasks": figures, "goals": goals_of(figures)}
    return Result("What a step costs", content, {"rounds × steps": rounds}, page(figures, no_gpu(plan)))


def timed(name: str, plan: Plan, count: int, steps: int, python: str | None, why: str, folder: Path) -> dict[str, Any]:
    """The figures of one task."""
    commands = {RUN: [sys.executable, str(OURS), name, plan.device]}
    lost = {}
    if choose_device(plan.device).type != "cpu":
        python, why = None, "peers.py times them on the processor alone"
    if python is None:
        lost = dict.fromkeys(NAMES, why)
    else:
        try:
            commands |= peer_commands(name, python, folder, plan.threads)
        except BadInput as error:  # dann's own process reports the same
            lost = dict.fromkeys(NAMES, str(error))
    with start_contest(commands, plan.threads) as contest:
        figures = measure_rounds(contest, name, count, steps, plan)
    for file in folder.glob("*.npz"):
        file.unlink()
    return figures | {"not measured": lost | figures["not measured"]}


def peer_commands(name: str, python: str, folder: Path, threads: int) -> dict[str, list[str]]:
    """The commands of the peers; for digits with and without workers, because either may be faster."""
    files = write_for_peers(name, folder, [2, 0] if name in DIGITS else [None], threads)
    commands = {}
    for peer in NAMES:
        for workers, file in files.items():
            if peer != "skada" or file == next(iter(files.values())):  # it has no workers
                label = peer if workers is None or peer == "skada" else f"{peer}, {workers or 'no'} workers"
                commands[label] = [python, str(PEERS), peer, str(file)]
    return commands


def requests(contest: Contest, name: str, steps: int) -> dict[str, tuple[str, str]]:
    """The requests that are timed: contestant and line for each label."""
    peers = {peer: (peer, str(steps)) for peer in contest.said if peer != RUN}
    if RUN not in contest.said:
        return peers
    said, asked = contest.said[RUN], {RUN: (RUN, f"run {steps}")} | peers
    for mode in ("bare", "bare-other", "bare-compiled"):
        if mode in said["modes"]:
            label = f"{said['bare']}, compiled" if mode == "bare-compiled" else said[mode]
            asked[BARE + label] = (RUN, f"{mode} {steps}")
    return asked | ({EVALUATION: (RUN, "evaluate 1")} if name in DIGITS else {})


def measure_rounds(contest: Contest, name: str, count: int, steps: int, plan: Plan) -> dict[str, Any]:
    """Measure the rounds of one task."""
    asked, peaks = requests(contest, name, steps), {}
    for label, (contestant, line) in asked.items():  # warm-up
        contest.ask(contestant, line)
        if label == contestant:  # the memory of the run itself, before other requests to its process
            peaks[label] = contest.peak(contestant)
    times = contest.rounds(asked, count, plan.pick(PAUSE, 0.0))
    evaluations = times.pop(EVALUATION, None)
    figures: dict[str, Any] = {
        "ways": {label: {"ms": spread(values, 1000 / steps), "peak_MiB": peaks.get(label)}
                 for label, values in times.items()},
        "over dann": {label: ratio(values, times[RUN]) for label, values in times.items() if RUN in times},
        "not measured": dict(contest.lost),
        "peers": {peer: said for peer, said in contest.said.items() if peer != RUN},
    }  # fmt: skip
    if RUN in times:
        figures["over bare"] = over_bare(times)
        if evaluations is not None:
            scale = steps * TESTED / contest.said[RUN]["tested"]
            figures["evaluation in steps"] = ratio(evaluations, times[RUN], scale)
    return figures


def over_bare(times: Times) -> dict[str, Any]:
    """The time of a step of dann divided by that of the bare update in the faster precision."""
    ratios = {label: ratio(times[RUN], values) for label, values in times.items() if label.startswith(BARE)}
    best = max(ratios, key=lambda label: ratios[label]["median"])
    return {"way": best, **ratios[best]}


def goals_of(figures: dict[str, Any]) -> list[dict[str, Any]]:
    result = []
    for name, at in figures.items():
        why = at["not measured"].get(RUN, "")
        if name in DIGITS:
            for peer in NAMES[:2]:
                found = [each["median"] for label, each in at["over dann"].items() if label.startswith(peer)]
                reasons = [why or text for label, text in at["not measured"].items() if label.startswith(peer)]
                what = f"{name}: a step of {peer}, the faster number of workers, over one of dann"
                result.append(goal(what, "≥", 5, min(found, default=None), (reasons or [why])[0]))
        if name in DIGITS + PHOTOS:
            measured = at.get("over bare", {}).get("median")
            result.append(goal(f"{name}: a step of dann over the bare update in the faster precision",
                               "≤", 1.1, measured, why))  # fmt: skip
        if name in DIGITS:
            measured = at.get("evaluation in steps", {}).get("median")
            result.append(goal(f"{name}: evaluating {TESTED} examples, in steps", "≤", 40, measured, why))
    return result


def page(figures: dict[str, Any], why: str) -> list[str]:
    rows = [["all", "GPU", f"not measured: {why}", NONE, NONE, NONE]] if why else []
    for name, at in figures.items():
        for label, way in at["ways"].items():
            ms, over = way["ms"], at["over dann"].get(label)
            rows.append([SHOWN[name], label, number(ms["median"]), f"{number(ms['low'])} – {number(ms['high'])}",
                         number(over and over["median"]), number(way["peak_MiB"], 4)])  # fmt: skip
        rows += [[SHOWN[name], label, f"not measured: {why}", NONE, NONE, NONE]
                 for label, why in at["not measured"].items()]  # fmt: skip
    repairs = {text for at in figures.values() for said in at["peers"].values() for text in said.get("repairs", [])}
    versions = {f"{package} {number}" for at in figures.values() for label, said in at["peers"].items()
                for package, number in said.get("versions", {}).items() if package in (*NAMES, "torch")}  # fmt: skip
    columns = ["task", "way", "ms a step", "lowest – highest", "over dann", "peak MiB"]
    return [*goals(goals_of(figures)), *table(columns, rows, texts=2), *explain(sorted(versions), sorted(repairs))]


def explain(versions: list[str], repairs: list[str]) -> list[str]:
    lines = [
        "*dann* is what `dann run` does: data, transform, forward, backward, optimiser, and the log every 50 steps. "
        "*Bare update* is the same forward, backward and optimiser step again and again on one batch. The peers have "
        "dann's network, loss, batch, learning rate and momentum, and their own data path and loop, as "
        "experiments/speed/peers.py documents. *Over dann* above 1 is slower than dann.",
        "",
        "Each way is a process that sleeps while another is timed. A round times all, one after the other: times are "
        "medians over the rounds, ratios the median of the ratios within rounds, after one round that warms up. Peak "
        "memory is that of the process after that, examples included, without the processes of its loaders.",
        "",
    ]
    if versions:
        lines += [f"The peers: {', '.join(versions)}. " + " ".join(f"Repaired: {text}." for text in repairs), ""]
    return lines
