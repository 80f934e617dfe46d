"""Checksums of all that a run reads: its data, and the files of its network's weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from dann.config.schema import Config
from dann.data.pair import Pair
from dann.data.storage.download import compute_checksum
from dann.runner.records import Record
from dann.training.earlier_runs import EarlierRuns
from dann.training.source_model import checksum_weights

Checksums = dict[str, str]
OWN = "own "  # before the kind and name of a part of one's own; its checksum follows the name of its file or package
NAMES = {  # in messages
    "source": "the source's data",
    "target": "the target's data",
    "classes": "the names of the classes",
    "class_vectors": "data.class_vectors",
    "network.weights": "the file of network.weights",
    "network.model": "the files of network.model",
    "backbone": "the weights of the pretrained backbone",
    "method.from": "the weights of the run that method.from names",
    "data.generator": "the weights of the run that data.generator names",
}


def compute_checksums(config: Config, pair: Pair, earlier: EarlierRuns) -> Checksums:
    """The checksums by name: of the data, of files and folders that the network names, and of earlier runs.

    Args:
        earlier: the runs that it takes weights from.
    """
    sides = {side: str(pair.description[side]["checksum"]) for side in ("source", "target")}
    own = {f"{OWN}{part}": origin for part, origin in config.own_parts.items()}
    found = {**sides, **pair.checksums, "classes": _shorten("\n".join(pair.classes)), **_of_network(config), **own}
    for option, folder in (("method.from", earlier.source), ("data.generator", earlier.generator)):
        if folder is not None and (weights := checksum_weights(folder)) is not None:
            found[option] = weights
    return found


def _of_network(config: Config) -> Checksums:
    """The checksums of the files of the network's weights: a state dict, or a folder with a Hugging Face model."""
    found, options = {}, config.network.options()
    weights, model = (Path(str(options.get(key, ""))).expanduser() for key in ("weights", "model"))
    if weights.is_file():
        found["network.weights"] = _shorten(compute_checksum(weights))
    if (model / "config.json").is_file() and "model" in options:
        files = sorted(each for each in model.rglob("*") if each.is_file())
        found["network.model"] = _shorten("".join(map(compute_checksum, files)))
    return found


def _shorten(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recorded_checksums(record: Record) -> Checksums:
    """The checksums that a record has; records of earlier versions have those of the data alone."""
    return record.checksums | {side: record.data[side]["checksum"] for side in ("source", "target")}


def differing(recorded: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What changed, in words; what only one of the two has is not compared, as earlier versions kept less.

    A part of one's own that only one of them has is a change: before, it was another's of the same name.
    """
    changed = [key for key in recorded if key in now and recorded[key] != now[key]]
    changed += [key for key in {**recorded, **now} if key.startswith(OWN) and (key not in recorded or key not in now)]
    named = []
    for key in changed:
        if key.startswith(OWN):
            named.append(
                f"the {key.removeprefix(OWN)} ({recorded.get(key, 'of dann')} then, {now.get(key, 'of dann')} now)"
            )
        if key.endswith("_examples") or key.startswith(OWN):  # those are named with their side
            continue
        examples = f"{key}_examples"
        if examples in recorded and examples in now:
            part = "examples" if examples in changed else "labels"
            named.append(f"the {key}'s {part}")
        else:
            named.append(NAMES.get(key, key))
    return named
