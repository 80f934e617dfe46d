"""Images of the user's own: a folder of class folders, or a CSV file of paths and labels."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from os.path import realpath
from pathlib import Path

from dann.data.datasets.folder_dataset import Size
from dann.data.domain import UNLABELLED, Domain, LabelNotes, Split
from dann.data.readers.folder_scan import scan_folder
from dann.data.readers.image_files import SUFFIXES, Fit, OnBad, list_class_folders, list_class_names, list_files
from dann.data.readers.image_lists import ListedImage, keep_existing
from dann.data.readers.label_spellings import (
    LabelReading,
    Unlabelled,
    describe_labels,
    find_unlabelled,
    read_spellings,
)
from dann.data.readers.labelled_csv import PARTS, PATHS, Columns, Row, is_plain, read_rows
from dann.data.readers.row_duplicates import Duplicates, separate_parts
from dann.data.readers.text_files import Encoding, read_text
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput
from dann.files.user_paths import expand_user, resolve_user_path


def folder(
    *,
    path: str,
    test: str | None = None,
    size: Size = 256,
    fit: Fit = "squash",
    on_bad: OnBad = "error",
    unlabelled: Unlabelled = None,
) -> Domain:
    """Images of your own in class folders: ``<path>/<class>/**/*``, classes in the order of their names.

    Images without labels lie in ``<path>/unlabelled``, beside class folders or alone, or in ``<path>`` itself.

    jpg, png, bmp, webp, gif, avif, ppm, pgm, pbm, tif and heic files are read as upright RGB, shape
    ``(N, 3, size, size)``, values 0 to 255; transparent pixels lie over white, 16 bits a channel are scaled to 8.

    Args:
        path: the folder, from the working directory or else from the data folder.
        test: a second folder with the same classes, for the test split; without it no test split is defined.
        size: H and W.
        fit: ``squash`` stretches an image to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable image is an error or is skipped.
        unlabelled: names of folders whose images have no label; by default ``unlabelled``.
    """
    roots = [resolve_user_path(name).absolute() for name in (path, test) if name is not None]
    if len({root.resolve() for root in roots}) < len(roots):
        raise BadInput(f"folder: path and test are both {roots[0]}: a test image would be trained on; name two folders")
    read = [list_labelled_files(root) for root in roots]
    counts = [Counter(labels) for _, labels in read]
    classes = _find_classes(roots, counts, unlabelled)
    index = {name: place for place, name in enumerate(classes)}
    splits: list[Split] = []
    skipped: tuple[str, ...] = ()
    for root, (paths, labels) in zip(roots, read, strict=True):
        indices = [index.get(label, UNLABELLED) for label in labels]
        split, bad = load_image_split(paths, indices, root=root, size=size, fit=fit, on_bad=on_bad)
        splits.append(split)
        skipped += bad
    origin = f"folder {' and '.join(root.name for root in roots)}, {' + '.join(str(len(s)) for s in splits)} images"
    every = sum(counts, Counter[str]())
    notes = describe_labels(every, set(every) - set(classes), unlabelled)
    test_split = splits[1] if test is not None else None
    found = _describe_files(roots, [paths for paths, _ in read])
    return Domain(roots[0].name, splits[0], test_split, classes, origin, skipped, notes, found)


def _describe_files(roots: list[Path], paths: list[list[Path]]) -> tuple[str, ...]:
    """Sentences on files that are not read, and on files that training and test share."""
    sentences: list[str] = []
    for root, listed in zip(roots, paths, strict=True):
        scan = scan_folder(root, SUFFIXES)
        sentences += scan.describe()
        if (unread := len(scan.images) - len(listed)) > 0:
            sentences.append(f"{root.name}: {unread} images beside the class folders are not read")
    files = [{realpath(path) for path in listed} for listed in paths]
    if both := len(set.intersection(*files)) if len(files) > 1 else 0:
        sentences.append(f"{both} files are in training and in test, by links: remove them from one of the two")
    return tuple(sentences)


def list_labelled_files(
    root: Path, suffixes: Collection[str] = SUFFIXES, kind: str = "image"
) -> tuple[list[Path], list[str]]:
    """List the images in a user's folder and the names of their class folders, empty where there is none.

    Args:
        suffixes: of the files, in lower case, if they are no images.
        kind: what a file holds, for messages.

    Raises:
        BadInput: there are no images, or a class folder holds none.
    """
    if root.is_dir() and not list_class_names(root):
        files = list_files(root, suffixes)
        if not files:
            raise BadInput(
                f"{root}: no {kind}s and no class folders there: put one folder of {kind}s for each class in"
            )
        return files, [""] * len(files)
    paths, labels, names = list_class_folders(root, suffixes, kind)
    return paths, [names[label] for label in labels]


def _find_classes(roots: list[Path], counts: list[Counter[str]], unlabelled: Unlabelled) -> tuple[str, ...]:
    """The classes of folders that have the same, but for those without any label; empty if none has one."""
    first, *others = [tuple(sorted(set(each) - find_unlabelled(each, unlabelled))) for each in counts]
    for root, other in zip(roots[1:], others, strict=True):
        if first and other and first != other:
            differing = ", ".join(sorted(set(first) ^ set(other)))
            raise BadInput(
                f"{root}: its classes are not those of {roots[0]}; they differ in {differing}: name them alike"
            )
        first = first or other
    return first


def csv(
    *,
    path: str,
    test: str | None = None,
    size: Size = 256,
    fit: Fit = "squash",
    on_bad: OnBad = "error",
    unlabelled: Unlabelled = None,
    columns: Columns = None,
    duplicates: Duplicates = "error",
) -> Domain:
    """Images of your own named by a CSV file with the column ``path`` and, where there are labels, ``label``.

    The first line names the columns; ``image``, ``file`` or ``filename`` and ``class`` or ``target`` serve too.
    Commas, semicolons or tabs between them, quotes, and a byte order mark are understood. Paths start from the file's
    folder. Classes are in the order of their names, numbers in that of their values. A column ``split`` of ``train``
    and ``test`` marks the test split.

    RGB, shape ``(N, 3, size, size)``, values 0 to 255.

    Args:
        path: the file, from the working directory or else from the data folder.
        test: a second file, for the test split; without it and without ``split`` no test split is defined.
        size: H and W.
        fit: ``squash`` stretches an image to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable or missing image is an error or is skipped.
        unlabelled: labels that mean there is none, such as ``[NA]``; an empty one always does. By default also −1 and
            NA, none, null and nan beside numbers, unless −1 stands beside 1, or 0 and 1 (dann/data/README.md).
        columns: the names of the columns, such as [path, label], of a file whose first line is an example.
        duplicates: whether images that are named twice are an error, or one of the two is dropped.
    """
    file = resolve_user_path(path).absolute()
    rows = read_parts(file, resolve_user_path(test).absolute() if test is not None else None, PATHS, columns)
    rows, found = separate_parts(rows, _find_image, "{name} is named before", duplicates, within=True)
    reading = read_labels(rows, unlabelled, PATHS, columns)
    parts = [(place, _list_images(place, some, reading)) for place, some in rows]
    splits: list[Split] = []
    skipped: tuple[str, ...] = ()
    for place, listed in parts:
        split, left_out = _split(place, listed, size, fit, on_bad)
        splits.append(split)
        skipped += left_out
    origin = f"file {file.name}, {' + '.join(str(len(split)) for split in splits)} images"
    test_split = splits[1] if len(splits) > 1 else None
    return Domain(file.stem, splits[0], test_split, reading.classes, origin, skipped, reading.notes, found)


def _find_image(file: Path, row: Row) -> str:
    """The real path of the image in a row, which starts from the file's folder."""
    return realpath(file.parent / expand_user(row.name))


