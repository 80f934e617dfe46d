"""The records of an experiment, packed in one file or each in the folder of its run. Imports no torch."""

import lzma
from collections.abc import Container, Iterable, Iterator
from operator import itemgetter
from pathlib import Path

from dann.config.comparison import declared_difference
from dann.config.experiment import EXPERIMENT, Experiment
from dann.config.experiment_run import Run
from dann.config.origin import read_origin, redo_command
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.files.file_search import find_files
from dann.runner.record_schema import load_line
from dann.runner.records import RECORD, Record, dump_record, parse_record, read_record
from dann.runner.search_choice import choose_settings, is_wanted

PACKED = "records.jsonl.xz"
LINE = 100_000_000  # bytes that a record may have, so that a packed file of zeros fills no memory


def pack_records(records: Iterable[Record], folder: Path) -> None:
    """Write ``records`` as one compressed file in the folder of their experiment, the same bytes every time."""
    write_whole(folder / PACKED, lzma.compress(b"".join(map(dump_record, records))))


def read_records(experiment: Experiment, folder: Path) -> dict[Path, Record]:
    """The records of an experiment's finished runs under ``folder``, by the run's folder, in the order of its rows.

    They are those of the packed file, or else those in the folders of the runs; of the rows and seeds that the
    experiment names, whatever else it named before, and of a search with seeds of its own of what it now chooses.

    Raises:
        BadInput: a file is damaged or of another version of the project.
    """
    return _drop_unchosen(experiment, _read(experiment, list(experiment.runs(seeds=[0])), folder))


def _drop_unchosen(experiment: Experiment, records: dict[Path, Record]) -> dict[Path, Record]:
    """The records without those of settings that a search does not choose, or not any more."""
    if not experiment.search_seeds:
        return records
    choices = choose_settings(experiment, records.values())
    return {place: record for place, record in records.items() if is_wanted(experiment, record, choices)}


def _read(experiment: Experiment, rows: list[Run], folder: Path) -> dict[Path, Record]:
    seeds = {*experiment.search_seeds, *experiment.seeds}
    return _read_packed(rows, seeds, folder) if (folder / PACKED).is_file() else _read_folders(rows, seeds, folder)


def _read_packed(rows: list[Run], seeds: Container[int], folder: Path) -> dict[Path, Record]:
    order = {run.row: number for number, run in enumerate(rows)}
    try:
        every = [parse_record(load_line(line)) for line in _unpack(folder / PACKED)]
        known = [record for record in every if record.run.row in order]
        known.sort(key=lambda record: (order[record.run.row], record.seed))
    except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
        raise BadInput(
            f"{folder / PACKED}: not records of this version ({error}): publish the experiment again"
        ) from error
    return {folder / record.run.folder: record for record in known if record.seed in seeds}


def _unpack(path: Path) -> Iterator[bytes]:
    with lzma.open(path, "rb") as file:
        while line := file.readline(LINE + 1):
            if len(line) > LINE:
                raise ValueError("a line is too long")
            yield line


def _read_folders(rows: list[Run], seeds: Container[int], folder: Path) -> dict[Path, Record]:
    records = {}
    for run in rows:
        places = [path.parent for path in (folder / run.folder.parent).glob(f"seed-*/{RECORD}")]
        numbered = {place: int(number) for place in places if (number := place.name.removeprefix("seed-")).isdecimal()}
        for place, seed in sorted(numbered.items(), key=itemgetter(1)):
            if seed in seeds:
                records[place] = read_record(place)
                if records[place].run.row != run.row:
                    raise BadInput(f"{place / RECORD}: of another run: remove its folder and run it again")
    return records


def _any_records(folder: Path) -> bool:
    return (folder / PACKED).is_file() or any(find_files(folder, RECORD))


def find_other_runs(experiment: Experiment, folder: Path) -> list[Path]:
    """The finished runs in ``folder`` of rows and seeds that the experiment does not name, such as removed ones."""
    if not any(find_files(folder, RECORD)):
        return []
    rows = {folder / run.folder.parent for run in experiment.runs(seeds=[0])}
    own = {f"seed-{seed}" for seed in (*experiment.search_seeds, *experiment.seeds)}
    finished = [file.parent for file in find_files(folder, RECORD) if file.parent.name.startswith("seed-")]
    others = [place for place in finished if place.parent not in rows or place.name not in own]
    nested = [copy.parent for copy in find_files(folder, EXPERIMENT) if copy.parent != folder]
    return sorted(place for place in others if place.name.removeprefix("seed-").isdecimal()
                  and not any(place.is_relative_to(other) for other in nested))  # fmt: skip


def find_unchosen_runs(experiment: Experiment, folder: Path) -> list[Path]:
    """The finished runs in ``folder`` of settings that the search does not choose, or not any more."""
    if not experiment.search_seeds or (folder / PACKED).is_file():
        return []
    records = _read(experiment, list(experiment.runs(seeds=[0])), folder)
    return sorted(set(records) - set(_drop_unchosen(experiment, records)))


def read_checked_records(
    experiment: Experiment, folder: Path, without: Container[Path] = (), command: str | None = None
) -> list[Record]:
    """The records in ``folder`` of the experiment's variants, tasks and seeds, as ``read_records`` has them.

    Args:
        without: folders of runs that are left out, because they are about to be made again.
        command: makes changed runs again, for messages; by default found from the copy in ``folder``.

    Raises:
        BadInput: a record was made with another configuration than the experiment now has, or from other data than
            another record of its row.
    """

    def remedy() -> str:
        file = read_origin(folder)
        known = command or (redo_command(experiment, folder, file) if file is not None and file.is_file() else None)
        another = "run the experiment again in another --out"
        return another if known is None else f"{known} makes changed runs again; or {another}"

    if not _any_records(folder):  # merging the configurations of a hundred thousand rows takes seconds
        return []
    rows = {run.row: run for run in experiment.runs(seeds=[0])}
    checksums: dict[tuple[str | None, str, str], tuple[str, str]] = {}
    records = _read(experiment, list(rows.values()), folder)
    records = {place: record for place, record in records.items() if place not in without}
    for place, record in records.items():
        row = record.run.row
        searching = record.seed in experiment.search_seeds
        now = experiment.configure_search(rows[row].declared) if searching else rows[row].declared
        if changed := declared_difference(record.declared, record.config, now):
            raise BadInput(f"{place}: recorded with another configuration ({changed}): {remedy()}")
        used = (record.data["source"]["checksum"], record.data["target"]["checksum"])
        if checksums.setdefault(row, used) != used:
            raise BadInput(f"{place}: made from other data than seeds before it: check DANN_DATA; {remedy()}")
    return list(_drop_unchosen(experiment, records).values())
