"""The page of ``dann board`` over HTTP, and in a browser."""

import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import record_of
from tiny import TINY
from unfinished_runs import evaluation, losses, write_lock, write_unfinished

from dann.cli.main import main
from dann.config.experiment import EXPERIMENT, Experiment, write_experiment
from dann.errors import BadInput
from dann.reporting.html.board import BoardPage
from dann.reporting.html.board_server import BoardServer
from dann.runner.records import write_record

SEEDS = re.compile(r'data-version="(\w+)"')


def finish(folder: Path, variant: str, seed: int) -> None:
    record = replace(record_of(variant, seed), config={"train": {"steps": 40}})
    write_record(record, folder / record.run.folder)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The folder of an experiment with one finished run, and one under way."""
    folder = tmp_path / "runs"
    write_experiment(Experiment(**TINY), folder / EXPERIMENT)
    finish(folder, "source only", 0)
    write_unfinished(folder / "dann/seed-0", [losses(10)])
    write_lock(folder / "dann/seed-0")
    return folder


@pytest.fixture
def server(runs: Path) -> Iterator[BoardServer]:
    with BoardServer(BoardPage(runs), 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(server: BoardServer, path: str = "/", **headers: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}", headers=headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        return str(answer.read().decode())


def version(text: str) -> str:
    (found,) = SEEDS.findall(text)
    return str(found)


def test_the_page_has_states_above_the_report(server: BoardServer) -> None:
    page = get(server)
    assert page.index("DANN, seed 0</th>") < page.index('id="e1-scores-accuracy"')
    assert "1 runs of 4 planned" in page and "<title>Tiny moons – dann board</title>" in page
    assert '<progress max="40" value="10">' in page and '<progress max="4" value="1">' in page
    assert version(page) == version(get(server, "/status"))


def test_states_follow_and_a_record_gives_a_new_version(server: BoardServer, runs: Path) -> None:
    page, before = get(server), get(server, "/status")
    write_unfinished(runs / "dann/seed-0", [losses(10), evaluation(20, 9.0), losses(30)])
    after = get(server, "/status")
    assert "10 of 40" in before and "30 of 40" in after
    assert version(after) == version(before) == version(page)
    finish(runs, "DANN", 1)
    assert version(get(server, "/status")) != version(page)
    assert "2 runs of 4 planned" in get(server)


def test_before_the_first_run_the_page_shows_states(tmp_path: Path) -> None:
    write_experiment(Experiment(**TINY), tmp_path / EXPERIMENT)
    page = BoardPage(tmp_path).make_page().decode()
    assert "0 of 4" in page and "e1-scores" not in page and "0 experiments – dann board" in page


def test_no_figure_is_drawn_for_the_board(server: BoardServer, runs: Path) -> None:
    assert "<figure>" not in get(server) and not list(runs.glob("*.png"))


def test_a_damaged_record_is_named_on_the_page(server: BoardServer, runs: Path) -> None:
    (runs / "source-only/seed-0/record.json").write_text("{}")
    assert "not a record of this version" in get(server) and "not a record of this version" in get(server, "/status")
    finish(runs, "source only", 0)
    assert "not a record" not in get(server)


def test_a_folder_that_vanishes_is_named_on_the_page(runs: Path) -> None:
    board = BoardPage(runs)
    board.make_page()
    runs.rename(runs.with_name("elsewhere"))
    assert b"neither an experiment file nor a folder with runs" in board.make_status()


def test_names_are_text_not_markup(tmp_path: Path) -> None:
    write_experiment(Experiment(**TINY | {"variants": {"<script>x": {}}, "published": {}}), tmp_path / EXPERIMENT)
    write_unfinished(tmp_path / "script-x/seed-0", [losses(10)])
    page = BoardPage(tmp_path).make_page().decode()
    assert "&lt;script&gt;x, seed 0" in page and "<script>x" not in page


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [("/record.json", "127.0.0.1:1", 404), ("/../", "localhost:1", 404), ("/", "example.org", 403),
     ("/status", "example.org:6007", 403)],
)  # fmt: skip
def test_only_this_machine_and_only_the_page(path: str, host: str, status: int, server: BoardServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(server, path, Host=host)
    with refused.value as answer:
        assert answer.code == status and answer.read().endswith(b"\n")
    assert server.server_address[0] == "127.0.0.1"


def test_a_port_in_use_is_one_line(server: BoardServer, runs: Path) -> None:
    with pytest.raises(BadInput, match=f"--port {server.server_port}: is in use: name another, or 0"):
        BoardServer(BoardPage(runs), server.server_port)


@pytest.mark.parametrize("port", ["-1", "65536", "x", "1e3"])
def test_a_port_is_a_number(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "--port", port]) == 2
    assert "write a whole number from 0 to 65535" in capsys.readouterr().err


def test_nothing_to_show_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["board", str(tmp_path), "--port", "0"]) == 2
    assert "neither an experiment file nor a folder with runs" in capsys.readouterr().err


def test_the_page_follows_runs_in_a_browser(
    server: BoardServer, runs: Path, chromium: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends after the page was loaded appears in its tables, without a hand on the browser."""
    made = server.board.make_page

    def make_page_then_finish() -> bytes:
        page = made()
        if not (runs / "dann/seed-1").exists():
            finish(runs, "DANN", 1)
        return page

    monkeypatch.setattr(server.board, "make_page", make_page_then_finish)
    command = [*chromium, "--virtual-time-budget=12000", "--dump-dom", f"http://127.0.0.1:{server.server_port}/"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "2 runs of 4 planned" in shown and "2 of 4 <progress" in shown
    assert '<span class="lost" hidden="">' in shown
