"""dann as a contestant: one run whose training loop pauses after each requested number of steps.

    python experiments/speed/dann_contestant.py TASK DEVICE     # TASK: digits, amazon, …, or a configuration as JSON

Prints "ready {…}". Then, for every line "MODE N" on standard input, it prints the seconds that N repetitions take:

run             steps as in `dann run`: data, transform, update, and the log in metrics.jsonl and TensorBoard
bare            updates on one fixed batch, in the run's precision
bare-other      the same in the other precision, bf16 or fp32
bare-compiled   the same in the run's precision with torch.compile; on a GPU only
evaluate        evaluations of the target's test split
checkpoint      an evaluation as in `dann run`: the scores of each split, and a checkpoint
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

from dann.config.schema import Config
from dann.diagnostics.measurements import diagnose
from dann.errors import BadInput
from dann.runner.log import RunLog
from dann.training import checkpoint
from dann.training.building import build_trainer
from dann.training.device import choose_device, keep_memory
from dann.training.evaluate import evaluate, evaluate_splits
from dann.training.loop import train
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer, update

NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16"}


class Over(Exception):
    """Standard input was closed."""


class Paced:
    """A trainer for the training loop that waits for requests between steps and answers them."""

    def __init__(self, trainer: Trainer, modes: dict[str, Callable[[], object]]) -> None:
        self.trainer, self.modes = trainer, modes
        self.left, self.began = 0, 0.0

    def train(self) -> None:
        self.trainer.train()

    def step(self, step: int, progress: float) -> dict[str, Tensor]:
        if self.left == 0:
            self._wait()
        self.left -= 1
        return self.trainer.step(step, progress)

    def check_gradients(self) -> Tensor:
        return self.trainer.check_gradients()

    def refresh(self, before: float, progress: float, evaluating: bool) -> None:
        self.trainer.refresh(before, progress, evaluating)

    def rates(self) -> list[float]:
        return self.trainer.rates()

    def _wait(self) -> None:
        """Answer the last request for steps, then other requests until the next one for steps."""
        if self.began:
            print(now(self.trainer.device) - self.began, flush=True)
        for line in sys.stdin:
            mode, count = line.split()
            self.began = now(self.trainer.device)
            if mode == "run":
                self.left = int(count)
                return
            for _ in range(int(count)):
                self.modes[mode]()
            print(now(self.trainer.device) - self.began, flush=True)
        raise Over


def now(device: torch.device) -> float:
    """The time, after all pending work of the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def modes_of(trainer: Trainer, config: Config, run_log: RunLog, folder: Path) -> dict[str, Callable[[], object]]:
    method, optimizer, batch = trainer.method, trainer.optimizer, trainer.stream[0]
    other = torch.float32 if trainer.dtype is torch.bfloat16 else torch.bfloat16

    def score_and_save() -> None:
        run_log.log_evaluation(1, evaluate_splits(trainer), diagnose(trainer, config, 1))
        checkpoint.save(folder / "checkpoint.pt", method, optimizer, 1)

    modes: dict[str, Callable[[], object]] = {
        "bare": lambda: update(method, batch, 0.5, "all", optimizer, trainer.dtype),
        "bare-other": lambda: update(method, batch, 0.5, "all", optimizer, other),
        "evaluate": lambda: evaluate(
            method, trainer.splits["target_test"], trainer.transform("target_test"), trainer.dtype
        ),
        "checkpoint": score_and_save,
    }
    if trainer.device.type == "cuda":
        compiled = torch.compile(method)
        modes["bare-compiled"] = lambda: update(compiled, batch, 0.5, "all", optimizer, trainer.dtype)
        try:
            modes["bare-compiled"]()
        except Exception:  # torch.compile fails in many ways; then this mode is not measured
            del modes["bare-compiled"]
    return modes


def serve(trainer: Trainer, config: Config, folder: Path) -> None:
    steps, classes = 10**6, trainer.method.network.num_classes
    names, prior = [str(k) for k in range(classes)], [1 / classes] * classes
    run_log = RunLog(folder, 0, steps=steps, classes=names, prior=prior)
    modes = modes_of(trainer, config, run_log, folder)

    def log(step: int, rates: list[float], terms: list[dict[str, float]]) -> None:
        run_log.log(step, rates[0], trainer.method.coefficients((step - 1) / steps), terms[0])

    other = NAMES[torch.float32 if trainer.dtype is torch.bfloat16 else torch.bfloat16]
    said = {"bare": NAMES[trainer.dtype], "bare-other": other, "modes": ["run", *modes]}
    print("ready", json.dumps(said | {"tested": len(trainer.splits["target_test"])}), flush=True)
    try:
        train(
            Paced(trainer, modes),
            steps=steps,
            log_every=50,
            log=log,
            evaluate_every=steps,
            evaluate=lambda step: True,
            fail=lambda replica, failure: sys.exit(f"the network diverged: {failure}"),
        )
    except Over:
        run_log.board.close()


def main() -> None:
    text, device = sys.argv[1:]
    keep_memory()
    try:
        config = config_of(text)
        trainer = build_trainer(config, load_pair(config.data), 0, choose_device(device))
    except BadInput as error:
        print(json.dumps({"broken": str(error)}), flush=True)
        sys.exit(3)
    with tempfile.TemporaryDirectory() as folder:
        serve(trainer, config, Path(folder))


if __name__ == "__main__":
    main()
