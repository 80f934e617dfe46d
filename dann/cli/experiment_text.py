"""The text of a first experiment file: values that suit the data, each with a comment."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dann.cli.option_types import format_value
from dann.cli.own_data import Side
from dann.errors import BadInput

SMALL, LEAST = 64, 16  # pixels: up to SMALL a small network trained from scratch, below LEAST none fits
COLUMN, WIDTH = 52, 118  # where comments begin, and where lines end at most
LANGUAGE_MODEL = "distilbert-base-uncased"
Line = tuple[int, str, str]  # indentation, YAML, comment


def compose(source: Side, target: Side, data: dict[str, Any], out: Path) -> str:
    """The experiment file.

    Args:
        data: the options of ``data`` beside the two sides.
        out: where it will lie.
    """
    command = shlex.join(["dann", "run", str(out)])
    lines: list[Line] = [
        (0, "", f"# {command}             makes the runs, a table and figures"),
        (0, "", f"# {command} --dry-run   shows every value, defaults included"),
        (0, "", "# dann list; dann describe method dann   show what else may stand here"),
        (0, f"title: {format_value(name_pair(source, target))}", ""),
        (0, "seeds: [0, 1, 2]", "runs of each variant; five or more give usable intervals"),
        (0, "metrics: [accuracy, macro_f1]", "on the target's labelled test examples; dann list metric"),
        (0, "base:", "what all variants share"),
        (2, "data:", ""),
        *_sides(source, target),
        *_data(data),
        *_model(source, target),
        (2, "method: {name: dann}", "dann describe method dann lists its options"),
        *_variants(bool(target.counts)),
    ]
    return render(lines)


def name_pair(source: Side, target: Side) -> str:
    """The names of both sides, as a title."""
    return f"{_name(source)} to {_name(target)}"


def _name(side: Side) -> str:
    path = Path(side.entry["path"])
    return path.name if path.is_dir() else path.stem


def render(lines: Iterable[Line]) -> str:
    """The text of a file of these lines."""
    return "\n".join(part for line in lines for part in _render(*line)) + "\n"


def _render(indent: int, text: str, comment: str) -> list[str]:
    """One line; a comment that does not fit beside the text stands above it."""
    line = " " * indent + text
    if not comment:
        return [line]
    if not text:
        return [" " * indent + comment]
    beside = f"{line:{COLUMN}}  # {comment}"
    return [beside] if len(beside) <= WIDTH else [f"{' ' * indent}# {comment}", line]


def _sides(source: Side, target: Side) -> list[Line]:
    options = _reading(source, target)
    labels = sum(source.counts.values())
    entries = [format_value(side.entry | (options if _is_resized(side) else {})) for side in (source, target)]
    examples = sum(len(part or ()) for part in (target.labels, target.test_labels))
    tested = sum(target.counts.values())
    use = "no labels: no target accuracy"
    if tested:
        use = f"{tested} with a label, which serves only to test, never to train"
    return [
        (4, f"source: {entries[0]}", f"{labels} labelled examples of {len(source.counts)} classes"),
        (4, f"target: {entries[1]}", f"{examples} examples, {use}"),
    ]


def _is_resized(side: Side) -> bool:
    return side.from_files or side.form == "texts"


def _reading(source: Side, target: Side) -> dict[str, Any]:
    """The options with which files are read."""
    if source.form == "texts":
        return {"tokenizer": LANGUAGE_MODEL, "length": 128}
    if source.form != "images":
        return {}
    stored = [side.shape[1] for side in (source, target) if not side.from_files]
    if stored:  # arrays, to whose size the files are read
        return {"size": stored[0]}
    return {"size": 32 if _is_small(source, target) else 256}


def _is_small(source: Side, target: Side) -> bool:
    return max(*source.shape[1:], *target.shape[1:]) <= SMALL


def _data(options: dict[str, Any]) -> list[Line]:
    meanings = {
        "target_classes": "the classes that the source has too",
        "partial": "the target may lack classes of the source",
        "test": "share held out to test, where a side has no test split",
        "validation": "share of the source held out to select steps by",
        "missing": "missing values become the feature's mean; or median, knn",
    }
    return [(4, f"{name}: {format_value(options[name])}", text) for name, text in meanings.items() if name in options]


def _model(source: Side, target: Side) -> list[Line]:
    """Transform, network, optimiser and budget by the form and size of an example."""
    if source.form == "texts":
        return _pretrained(f"{{name: huggingface, model: {LANGUAGE_MODEL}}}", "", "adamw, lr: 0.0005")
    if source.form == "vectors":
        return _fresh("{name: mlp, hidden: 50}", "one hidden layer; a wider one for more data", "normalise: standard")
    if source.form == "series":
        return _fresh("{name: cnn1d}", "three convolutions over time", "normalise: standard")
    _check_size(source, target)
    colour = 3 in (source.shape[0], target.shape[0])
    if _is_small(source, target) or not colour:
        return _fresh("{name: mnist}", "two convolutions; for larger images see torchvision", "shift: 2")
    crop = "" if not (source.from_files and target.from_files) else "crop: 224, "
    transform = f"{crop}flip: 0.5, normalise: imagenet"
    return _pretrained("{name: torchvision, model: resnet18}", transform, "sgd, lr: 0.01")


def _check_size(source: Side, target: Side) -> None:
    smallest = min((min(side.shape[1:]) for side in (source, target) if not side.from_files), default=LEAST)
    if smallest < LEAST:
        raise BadInput(
            f"--source, --target: images of {smallest} pixels are too small for the networks here: enlarge them to "
            f"{LEAST}, or save them as vectors (N, D)"
        )


def _fresh(network: str, about: str, transform: str) -> list[Line]:
    changes = {"normalise: standard": "each feature to mean 0, deviation 1", "shift: 2": "moves by up to 2 pixels"}
    return [
        (4, "batch_size: 64", "examples of each domain in a step"),
        (4, f"transform: {{{transform}}}", f"{changes[transform]}; dann list transform"),
        (2, f"network: {network}", about),
        (2, "optimizer: {name: adamw, lr: 0.001}", "a first try; 0.0003 to 0.003 are usual"),
        (2, "train: {steps: 2000, evaluate_every: 500}", "raise steps while the curves still rise"),
    ]


def _pretrained(network: str, transform: str, optimiser: str) -> list[Line]:
    changed = [(4, f"transform: {{{transform}}}", "random in training only; dann list transform")] if transform else []
    return [
        (4, "batch_size: 32", "examples of each domain in a step"),
        *changed,
        (2, f"network: {network}", "pretrained: its weights are downloaded once"),
        (2, "finetune: {backbone: 0.1}", "learning rate of the pretrained part, as a share of lr"),
        (2, f"optimizer: {{name: {optimiser}, schedule: inverse}}", "lr: of the layers that are not pretrained"),
        (2, "train: {steps: 1000, evaluate_every: 250}", "raise steps while the curves still rise"),
    ]


def _variants(target_labels: bool) -> list[Line]:
    bound = "# train on target: {data: {source: target}, method: {name: source_only}}  # an upper bound"
    return [
        (0, "variants:", "the rows of the table, each as what it changes in base"),
        (2, "source only: {method: {name: source_only}}", "the baseline: no adaptation"),
        (2, "DANN: {}", "domain-adversarial training, as in base"),
        (2, "MCC: {method: {name: mcc}}", "minimum class confusion; dann list method"),
        (2, "", "# DANN, half λ: {method: {weight: 0.5}}"),
        *([(2, "", bound)] if target_labels else []),
    ]
