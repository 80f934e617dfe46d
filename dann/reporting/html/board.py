"""The page of ``dann board``: the report on what is recorded so far, below the states of all runs. Imports no torch."""

import hashlib
import threading
import time
from datetime import datetime
from pathlib import Path

from dann.config.experiment import EXPERIMENT
from dann.config.experiment_run import Run
from dann.errors import BadInput
from dann.files.file_search import find_files
from dann.reporting.html.page import Recorded, render
from dann.reporting.html.templates import render_template
from dann.reporting.locations import find_experiments
from dann.reporting.status_tables import overview_table, runs_table
from dann.runner.experiment_records import PACKED, read_checked_records
from dann.runner.records import RECORD
from dann.runner.run_status import list_statuses
from dann.runner.search_choice import planned_runs

INTERVAL = 5000  # milliseconds between two questions of the page


class BoardPage:
    """What the board shows: records are read again when one is added, states of other runs each time.

    Args:
        path: an experiment file or a folder of runs, as for ``find_experiments``.
        rule: chooses the reported step.

    Raises:
        BadInput: there is no experiment.
    """

    def __init__(self, path: Path, rule: str = "last") -> None:
        self.path, self.rule = path, rule
        self.lock = threading.Lock()  # several browsers may ask at once
        self.version, self.page = "", b""
        self.found: list[tuple[Recorded, list[Run]]] = []
        self.problems: list[str] = []
        folders = [folder for _, folder in find_experiments(path)]
        self.roots = folders if path.is_file() else [path]  # a folder may get more experiments

    def make_page(self) -> bytes:
        """The whole page."""
        with self.lock:
            self._read()
            if not self.page:
                status = self._make_status().decode()
                recorded = [each for each, _ in self.found]
                try:
                    self.page = self._render(recorded, status)
                except BadInput as error:  # of tables; the states are shown nevertheless
                    self.problems.append(str(error))
                    self.page = self._render([], self._make_status().decode())
            return self.page

    def make_status(self) -> bytes:
        """The part of the page that changes while runs go on."""
        with self.lock:
            self._read()
            return self._make_status()

    def _render(self, recorded: list[Recorded], status: str) -> bytes:
        return render("board.html", recorded, self.rule, redraw=False, status=status, interval=INTERVAL)

    def _read(self) -> None:
        """Read experiments and records, if a file of theirs is new since the last time."""
        if (version := self._compute_version()) == self.version:
            return
        self.version, self.page, self.found, self.problems = version, b"", [], []
        try:
            experiments = find_experiments(self.path)
        except BadInput as error:
            self.problems.append(str(error))
            return
        for experiment, folder in experiments:
            file = self.path if self.path.is_file() else folder / EXPERIMENT
            try:
                recorded = Recorded(file, experiment, folder, read_checked_records(experiment, folder))
                self.found.append((recorded, planned_runs(experiment, recorded.records)))
            except BadInput as error:
                self.problems.append(str(error))

    def _compute_version(self) -> str:
        files = [self.path] if self.path.is_file() else []
        for root in self.roots:
            files += sorted(file for name in (RECORD, PACKED, EXPERIMENT) for file in find_files(root, name))
        digest = hashlib.sha256()
        for file in files:
            try:
                digest.update(f"{file}\0{file.stat().st_mtime_ns}\0".encode(errors="surrogateescape"))
            except FileNotFoundError:  # renamed meanwhile
                continue
        return digest.hexdigest()[:16]

    def _make_status(self) -> bytes:
        now, statuses, titles = time.time(), {}, {}
        problems = list(self.problems)
        for recorded, runs in self.found:
            name = str(recorded.folder)
            records = {recorded.folder / record.run.folder: record for record in recorded.records}
            try:
                statuses[name] = list_statuses(runs, records, recorded.folder)
                titles[name] = f"{recorded.experiment.title} ({name})"
            except BadInput as error:
                problems.append(str(error))
        tables = [overview_table(statuses, now)] if statuses else []
        tables += filter(None, (runs_table(titles[name], runs, now) for name, runs in statuses.items()))
        moment = datetime.fromtimestamp(now).strftime("%d %b %H:%M:%S")
        return render_template("status.html", tables=tables, problems=problems, version=self.version, moment=moment)
