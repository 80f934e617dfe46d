"""Images of the user's own: a folder of class folders, or a CSV file of paths and labels."""

from collections.abc import Sequence
from os.path import realpath
from pathlib import Path

from dann.data.datasets.folder_dataset import Size
from dann.data.domain import UNLABELLED, Domain, Split
from dann.data.readers.image_files import Fit, OnBad, list_class_folders
from dann.data.readers.image_lists import ListedImage, keep_existing
from dann.data.readers.labelled_csv import PARTS, PATHS, Row, read_rows
from dann.data.storage.folders import resolve_user_path
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput


def folder(
    *, path: str, test: str | None = None, size: Size = 256, fit: Fit = "squash", on_bad: OnBad = "error"
) -> Domain:
    """Images of your own in class folders: ``<path>/<class>/**/*``, classes in the order of their names.

    jpg, png, bmp, webp, gif, ppm and tif files are read as RGB, shape ``(N, 3, size, size)``, values 0 to 255.

    Args:
        path: the folder, from the working directory or else from the data folder.
        test: a second folder with the same classes, for the test split; without it no test split is defined.
        size: H and W.
        fit: ``squash`` stretches an image to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable image is an error or is skipped.
    """
    roots = [resolve_user_path(name).absolute() for name in (path, test) if name is not None]
    if len({root.resolve() for root in roots}) < len(roots):
        raise BadInput(f"folder: path and test are both {roots[0]}: a test image would be trained on; name two folders")
    read = [list_class_folders(root) for root in roots]
    classes = read[0][2]
    if read[-1][2] != classes:
        differing = ", ".join(sorted(set(classes) ^ set(read[-1][2])))
        raise BadInput(
            f"{roots[1]}: its classes are not those of {roots[0]}; they differ in {differing}: name them alike"
        )
    splits: list[Split] = []
    skipped: tuple[str, ...] = ()
    for root, (paths, labels, _) in zip(roots, read, strict=True):
        split, bad = load_image_split(paths, labels, root=root, size=size, fit=fit, on_bad=on_bad)
        splits.append(split)
        skipped += bad
    origin = f"folder {' and '.join(root.name for root in roots)}, {' + '.join(str(len(s)) for s in splits)} images"
    return Domain(roots[0].name, splits[0], splits[1] if test is not None else None, classes, origin, skipped)


def csv(
    *, path: str, test: str | None = None, size: Size = 256, fit: Fit = "squash", on_bad: OnBad = "error"
) -> Domain:
    """Images of your own named by a CSV file with the columns ``path`` and ``label``.

    The first line names the columns; ``image``, ``file`` or ``filename`` and ``class`` or ``target`` serve too.
    Commas, semicolons or tabs between them, quotes, and a byte order mark are understood. Paths start from the file's
    folder. An empty label or −1 makes an example unlabelled. Classes are in the order of their names, numbers in that
    of their values. A column ``split`` of ``train`` and ``test`` marks the test split.

    RGB, shape ``(N, 3, size, size)``, values 0 to 255.

    Args:
        path: the file, from the working directory or else from the data folder.
        test: a second file, for the test split; without it and without ``split`` no test split is defined.
        size: H and W.
        fit: ``squash`` stretches an image to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable or missing image is an error or is skipped.
    """
    file = resolve_user_path(path).absolute()
    rows = read_parts(file, resolve_user_path(test).absolute() if test is not None else None)
    classes = list_classes(rows)
    parts = [(place, _list_images(place, some, classes)) for place, some in rows]
    _check_apart(parts)
    splits: list[Split] = []
    skipped: tuple[str, ...] = ()
    for place, listed in parts:
        split, left_out = _split(place, listed, size, fit, on_bad)
        splits.append(split)
        skipped += left_out
    origin = f"file {file.name}, {' + '.join(str(len(split)) for split in splits)} images"
    return Domain(file.stem, splits[0], splits[1] if len(splits) > 1 else None, classes, origin, skipped)


def read_parts(file: Path, test: Path | None, examples: tuple[str, ...] = PATHS) -> list[tuple[Path, list[Row]]]:
    """Read the rows of the training split and, if there is one, of the test split, each with their file.

    Args:
        examples: possible names of the column of the examples.
    """
    rows = read_rows(file, examples)
    split = {part: [row for row in rows if row.part == part] for part in PARTS}
    if test is not None:
        held = read_rows(test, examples)
        if any(row.part for row in (*rows, *held)):
            raise BadInput(f"{file}: there are a `test` file and a column split: remove one of the two")
        return [(file, rows), (test, held)]
    if not rows[0].part:
        return [(file, rows)]
    if not split["train"]:
        raise BadInput(f"{file}: no row has the split train: mark those to train on")
    return [(file, rows) for rows in split.values() if rows]


def list_classes(parts: Sequence[tuple[Path, list[Row]]]) -> tuple[str, ...]:
    """List the labels in order; by value if all are numbers."""
    labels = {row.label for _, rows in parts for row in rows if row.label}
    if all(label.removeprefix("-").isdecimal() for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))


def _list_images(file: Path, rows: list[Row], classes: tuple[str, ...]) -> list[ListedImage]:
    index = {name: label for label, name in enumerate(classes)} | {"": UNLABELLED}
    return [ListedImage(row.number, row.name, file.parent / row.name, index[row.label]) for row in rows]


def _check_apart(parts: list[tuple[Path, list[ListedImage]]]) -> None:
    """Raise if an image is named twice: one of the two might be held out of the other's training."""
    seen: dict[str, str] = {}
    for file, listed in parts:
        for line in listed:
            here = f"{file}, line {line.number}"
            image = realpath(line.path)
            if image in seen:
                raise BadInput(
                    f"{here}: {line.name} is named before ({seen[image]}): remove one of the "
                    "two, or one may be trained on and the other held out"
                )
            seen[image] = here


def _split(file: Path, listed: list[ListedImage], size: int, fit: Fit, on_bad: OnBad) -> tuple[Split, tuple[str, ...]]:
    there, missing = keep_existing(file, listed, on_bad)
    paths = [line.path for line in there]
    inside = all(path.is_relative_to(file.parent) for path in paths)
    root = file.parent if inside else Path(file.anchor)  # absolute paths may lead anywhere
    split, bad = load_image_split(paths, [line.label for line in there], root=root, size=size, fit=fit, on_bad=on_bad)
    return split, missing + bad
