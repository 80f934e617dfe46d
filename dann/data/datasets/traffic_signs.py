"""GTSRB and SYN SIGNS, German traffic signs photographed and rendered."""

import csv
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from dann.data.domain import Domain, Split
from dann.data.readers.image_files import Box, OnBad
from dann.data.storage.archives import fetch_archive
from dann.data.storage.download import Remote
from dann.data.storage.folders import data_folder, find_dataset_folder, missing_data_error
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput

ERDA = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
TRAINING = Remote(f"{ERDA}GTSRB_Final_Training_Images.zip", "md5:f33fd80ac59bff73c82d25ab499e03a3")
TEST = Remote(f"{ERDA}GTSRB_Final_Test_Images.zip", "md5:c7e4e6327067d32654124b0fe9e82185")
TRUTH = Remote(f"{ERDA}GTSRB_Final_Test_GT.zip", "md5:fe31e9c9270bbcd7b84b7f21a9d9d9e5")
CLASSES = tuple(f"{number:02d}" for number in range(43))
COUNTS = {"Final_Training/Images": 39_209, "Training": 26_640, "Final_Test/Images": 12_630, "syn_signs": 100_000}
COLUMNS = ("Width", "Height", "Roi.X1", "Roi.Y1", "Roi.X2", "Roi.Y2", "ClassId")

Side = Annotated[int, Field(ge=4, le=4096)]


class Sign(NamedTuple):
    """An image, the part of it that is the sign, and its class."""

    path: Path
    box: Box
    label: int


def gtsrb(*, size: Side = 40, crop: bool = True, official_test: bool = True, on_bad: OnBad = "error") -> Domain:
    """GTSRB: 39 209 + 12 630 RGB photos of 43 German traffic signs, 15 × 15 to 250 × 250 (Stallkamp et al. 2012).

    Reads ``GTSRB/Final_Training/Images/000NN/*.ppm`` with ``GT-000NN.csv``, ``GTSRB/Final_Test/Images/*.ppm`` and
    ``GT-final_test.csv`` under ``gtsrb/`` (or ``GTSRB/``) in the data folder; what is missing is downloaded. The 26 640
    training images of the first stage of the competition (``GTSRB/Training/000NN``), which torchvision downloads, are
    read where the 39 209 of the second are not there; the record says which. Training images come in tracks of 30 of
    one physical sign, so images held out of them at random are easier than test images. Classes are named by number.

    Ganin et al. 2016 adapt to 31 367 random images of the 39 209 and evaluate on the rest, which ``official_test:
    false`` with ``data.test: 0.20001`` does; as tracks are then divided, training on the target is easier there than on
    the official split.

    Values 0 to 255. Licence: not stated with the archives; its page asks for the citation. J. Stallkamp, M. Schlipsing,
    J. Salmen, C. Igel, *Man vs. Computer: Benchmarking Machine Learning Algorithms for Traffic Sign Recognition*, 2012.

    Args:
        size: H and W.
        crop: keep the sign only; else with its border, a tenth of the sign and at least 5 pixels on each side.
        official_test: the official test images are the test split; else they are not read, and ``data.test`` is held
            out of the training images.
        on_bad: whether an unreadable image is an error or left out.
    """
    folder = find_dataset_folder("gtsrb") or find_dataset_folder("GTSRB") or data_folder() / "gtsrb"
    training = _find(folder, "Final_Training/Images", "Training")
    training = training or _fetch(TRAINING, folder, "Final_Training/Images")
    full = training.name == "Images"
    signs = [_read_training_signs(training, "Final_Training/Images" if full else "Training")]
    signs += [_read_official_test(folder)] if official_test else []
    loaded = [_load_split(part, folder, size, crop, on_bad) for part in signs]
    train, *test = [split for split, _ in loaded]
    origin = f"the {'39 209' if full else '26 640'} official training images, {'cropped' if crop else 'whole'}"
    skipped = tuple(name for _, names in loaded for name in names)
    return Domain("gtsrb", train, test[0] if test else None, CLASSES, origin, skipped)


def syn_signs(*, size: Side = 40, on_bad: OnBad = "error") -> Domain:
    """SYN SIGNS: 100 000 rendered RGB images of the 43 traffic signs of GTSRB, 40 × 40 (Moiseev et al. 2013).

    Reads ``train_labelling.txt``, a line ``train/NAME.png CLASS NUMBER`` for each image, and the images it lists, in
    ``syn_signs/`` or ``synthetic_data/`` in the data folder. No test split is defined: as a source all images train,
    as in Ganin et al. 2016.

    Values 0 to 255. Licence: not stated. B. Moiseev, A. Konev, A. Chigorin, A. Konushin, *Evaluation of Traffic Sign
    Recognition Methods Trained on Synthetically Generated Data*, 2013.

    Args:
        size: H and W.
        on_bad: whether an unreadable image is an error or left out.
    """
    folder = find_dataset_folder("syn_signs") or find_dataset_folder("synthetic_data") or data_folder() / "syn_signs"
    listing = _find(folder, "train_labelling.txt")
    if listing is None:
        raise missing_data_error(
            "syn_signs",
            "put train_labelling.txt and the folder train of synthetic_data.zip (linked from "
            "graphics.cs.msu.ru/en/node/1337) into syn_signs/ there, or set DANN_DATA to a folder that has them",
        )
    paths, labels = _read_listing(listing)
    split, bad = load_image_split(paths, labels, root=folder, size=size, on_bad=on_bad)
    return Domain("syn_signs", split, None, CLASSES, "the release of 100 000 images", bad)


