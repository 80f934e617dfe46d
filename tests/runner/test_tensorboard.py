"""TensorBoard of a run over HTTP: its scalars and the charts that put them side by side."""

import json
import math
import re
import selectors
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import DIAGNOSED, Silent, write_tiny

from dann.config.experiment import read_experiment
from dann.runner.planning import launch
from dann.runner.tensorboard import LAYOUT, Board

SECONDS = 60  # for TensorBoard to begin
RUN = "dann/seed-0"
Served = Callable[..., Any]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What TensorBoard answers to a path and its parameters, of a folder with one DANN run."""
    folder = tmp_path_factory.mktemp("board")
    file = write_tiny(folder / "tiny.yaml", seeds=[0], base=DIAGNOSED)
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs(only=["DANN"])), folder / "runs", torch.device("cpu"), Silent(), file)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder / "runs"), "--host", "127.0.0.1",
               "--port", "0", "--load_fast", "false", "--reload_interval", "1"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        try:
            address = _address(server)

            def get(path: str, **parameters: str) -> Any:
                with urllib.request.urlopen(f"{address}data/{path}?{urllib.parse.urlencode(parameters)}") as answer:
                    return json.load(answer)

            _wait(lambda: "accuracy/target_test" in get("plugin/scalars/tags").get(RUN, {}))
            yield get
        finally:
            server.kill()


def _address(server: subprocess.Popen[bytes]) -> str:
    """Where the server says that it listens."""
    assert server.stderr is not None
    said, deadline = b"", time.monotonic() + SECONDS
    with selectors.DefaultSelector() as waiting:
        waiting.register(server.stderr, selectors.EVENT_READ)
        while time.monotonic() < deadline and server.poll() is None:
            if waiting.select(timeout=1):
                said += server.stderr.read1()  # type: ignore[attr-defined]
            if found := re.search(rb"at (http://\S+:\d+/)", said):
                return found[1].decode()
    pytest.fail(f"TensorBoard did not begin: {said.decode()}")


def _wait(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < deadline, "TensorBoard did not read the run"
        time.sleep(0.2)


CHARTS = [(chart, tag) for charts in LAYOUT.values() for chart, (_, tags) in charts.items() for tag in tags]


def test_the_tags_of_every_chart_are_served(served: Served) -> None:
    tags = served("plugin/scalars/tags")[RUN]
    for chart, pattern in CHARTS:
        assert any(re.fullmatch(pattern, tag) for tag in tags), (chart, pattern)
    assert {"loss/label", "schedule/learning rate", "score/im", "discriminator/calibration_error",
            "accuracy/target_test_calibration_error", "share/upper moon"} <= set(tags)  # fmt: skip


def test_the_layout_puts_side_by_side_what_is_to_be_compared(served: Served) -> None:
    categories = served("plugin/custom_scalars/layout")["category"]
    charts = {chart["title"]: chart["multiline"]["tag"] for category in categories for chart in category["chart"]}
    pairs = list(charts.values())
    assert ["loss/domain$", "loss/ln 2$"] in pairs
    assert ["schedule/lambda$", "gradient/ratio$"] in pairs
    assert ["accuracy/source_test$", "accuracy/source_validation$", "accuracy/target_test$"] in pairs
    shares = [("upper moon", "share/upper\\ moon$"), ("upper moon", "prior/upper\\ moon$"),
              ("lower moon", "share/lower\\ moon$"), ("lower moon", "prior/lower\\ moon$")]  # fmt: skip
    assert sorted(CHARTS + shares) == sorted((title, tag) for title, tags in charts.items() for tag in tags)


def test_the_shares_of_a_class_stand_beside_its_prior(served: Served) -> None:
    answer = served("plugin/custom_scalars/scalars", tag="prior/upper\\ moon", run=RUN)
    assert [value for *_, value in answer["tag_to_events"]["prior/upper moon"]] == pytest.approx([0.5] * 3, abs=0.05)


@pytest.mark.parametrize(("chart", "pattern"), CHARTS)
def test_every_line_of_every_chart_is_drawn(chart: str, pattern: str, served: Served) -> None:
    answer = served("plugin/custom_scalars/scalars", tag=pattern, run=RUN)
    assert answer["regex_valid"] and answer["tag_to_events"]
    assert len(answer["tag_to_events"]) == {"update/.*": 3}.get(pattern, 2 if "|" in pattern else 1)
    for tag, events in answer["tag_to_events"].items():
        assert re.match(pattern, tag)
        steps = [step for _, step, _ in events]
        assert steps == ([2, 4, 6, 8, 10, 12] if tag.startswith(("loss/", "schedule/")) else [4, 8, 12])
        assert all(math.isfinite(value) for *_, value in events)


def test_the_line_at_chance_is_ln_2(served: Served) -> None:
    events = served("plugin/scalars/scalars", run=RUN, tag="loss/ln 2")
    assert [value for *_, value in events] == pytest.approx([math.log(2)] * 6)


def test_lambda_is_that_of_its_schedule(served: Served) -> None:
    events = served("plugin/scalars/scalars", run=RUN, tag="schedule/lambda")
    expected = [2 / (1 + math.exp(-10 * (step - 1) / 12)) - 1 for step in (2, 4, 6, 8, 10, 12)]
    assert [value for *_, value in events] == pytest.approx(expected, rel=1e-5)


def test_names_of_classes_shift_no_row_of_the_projector(tmp_path: Path) -> None:
    board = Board(tmp_path, {"a\tb\nc": 1.0})
    board.add_embeddings(torch.eye(2), [["source", "a\tb\nc"], ["target", "=\x1b[2J\udc80"]], torch.empty(0), 3)
    board.add_hyperparameters({"data": {"name": "\udc80", "sizes": [1, 2]}}, {"step": 3})
    board.close()
    (table,) = tmp_path.rglob("metadata.tsv")
    assert table.read_text("utf-8").splitlines() == [
        "domain\tclass", "source\ta\\tb\\nc", "target\t=\\x1b[2J\\udc80"
    ]  # fmt: skip
