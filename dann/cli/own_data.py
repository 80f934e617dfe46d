"""Inspection of a user's own data: which data set of ``dann`` reads it, its shape and its labels."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

from dann.config.components import read_component
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.own_images import list_labelled_files, read_labels, read_parts
from dann.data.datasets.own_texts import SUFFIXES as TEXT_FILES
from dann.data.domain import UNLABELLED, Domain, Split
from dann.data.readers.array_files import SUFFIXES as ARRAYS
from dann.data.readers.image_conversion import open_image
from dann.data.readers.image_files import SUFFIXES, list_files
from dann.data.readers.label_spellings import find_unlabelled
from dann.data.readers.labelled_csv import PATHS, TEXTS, is_plain
from dann.data.readers.svmlight import read_svmlight
from dann.data.readers.table_csv import looks_like_table
from dann.data.readers.text_files import NAME, read_text
from dann.errors import BadInput
from dann.files.user_paths import expand_user, resolve_user_path

Form = Literal["images", "vectors", "series", "texts"]
ASKS = re.compile(r"\bset (layout|columns|duplicates|encoding): |such as range: ")  # messages whose remedy is an option
SAMPLED = 50  # image files whose sizes are looked at
FORMATS = "a folder of images, or a .csv, .txt, .npz, .npy, .pt, .mat or .svm file"


@dataclass(frozen=True)
class Side:
    """The source or the target.

    Args:
        entry: the data set and its options, as in an experiment file.
        shape: of one example as it is stored; of image files the median height and width; empty for texts.
        labels: the class of each training example, empty where it has none.
        test_labels: likewise of its own test split; None without one.
        missing: whether values are missing.
        columns: the names of the features of a table.
    """

    entry: dict[str, Any]
    form: Form
    shape: tuple[int, ...]
    labels: list[str]
    test_labels: list[str] | None = None
    missing: bool = False
    columns: tuple[str, ...] = ()

    @property
    def from_files(self) -> bool:
        """Whether the examples are image files, which are resized as they are read."""
        return self.form == "images" and self.entry["name"] != "arrays"

    @property
    def has_few_labels(self) -> bool:
        """Whether it has labels, but for less than half of its examples, and no test split: then all of them test."""
        return self.test_labels is None and 0 < 2 * sum(self.counts.values()) < len(self.labels)

    @property
    def counts(self) -> Counter[str]:
        """The labelled examples of each class, all splits together."""
        return Counter(label for label in (*self.labels, *(self.test_labels or ())) if label)


def inspect_side(path: str, labels: str | None = None, more: Mapping[str, Any] | None = None) -> Side:
    """The data at a path.

    Args:
        labels: a file with the labels alone, for a file of arrays.
        more: options of the data set that its shape or its first line do not decide.

    Raises:
        BadInput: the path is missing, or of no known form; or the content is damaged.
    """
    place = resolve_user_path(path)
    inspect = _inspect_folder if place.is_dir() else INSPECTORS.get(place.suffix.lower())
    if inspect is None:
        raise BadInput(f"{path}: its ending is not known: give {FORMATS}")
    if labels is not None and inspect is not _inspect_arrays:
        raise BadInput(f"{labels}: labels of their own are for files of arrays, but {path} is none: leave them out")
    try:
        return inspect(place, {"path": path, **({"labels": labels} if labels else {}), **(more or {})})
    except BadInput as error:
        if not ASKS.search(str(error)):
            raise
        raise BadInput(f"{error} (for dann init: --set layout=nlc and the like)") from error


def _inspect_folder(place: Path, options: dict[str, Any]) -> Side:
    of_texts = len(list_files(place, TEXT_FILES)) > len(list_files(place))
    paths, labels = list_labelled_files(place, TEXT_FILES, "text") if of_texts else list_labelled_files(place)
    without = find_unlabelled(labels, options.get("unlabelled"))
    names = ["" if label in without else label for label in labels]
    if of_texts:
        return Side({"name": "texts", **options}, "texts", (), names)
    return Side({"name": "folder", **options}, "images", _image_shape(paths), names)


def _image_shape(paths: Sequence[Path]) -> tuple[int, ...]:
    """The median height and width of some image files, spread over all."""
    sizes = []
    for path in paths[:: max(1, len(paths) // SAMPLED)]:
        try:
            with open_image(path) as image:
                sizes.append(image.size)
        except Exception as error:  # Pillow's plugins raise all sorts of exceptions on damaged files
            raise BadInput(f"{path}: not a readable image: restore or remove it") from error
    width, height = (int(median(each)) for each in zip(*sizes, strict=True))
    return 3, height, width


def _inspect_csv(place: Path, options: dict[str, Any]) -> Side:
    encoding = options.get("encoding")
    header = next(iter(read_text(place, encoding, NAME).splitlines()), "").lower()
    columns = {name.strip(" \"'") for delimiter in ",;\t" for name in header.split(delimiter)}
    if not columns & {*PATHS, *TEXTS} and looks_like_table(place, options.get("label")):
        return _inspect_table(place, options)
    columns = set(options["columns"]) if options.get("columns") else columns
    lines = is_plain(place, header, (*PATHS, *TEXTS))
    if not columns & {*PATHS, *TEXTS} and not lines:
        named = "path" if any(Path(name).suffix in SUFFIXES for name in columns) else "text"
        raise BadInput(
            f"{place}: no column path or text in its first line, {header[:60]!r}: name it so, beside a column label if "
            f"there are labels; if it is an example, give --set 'columns=[{named}, label]'; a table of numbers needs a "
            "first line with the names of its columns"
        )
    of_images = bool(columns & set(PATHS)) or (lines and Path(header.strip()).suffix in SUFFIXES)
    examples, given = PATHS if of_images else TEXTS, options.get("columns")
    read = read_parts(place, None, examples, given, encoding)
    reading = read_labels(read, options.get("unlabelled"), examples, given, encoding)
    parts = [rows for _, rows in read]
    names = {label: reading.classes[y] if y != UNLABELLED else "" for label, y in reading.index.items()}
    labels = [[names[row.label] for row in rows] for rows in parts]
    shape = _image_shape([place.parent / expand_user(row.name) for row in parts[0]]) if of_images else ()
    entry = {"name": "csv" if of_images else "texts", **options}
    return Side(entry, "images" if of_images else "texts", shape, labels[0], labels[1] if len(labels) > 1 else None)


def _inspect_table(place: Path, options: dict[str, Any]) -> Side:
    """A table of numbers, whose features the experiment file names."""
    entry = {"name": "table", **options}
    domain = _load(entry, place)
    return replace(_from_domain(entry, domain), columns=domain.columns)


def _inspect_arrays(place: Path, options: dict[str, Any]) -> Side:
    entry = {"name": "arrays", **options}
    return _from_domain(entry, _load(entry, place))


def _inspect_svmlight(place: Path, options: dict[str, Any]) -> Side:
    content = read_svmlight(place)
    entry = {"name": "svmlight", **options} | ({"first": 0} if content.has_index_zero else {})
    return _from_domain(entry, _load(entry, place))


def _load(entry: dict[str, Any], place: Path) -> Domain:
    domain: Domain = read_component(entry, "data", DOMAINS, "data set", str(place)).build()
    return domain


def _from_domain(entry: dict[str, Any], domain: Domain) -> Side:
    def names(split: Split) -> list[str]:
        return ["" if y == UNLABELLED else domain.classes[y] for y in split.y.tolist()]

    forms: dict[int, Form] = {1: "vectors", 2: "series", 3: "images"}
    missing = len(domain.input_shape) < 3 and bool(domain.train.x.isnan().any())
    test = None if domain.test is None else names(domain.test)
    return Side(entry, forms[len(domain.input_shape)], domain.input_shape, names(domain.train), test, missing)


INSPECTORS: dict[str, Callable[[Path, dict[str, Any]], Side]] = {
    **dict.fromkeys((".csv", ".txt"), _inspect_csv),
    **dict.fromkeys(ARRAYS, _inspect_arrays),
    **dict.fromkeys((".svm", ".svmlight", ".libsvm"), _inspect_svmlight),
}
