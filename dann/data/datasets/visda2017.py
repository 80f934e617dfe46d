"""VisDA-2017."""

from pathlib import Path
from typing import Literal

from dann.data.datasets.folder_dataset import FolderDataset, Size
from dann.data.domain import Domain
from dann.data.readers.image_files import Fit, OnBad
from dann.data.readers.image_lists import keep_existing, read_list
from dann.data.storage.image_splits import load_image_split
from dann.errors import BadInput

VISDA2017 = FolderDataset(
    "visda2017",
    folders=("visda2017", "visda17", "visda-2017", "visda", "VisDA"),
    domains={"train": (("train",), 152_397), "validation": (("validation",), 55_388), "test": (("test",), 72_372)},
    names="aeroplane bicycle bus car horse knife motorcycle person plant skateboard train truck",
    otherwise="download train.tar, validation.tar and test.tar from "
    "https://github.com/VisionLearningGroup/taskcv-2017-public/tree/master/classification and unpack them into "
    "visda2017/ there; the labels of the test images, image_list.txt in data/ of that page, go into visda2017/test/",
    inner=(),  # a class is called train too, so no folder between may be searched
)


def visda2017(
    *, domain: Literal["train", "validation", "test"], size: Size = 256, fit: Fit = "squash", on_bad: OnBad = "error"
) -> Domain:
    """VisDA-2017, classification: 12 classes; 152 397 renderings, 55 388 cut-outs of COCO, 72 372 of YouTube-BB.

    Reads ``visda2017/{train,validation}/<class>/*`` and ``visda2017/test/`` with its ``image_list.txt`` (lines
    ``trunk01/<name>.jpg 11``) in the data folder. The archives at csr.bu.edu/ftp/visda17/clf (the
    first has 7.7 GB) are published without a checksum, and so are not fetched. The three are domains, and none has a
    test split of its own. Licence: non-commercial research and education only; images must not be passed on.

    RGB, shape ``(N, 3, size, size)``, values 0 to 255; images beyond the memory budget are decoded as they are read.
    X. Peng et al., *VisDA: The Visual Domain Adaptation Challenge*, 2017.

    Args:
        domain: which of the three.
        size: H and W.
        fit: ``squash`` stretches an image to the square, ``crop`` cuts its middle out.
        on_bad: whether an unreadable or missing image is an error or is skipped.
    """
    base, folder = VISDA2017.locate(domain)
    if domain != "test" or (folder / VISDA2017.classes[0]).is_dir():
        return VISDA2017.load(domain, size, fit, on_bad)
    file = _find_test_list(base, folder)
    listed, missing = keep_existing(file, read_list(file, folder, len(VISDA2017.classes)), on_bad)
    paths, labels = [line.path for line in listed], [line.label for line in listed]
    split, skipped = load_image_split(paths, labels, root=folder, size=size, fit=fit, on_bad=on_bad)
    origin = VISDA2017.describe_origin(base, len(split), VISDA2017.domains[domain][1])
    return Domain(f"visda2017/{domain}", split, None, VISDA2017.classes, origin, missing + skipped)


def _find_test_list(base: Path, folder: Path) -> Path:
    """Find the file that labels the test images, in their folder or beside it."""
    file = next((path for path in (folder / "image_list.txt", base / "image_list.txt") if path.is_file()), None)
    if file is None:
        raise BadInput(f"{folder}: image_list.txt is missing, with the labels of the images: {VISDA2017.otherwise}")
    return file
