"""Trackers of Weights & Biases and MLflow, which receive what TensorBoard does; each library is imported when used.

Where they log to, offline or not, is said by their own environment variables and files.
"""

import os
import re
import time
import uuid
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from dann.config.merging import flatten
from dann.errors import BadInput
from dann.files.atomic_files import write_whole

End = Literal["finished", "failed", "interrupted"]
LONGEST, MOST = 500, 100  # characters of a parameter and parameters of a message that every MLflow server takes
ODD = re.compile(r"[^\w\-. /]")  # characters that names in MLflow may not have


class Tracked(NamedTuple):
    """What a tracker shows of a run.

    Args:
        group: the folder of its experiment.
        identity: by which a run that is resumed goes on in the tracker; None in a new one.
    """

    name: str
    group: str
    config: Mapping[str, Any]
    identity: str | None


class Tracker(Protocol):
    """A run in a tracker; ``identity`` is its name there."""

    identity: str

    def log(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self, end: End) -> None: ...


class WandbTracker:
    """A run of Weights & Biases, which may be one of several in a process: version 0.19.10 or later."""

    def __init__(self, tracked: Tracked) -> None:
        import wandb

        self.identity = tracked.identity or uuid.uuid4().hex[:16]
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "dann"),
            group=tracked.group,
            name=tracked.name,
            id=self.identity,
            config=dict(tracked.config),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),  # the terminal is that of the progress bars
        )
        # An axis of its own: steps that an interruption undid are logged again, which the built-in one refuses.
        self.run.define_metric("step", hidden=True)
        self.run.define_metric("*", step_metric="step")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log({"step": step, **values})

    def close(self, end: End) -> None:
        self.run.finish(exit_code=0 if end == "finished" else 1)


class MlflowTracker:
    """A run of MLflow, through its client, which knows no current run of the process."""

    def __init__(self, tracked: Tracked) -> None:
        import mlflow
        from mlflow.entities import Param

        self.client = mlflow.MlflowClient()
        named = os.environ.get("MLFLOW_EXPERIMENT_NAME", tracked.group)
        experiment = mlflow.set_experiment(named).experiment_id  # made by one of several processes that ask at once
        if tracked.identity is not None:
            self.identity = tracked.identity
            self.client.update_run(self.identity, status="RUNNING")
            return
        self.identity = self.client.create_run(experiment, run_name=tracked.name).info.run_id
        flat = {ODD.sub("_", key): str(value)[:LONGEST] for key, value in flatten(tracked.config).items()}
        parameters = [Param(key, value) for key, value in flat.items()]
        for start in range(0, len(parameters), MOST):
            self.client.log_batch(self.identity, params=parameters[start : start + MOST])

    def log(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(ODD.sub("_", name), value, now, step) for name, value in values.items()]
        self.client.log_batch(self.identity, metrics=metrics)

    def close(self, end: End) -> None:
        status = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}[end]
        self.client.set_terminated(self.identity, status)


TRACKERS: dict[str, Callable[[Tracked], Tracker]] = {"wandb": WandbTracker, "mlflow": MlflowTracker}
REMEDIES = {
    "wandb": "wandb login, or WANDB_MODE=offline",
    "mlflow": "MLFLOW_TRACKING_URI names the server or folder",
}


def check_tracker(name: str) -> None:
    """Refuse a tracker whose library is not installed."""
    if name in TRACKERS and find_spec(name) is None:
        raise BadInput(f"--log-to {name}: {name} is not installed: pip install 'dann[{name}]'")


class Tracking:
    """The tracker of one run, which must not stop it: after its first error nothing more is sent.

    Args:
        folder: of the unfinished run, in which a file keeps the identity.
        start: the number of steps done before; later values of an interrupted run are logged again.

    Raises:
        BadInput: the library cannot begin, as without a login.
    """

    def __init__(
        self, name: str, folder: Path, run: str, group: str, config: Mapping[str, Any], start: int = 0
    ) -> None:
        self.name, self.problem = name, ""
        file = folder / f"{name}.id"
        identity = file.read_text().strip() if start and file.is_file() else None
        try:
            self.tracker: Tracker | None = TRACKERS[name](Tracked(run, group, config, identity))
        except Exception as error:  # of kinds that only the library knows
            text = next(iter(str(error).splitlines()), type(error).__name__)
            raise BadInput(f"--log-to {name}: {text}: {REMEDIES[name]}") from error
        write_whole(file, self.tracker.identity.encode())

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._try(lambda tracker: tracker.log(step, values))

    def close(self, end: End) -> None:
        self._try(lambda tracker: tracker.close(end))
        self.tracker = None

    def _try(self, call: Callable[[Tracker], None]) -> None:
        if self.tracker is None:
            return
        try:
            call(self.tracker)
        except Exception as error:
            self.tracker = None
            text = next(iter(str(error).splitlines()), type(error).__name__)
            self.problem = f"{self.name} receives nothing more of this run, which goes on: {text}"

    def take_problem(self) -> str:
        """Why nothing more is sent, the first time that it is asked for; else empty."""
        problem, self.problem = self.problem, ""
        return problem
