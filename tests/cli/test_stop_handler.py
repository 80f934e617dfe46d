"""Signals that stop the command line: the state is saved, and the exit status names the signal."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import write_tiny

from dann.cli.main import COMMANDS, main
from dann.cli.progress import Progress
from dann.config.components import Component, options_model
from dann.errors import STOPPING, BadInput, Stopped
from dann.runner.records import read_record


@pytest.fixture
def handlers() -> Iterator[None]:
    """The handlers of this process as they were: a stopped command line ignores signals until it has ended."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number in STOPPING:  # which a background job may ignore
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_stops_at_the_next_step_and_saves(
    name: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def advanced(*arguments: Any) -> None:
        if arguments[2] == 6:
            os.kill(os.getpid(), signal.Signals[name])

    file = write_tiny(tmp_path / "tiny.yaml", seeds=[0])
    command = ["run", str(file), "--only", "DANN", "--out"]
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "advanced", advanced)
        assert main([*command, str(tmp_path / "stopped")]) == status
    assert capsys.readouterr().err == "dann: stopped; the same command continues from the last checkpoint\n"
    place = tmp_path / "stopped/tiny/dann/seed-0"
    assert torch.load(f"{place}.unfinished/checkpoint.pt", weights_only=True)["step"] == 7
    for number in STOPPING:
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)
    assert main([*command, str(tmp_path / "stopped")]) == 0
    assert main([*command, str(tmp_path / "whole")]) == 0
    one, other = (read_record(tmp_path / name / "tiny/dann/seed-0") for name in ("stopped", "whole"))
    assert one.evaluations == other.evaluations and one.losses == other.losses
    logs = [(tmp_path / name / "tiny/dann/seed-0/metrics.jsonl").read_text() for name in ("stopped", "whole")]
    assert len(logs[0].splitlines()) == len(logs[1].splitlines())


@pytest.mark.usefixtures("handlers")
def test_a_second_signal_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def advanced(*arguments: Any) -> None:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("goes on")

    monkeypatch.setattr(Progress, "advanced", advanced)
    assert main(["run", str(write_tiny(tmp_path / "tiny.yaml")), "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "dann: stopped; the same command continues from the last checkpoint\n"
    assert not list(tmp_path.rglob("checkpoint.pt"))


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            ["verify", "x", "--only", "DANN"],
            "nothing is kept: the same command begins anew, with --out FOLDER",
        ),
        (["verify", "x", "--out=y"], "the same command continues from the last checkpoint"),
        (["table", "x"], "the same command begins anew"),
    ],
)
def test_a_stop_says_what_the_same_command_does(
    command: list[str], text: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def stop(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS, command[0], stop)
    assert main(command) == 130
    assert capsys.readouterr().err.startswith(f"dann: stopped; {text}")


def test_an_interruption_is_no_bad_input() -> None:
    def fail() -> None:
        try:
            raise Stopped(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("a reader process ended") from None

    with pytest.raises(Stopped):
        options_model("it", fail, Component)(name="it").build()

    def refuse() -> None:
        raise ValueError("no")

    with pytest.raises(BadInput, match="it: no"):
        options_model("it", refuse, Component)(name="it").build()
