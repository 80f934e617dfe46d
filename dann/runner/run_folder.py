"""The folder of one run: its name until it is finished, and the checks that it is of this configuration and data."""

import json
from pathlib import Path
from typing import Any

from dann.config.comparison import difference
from dann.config.migration import WRITTEN_BY, add_options, is_old, upgrade, version_mark
from dann.config.plug_ins import Library
from dann.config.schema import Config, resolve
from dann.data.pair import Pair
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.files.input_limits import check_regular
from dann.runner.checksums import Checksums, compute_checksums, differing
from dann.runner.record_schema import load_line
from dann.runner.records import CONFIGURATION, RECORD, read_record, unfinished_folder
from dann.training.checkpoint import CHECKPOINT, PREVIOUS
from dann.training.stacking.grouping import Planned

DATA = "data.json"
USED = "use"  # the folder of copies of one's own parts, as they were executed
OLD_DATA = {"trunk": "backbone"}  # names of version 0.1


def is_finished(place: Path) -> bool:
    return (place / RECORD).is_file()


def has_checkpoint(unfinished: Path) -> bool:
    """Whether a run can go on; a kill between the two renames of a checkpoint leaves only the previous one."""
    return any((unfinished / name).is_file() for name in (CHECKPOINT, PREVIOUS))


def find_other_configuration(place: Path, config: Config) -> tuple[Path, str] | None:
    """The folder of a run, finished or begun, that has another configuration, and the first difference; or None.

    Raises:
        BadInput: the folder of a finished run has no record, or one of them is damaged.
    """
    if place.exists() and not is_finished(place):
        raise BadInput(f"{place} holds no {RECORD}: remove that folder to make the run again")
    unfinished = unfinished_folder(place)
    # In this order, because another process may complete the run meanwhile.
    for folder, file in ((unfinished, CONFIGURATION), (place, RECORD)):
        # A run without a checkpoint starts again, so that one that stopped at its first step can be corrected.
        if (folder / file).is_file() and (folder == place or has_checkpoint(unfinished)):
            try:
                recorded = read_record(folder).config if file == RECORD else _read_configuration(folder / file)
            except FileNotFoundError:
                continue
            now = config.model_dump(mode="json")
            if difference(recorded, now) and (changed := difference(_with_defaults(recorded, config.library), now)):
                return folder, changed
    return None


def _with_defaults(recorded: dict[str, Any], library: Library) -> dict[str, Any]:
    """A configuration with the defaults of options that later versions added, which do what was done before."""
    try:
        return resolve(recorded, CONFIGURATION, library).model_dump(mode="json")
    except BadInput:  # an option has been removed since: it differs
        return recorded


def prepare_folder(folder: Path, planned: Planned, pair: Pair, backbone: str | None, *, resumed: bool) -> None:
    """Write the configuration and the checksums of the data into an unfinished run's folder.

    Args:
        backbone: the checksum of the pretrained backbone before training, if there is one.
        resumed: whether the run goes on from a checkpoint.

    Raises:
        BadInput: the checkpoint was trained with other data or another backbone.
    """
    config = planned.config
    for file in config.library.files:
        write_whole(folder / USED / file.name, file.content)
    write_whole(folder / CONFIGURATION, json.dumps(config.model_dump(mode="json") | version_mark()).encode())
    for unfinished in folder.glob("*.tmp"):  # of a process that was killed while it wrote
        unfinished.unlink()
    checksums = compute_checksums(config, pair, planned.earlier) | ({} if backbone is None else {"backbone": backbone})
    if resumed and (changed := differing(read_checksums(folder), checksums)):
        raise BadInput(
            f"{folder}: was begun with other data or weights: {', '.join(changed)} changed: restore them, or add "
            "--redo changed to begin again"
        )
    write_whole(folder / DATA, json.dumps(checksums).encode())


def read_checksums(folder: Path) -> Checksums:
    """The checksums that ``prepare_folder`` wrote; none if it did not."""
    try:
        recorded = _read_json(folder / DATA)
    except FileNotFoundError:
        recorded = {}
    return {OLD_DATA.get(name, name): checksum for name, checksum in recorded.items()}


def _read_configuration(path: Path) -> dict[str, Any]:
    """The configuration of an unfinished run, in the names of this version."""
    recorded = _read_json(path)
    return add_options(upgrade(recorded) if is_old(recorded.pop(WRITTEN_BY, None)) else recorded)


def _read_json(path: Path) -> dict[str, Any]:
    check_regular(path)
    try:
        return load_line(path.read_bytes())
    except ValueError as error:
        raise BadInput(f"{path}: damaged ({error}): remove its folder to make the run again") from error
