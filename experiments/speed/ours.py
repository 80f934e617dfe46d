"""dann's own contestant: one run, whose training loop pauses whenever the steps asked for are done.

    python experiments/speed/ours.py TASK DEVICE     # TASK: digits, amazon, …, or a configuration as JSON

Prints "ready {…}", then for every line "MODE N" on standard input the seconds of N of what the mode is:

run             steps as in `dann run`: data, transform, update, and the log in metrics.jsonl and TensorBoard
bare            updates on one fixed batch, in the run's precision
bare-other      the same in the other one, bf16 or fp32
bare-compiled   the same in the run's precision with torch.compile; on a GPU only
evaluate        evaluations of the target's test split
checkpoint      all that `dann run` does at an evaluation: the scores of each split, and a checkpoint
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from tasks import config_of
from torch import Tensor

from dann import checkpoint
from dann.build import Setup, load_pair
from dann.config import Config
from dann.device import chosen_device, keep_memory
from dann.diagnose import diagnose
from dann.errors import BadInput
from dann.evaluate import evaluate
from dann.journal import Journal
from dann.train import train, update

NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}


class Over(Exception):
    """Standard input has ended."""


class Paced:
    """A run as the training loop sees it, which waits for requests between steps and answers them."""

    def __init__(self, setup: Setup, modes: dict[str, Callable[[], object]]) -> None:
        self.setup, self.modes = setup, modes
        self.left, self.began = 0, 0.0

    def train(self) -> None:
        self.setup.train()

    def step(self, step: int, progress: float) -> dict[str, Tensor]:
        if self.left == 0:
            self._wait()
        self.left -= 1
        return self.setup.step(step, progress)

    def refresh(self, before: float, progress: float, evaluating: bool) -> None:
        self.setup.refresh(before, progress, evaluating)

    def rates(self) -> list[float]:
        return self.setup.rates()

    def _wait(self) -> None:
        """Answer the last request for steps, and others until there is one for steps again."""
        if self.began:
            print(now(self.setup.device) - self.began, flush=True)
        for line in sys.stdin:
            mode, count = line.split()
            self.began = now(self.setup.device)
            if mode == "run":
                self.left = int(count)
                return
            for _ in range(int(count)):
                self.modes[mode]()
            print(now(self.setup.device) - self.began, flush=True)
        raise Over


def now(device: torch.device) -> float:
    """The time, once all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def modes_of(setup: Setup, config: Config, journal: Journal, folder: Path) -> dict[str, Callable[[], object]]:
    method, optimizer, batch = setup.method, setup.optimizer, setup.stream[0]
    other = torch.float32 if setup.dtype is torch.bfloat16 else torch.bfloat16

    def score_and_save() -> None:
        journal.evaluation(1, setup.scores(), diagnose(setup, config, 1))
        checkpoint.save(folder / "checkpoint.pt", method, optimizer, 1)

    modes: dict[str, Callable[[], object]] = {
        "bare": lambda: update(method, batch, 0.5, "all", optimizer, setup.dtype),
        "bare-other": lambda: update(method, batch, 0.5, "all", optimizer, other),
        "evaluate": lambda: evaluate(method, setup.splits["target_test"], setup.transform("target_test"), setup.dtype),
        "checkpoint": score_and_save,
    }
    if setup.device.type == "cuda":
        compiled = torch.compile(method)
        modes["bare-compiled"] = lambda: update(compiled, batch, 0.5, "all", optimizer, setup.dtype)
        try:
            modes["bare-compiled"]()
        except Exception:  # whatever it is, there is no such limit here
            del modes["bare-compiled"]
    return modes


def serve(setup: Setup, config: Config, folder: Path) -> None:
    steps, classes = 10**6, setup.method.network.num_classes
    names, prior = [str(k) for k in range(classes)], [1 / classes] * classes
    journal = Journal(folder, 0, steps=steps, classes=names, prior=prior)
    modes = modes_of(setup, config, journal, folder)

    def log(step: int, rates: list[float], terms: list[dict[str, float]]) -> None:
        journal.log(step, rates[0], setup.method.coefficients((step - 1) / steps), terms[0])

    other = NAMES[torch.float32 if setup.dtype is torch.bfloat16 else torch.bfloat16]
    said = {"bare": NAMES[setup.dtype], "bare-other": other, "modes": ["run", *modes]}
    print("ready", json.dumps(said | {"tested": len(setup.splits["target_test"])}), flush=True)
    try:
        train(Paced(setup, modes), steps=steps, log_every=50, log=log, evaluate_every=steps, evaluate=lambda step: None)
    except Over:
        journal.board.close()


def main() -> None:
    text, device = sys.argv[1:]
    keep_memory()
    try:
        config = config_of(text)
        setup = Setup.of(config, load_pair(config.data), 0, chosen_device(device))
    except BadInput as error:
        print(json.dumps({"broken": str(error)}), flush=True)
        sys.exit(3)
    with tempfile.TemporaryDirectory() as folder:
        serve(setup, config, Path(folder))


if __name__ == "__main__":
    main()