def _find(folder: Path, *names: str) -> Path | None:
    """Find the first of ``names`` in ``folder``, or in its folders, where archives are unpacked, or in theirs."""
    tried = (sorted(folder.glob(above + name)) for name in names for above in ("", "*/", "*/GTSRB/"))
    return next((places[0] for places in tried if places), None)


def _fetch(remote: Remote, folder: Path, name: str) -> Path:
    otherwise = (
        "put the folders Final_Training and Final_Test and the file GT-final_test.csv of the official archives into "
        "gtsrb/GTSRB/ there, or set DANN_DATA to a folder that has them"
    )
    unpacked = fetch_archive("gtsrb", remote, folder, otherwise)
    place = _find(unpacked, name)
    if place is None:
        raise BadInput(f"{unpacked}: has no {name}: remove the folder, and it is downloaded again")
    return place


def _read_training_signs(folder: Path, part: str) -> list[Sign]:
    signs = []
    for number in range(len(CLASSES)):
        table = folder / f"{number:05d}" / f"GT-{number:05d}.csv"
        for sign in _read_table(table, table.parent):
            if sign.label != number:
                raise BadInput(f"{table}: {sign.path.name} has class {sign.label}, not {number}: restore the file")
            signs.append(sign)
    return _check_count(signs, folder, part)


def _read_official_test(folder: Path) -> list[Sign]:
    test = _find(folder, "Final_Test/Images") or _fetch(TEST, folder, "Final_Test/Images")
    truth = _find(folder, *(f"{place}GT-final_test.csv" for place in ("", "Final_Test/", "Final_Test/Images/")))
    truth = truth or _fetch(TRUTH, folder, "GT-final_test.csv")
    return _check_count(_read_table(truth, test), truth, "Final_Test/Images")


def _check_count(signs: list[Sign], place: Path, part: str) -> list[Sign]:
    if len(signs) != COUNTS[part]:
        raise BadInput(f"{place}: lists {len(signs)} images, not the {COUNTS[part]} of GTSRB: download it again")
    return signs


def _read_table(path: Path, folder: Path) -> list[Sign]:
    """Read a table of ``Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId``; X2 and Y2 are not in the box."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, delimiter=";", skipinitialspace=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read ({' '.join(str(error).split())}): restore it") from error
    if not rows:
        raise BadInput(f"{path} is empty: restore it")
    signs = []
    for line, row in enumerate(rows, start=2):
        try:
            width, height, left, top, right, bottom, label = (int(row[column]) for column in COLUMNS)
            name = row["Filename"]
        except (KeyError, TypeError, ValueError) as error:
            columns = ";".join(("Filename", *COLUMNS))
            raise BadInput(f"{path}, line {line}: does not read {columns}: restore the file") from error
        inside = 0 <= left < right <= width and 0 <= top < bottom <= height
        if not inside or not 0 <= label < len(CLASSES) or Path(name).name != name or not _is_inside(name):
            raise BadInput(f"{path}, line {line}: its box, class or file name is out of range: restore the file")
        signs.append(Sign(folder / name, (left, top, right, bottom), label))
    return signs


def _is_inside(name: str) -> bool:
    """Whether ``name`` is a path that stays inside the folder it starts from."""
    return name not in ("", ".") and "\0" not in name and ".." not in Path(name).parts and not Path(name).is_absolute()


def _load_split(signs: list[Sign], root: Path, size: int, crop: bool, on_bad: OnBad) -> tuple[Split, tuple[str, ...]]:
    paths, boxes, labels = zip(*signs, strict=True)
    return load_image_split(paths, labels, root=root, size=size, on_bad=on_bad, boxes=boxes if crop else None)


def _read_listing(listing: Path) -> tuple[list[Path], list[int]]:
    """Read the images and classes of ``train_labelling.txt``."""
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{listing} cannot be read ({' '.join(str(error).split())}): restore it") from error
    paths, labels = [], []
    for number, line in enumerate(lines, start=1):
        fields = line.split()
        if not fields:
            continue
        label = int(fields[1]) if len(fields) in (2, 3) and fields[1].isdecimal() else -1
        if not 0 <= label < len(CLASSES) or not _is_inside(fields[0]):
            raise BadInput(f"{listing}, line {number}: is not an image's path and its class, 0 to 42: restore the file")
        paths.append(listing.parent / fields[0])
        labels.append(label)
    if len(paths) != COUNTS["syn_signs"]:
        raise BadInput(f"{listing}: lists {len(paths)} images, not {COUNTS['syn_signs']}: restore the file")
    return paths, labels