def read_parts(
    file: Path,
    test: Path | None,
    examples: tuple[str, ...] = PATHS,
    columns: Columns = None,
    encoding: Encoding = None,
) -> list[tuple[Path, list[Row]]]:
    """Read the rows of the training split and, if there is one, of the test split, each with their file.

    Args:
        examples: possible names of the column of the examples.
        columns: the names of the columns of files whose first line does not name them.
        encoding: of files without a byte order mark.
    """
    rows = read_rows(file, examples, columns, encoding=encoding)
    split = {part: [row for row in rows if row.part == part] for part in PARTS}
    if test is not None:
        held = read_rows(test, examples, columns, encoding=encoding)
        if any(row.part for row in (*rows, *held)):
            raise BadInput(f"{file}: there are a `test` file and a column split: remove one of the two")
        return [(file, rows), (test, held)]
    if not rows[0].part:
        return [(file, rows)]
    if not split["train"]:
        raise BadInput(f"{file}: no row has the split train: mark those to train on")
    return [(file, rows) for rows in split.values() if rows]


def read_labels(
    parts: Sequence[tuple[Path, list[Row]]],
    unlabelled: Unlabelled,
    examples: tuple[str, ...] = PATHS,
    columns: Columns = None,
    encoding: Encoding = None,
) -> LabelReading:
    """Find out what the labels of all parts of a domain mean; where there are none, name the columns of the file.

    Args:
        examples: as in ``read_parts``.
        columns: as in ``read_parts``.
        encoding: as in ``read_parts``.
    """
    try:
        reading = read_spellings(Counter(row.label for _, rows in parts for row in rows), unlabelled)
    except BadInput as error:
        raise BadInput(f"{' and '.join(str(file) for file, _ in parts)}: {error}") from error
    if reading.classes or any(row.label for _, rows in parts for row in rows):
        return reading
    if parts[0][0].is_dir():
        return reading
    text = read_text(parts[0][0], encoding)
    if columns is not None or is_plain(parts[0][0], text, examples):
        return reading
    header = next(iter(text.splitlines())).strip()[:80]
    sentences = (*reading.notes.sentences, f"the columns of {parts[0][0].name} are {header}")
    return replace(reading, notes=LabelNotes(sentences))


def _list_images(file: Path, rows: list[Row], labels: LabelReading) -> list[ListedImage]:
    return [
        ListedImage(row.number, row.name, file.parent / expand_user(row.name), labels.index[row.label]) for row in rows
    ]


def _split(file: Path, listed: list[ListedImage], size: int, fit: Fit, on_bad: OnBad) -> tuple[Split, tuple[str, ...]]:
    there, missing = keep_existing(file, listed, on_bad)
    paths = [line.path for line in there]
    inside = all(path.is_relative_to(file.parent) for path in paths)
    root = file.parent if inside else Path(file.anchor)  # absolute paths may lead anywhere
    split, bad = load_image_split(paths, [line.label for line in there], root=root, size=size, fit=fit, on_bad=on_bad)
    return split, missing + bad
