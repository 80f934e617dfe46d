"""Command lines of odd words: every command, every option, and values of all sorts."""

import argparse
import random

from dann.cli.arguments import parser

VALUES = [
    "", " ", "-", "--", "-1", "0", "1", "2", "01", "1.5", "1e9", "1" * 30, "0,1", "0,0", "0-3", "0-1000000000000",
    ",", "a,b", "1_000", "²", "١", "none", "auto", "cpu", "cuda", "cuda:99", "meta", "xpu", "mps", "cpu:0:0",
    "last", "oracle", "md", "html", "onnx", "method", "methods", "network", "dann", "mnist", "moons", "pacs/photo",
    "pacs", "list", "show", "x.yaml", "file.yaml", "runs", "runs/file", "runs/file/dann/seed-0",
    "experiments/file.yaml", "data.npz", "pictures", "/etc/passwd", "/dev/null", ".", "..", "~", "../x", "a\nb",
    "\x1b[31m", "\udcff", "\ud800", "é" * 200, "x" * 5000, "DANN", "source only", "[", "(.*", "a=b", "size=64",
    "points=-1", "points=1000000000000", "points=0", "noise=-1", "degrees=x", "turns=9", "=", "=1", "a=", "a==b",
    ".a=1", "a..b=1", "train.steps=5", "train.steps=0", "train.steps=-1", "train.steps=1000000000000000000000",
    "train=5", "data=x", "method=x", "method.name=dann", "method.weight=-1", "method.weight=.nan",
    "data.batch_size=1000000000000", "network.hidden=-1", "network.hidden=100000000000", "data.unseen=[a]",
    "optimizer.lr=-1", "train.steps=" + "[" * 300 + "]" * 300, "x=" + "{a: " * 300, "x=&a [*a]", "x=*a",
    "x=!!python/name:os.system", "x=!!set {a}", "x=2020-01-01", "x: y=1", "x=\t", "x=\x00",
    ".".join("a" * 2000) + "=1",
]  # fmt: skip
SLOW = {
    "board",
    "export",
    "plot",
    "predict",
    "recommend",
    "report",
    "run",
    "verify",
}  # those that take seconds where they succeed


def command_line(random: random.Random) -> list[str]:
    """A command with some of its options and positional arguments, or too many, and odd values for them."""
    whole = parser()
    commands = next(each.choices for each in whole._actions if isinstance(each, argparse._SubParsersAction))
    some = sorted({*commands} - {"board"}) if random.random() < 0.2 else sorted({*commands} - SLOW)  # it serves on
    name = random.choice(some)
    words: list[str] = []
    for action in commands[name]._actions:
        if action.option_strings and random.random() < (0.9 if action.required else 0.3):
            words += [random.choice(action.option_strings), *_values(action, random)]
        elif not action.option_strings and random.random() < 0.9:
            words += _values(action, random)
    if random.random() < 0.2:
        words.insert(random.randrange(len(words) + 1), random.choice(VALUES))
    if "--help" in words or "-h" in words:
        words = [word for word in words if random.random() < 0.5]
    if name in ("run", "verify") and "--jobs" not in words:
        words += ["--jobs", "1"]  # the process of the cases may have none of its own
    return [name if random.random() < 0.98 else random.choice(VALUES), *words]


def _values(action: argparse.Action, random: random.Random) -> list[str]:
    if action.nargs == 0:
        return []
    count = random.choice([1, 1, 1, 2]) if action.nargs in ("*", "+") else 1
    if action.choices is not None and random.random() < 0.6:
        return [random.choice(sorted(action.choices)) for _ in range(count)]
    usual = {"file": "experiments/file.yaml", "run": "runs/file/dann/seed-0", "path": "runs/file", "paths": "runs/file",
             "inputs": "data.npz", "source": "data.npz", "target": "data.npz", "out": "out", "jobs": "1"}  # fmt: skip
    return [usual[action.dest] if action.dest in usual and random.random() < 0.6 else random.choice(VALUES)
            for _ in range(count)]  # fmt: skip
