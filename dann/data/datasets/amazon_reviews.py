"""Amazon reviews, the sentiment data of Ganin et al. (2016)."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch

from dann.data.domain import Domain, Split
from dann.data.readers.svmlight import read_svmlight
from dann.data.storage.download import Remote, download
from dann.data.storage.folders import data_folder, find_dataset_folder
from dann.errors import BadInput

FEATURES = 5000
CLASSES = ("negative", "positive")
SOURCE = (
    "https://raw.githubusercontent.com/GRAAL-Research/domain_adversarial_neural_network/"
    "9c89dea39409345c5d158373aea31b1518bc8632/data/"
)
COUNTS = {
    "books": {"train": 2000, "test": 4465},
    "dvd": {"train": 2000, "test": 3586},
    "electronics": {"train": 2000, "test": 5681},
    "kitchen": {"train": 2000, "test": 5945},
}
CHECKSUMS = {
    "books_train": "317f9a2ec34b81de770b63a84d8c5cc2dc16bd0be6e079d2ff5b5bad5213ea19",
    "books_test": "fe4605c7dcf0e0a9410fd2a32f247caaf9abb352cc6e4c3e0f400853163ad9c4",
    "dvd_train": "95f602aa08bf6b55758f7b0b18df3882fe30acb11987ee60b6b4bb3c44cba733",
    "dvd_test": "4fe1b1a15010f78d8d0c49fe362d35fd4677463a45f1ac02a9f410ae1e638060",
    "electronics_train": "7d0061f03ff3827e4f8036b051b5e5828fddc0cd115aa5b212cd28d624dc14e4",
    "electronics_test": "641783bc941839c3a111d3488a1b7e3bd820a61ec14a129e7429b47703aa961d",
    "kitchen_train": "a70b5ebfe1413e0e16280360905f5c3b64389c435cd20c0165dc9d7f293b31b5",
    "kitchen_test": "e1502b97a824eb12314be4447394fa736fecb781c0724e6529cd6733ac7ff6d8",
}


def amazon_reviews(*, domain: Literal["books", "dvd", "electronics", "kitchen"]) -> Domain:
    """Amazon product reviews, positive or negative: 5000 counts of words and pairs of words (Blitzer et al. 2007).

    Source: the folder ``data`` of the paper's authors, github.com/GRAAL-Research/domain_adversarial_neural_network,
    the preprocessing of Chen et al. (2012); licence: BSD for that repository, none stated for the reviews.
    Training 2000 (1000 of each class) per domain; test books 4465, dvd 3586, electronics 5681, kitchen 5945.
    Vectors float32, ``(N, 5000)``, whole numbers from 0; the training and test examples of Table 1.
    Reads ``amazon_reviews/<domain>_{train,test}.svmlight``, indices 0 to 4999 and labels −1 and 1, else downloads them.
    Ganin et al., Domain-Adversarial Training of Neural Networks, JMLR 17 (2016), section 5.1.3.

    Args:
        domain: which of the four kinds of products.
    """
    folder = find_dataset_folder("amazon_reviews") or data_folder() / "amazon_reviews"
    names = [f"{domain}_{part}" for part in ("train", "test")]
    remotes = [Remote(f"{SOURCE}{name}.svmlight", f"sha256:{CHECKSUMS[name]}") for name in names]
    otherwise = (
        f"put {names[0]}.svmlight and {names[1]}.svmlight into amazon_reviews/ there, "
        "or set DANN_DATA to a folder that has them"
    )
    train, test = download("amazon_reviews", remotes, folder, otherwise)
    return Domain(
        f"amazon_reviews/{domain}",
        _read(train, COUNTS[domain]["train"]),
        _read(test, COUNTS[domain]["test"]),
        CLASSES,
        "the paper's svmlight files",
    )


def _read(path: Path, count: int) -> Split:
    content = read_svmlight(path)
    if len(content.labels) != count or not _ends_whole(path):
        raise BadInput(f"{path}: not the {count} whole lines of the release: download it again")
    if not np.isin(content.labels, (-1, 1)).all():
        raise BadInput(f"{path}: labels other than -1 and 1: download it again")
    values = content.matrix.data
    if not ((values >= 0) & (values == np.floor(values))).all():
        raise BadInput(f"{path}: features that are no counts: download it again")
    return Split.of(content.to_dense(0, FEATURES), torch.from_numpy((content.labels > 0).astype(np.int64)))


def _ends_whole(path: Path) -> bool:
    """Whether the last line has its end; a line cut off between two numbers has no other sign."""
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"
