"""Raw texts of Amazon reviews: the four domains of FDU-MTL that the sentiment data of Blitzer et al. (2007) have."""

from pathlib import Path
from typing import Literal

import torch

from dann.data.datasets.text_tokens import Length, store_texts
from dann.data.domain import UNLABELLED, Domain, Split
from dann.data.storage.download import Remote, download
from dann.data.storage.folders import data_folder, find_dataset_folder
from dann.errors import BadInput

CLASSES = ("negative", "positive")
SOURCE = "https://raw.githubusercontent.com/ccsasuke/man/b57b4c14340db1ca7bffb5d9737b7c2601dc8df2/data/fdu-mtl/"
FILES = {"books": "books", "dvd": "dvd", "electronics": "electronics", "kitchen": "kitchen_housewares"}
COUNTS = {"train": 1600, "test": 400, "unlabel": 2000}
FEWER = {"electronics.train": 1598}
CHECKSUMS = {
    "books.train": "40c4c5971165b9e0a509a60472c3bf06c8e1430d4944833141eb3c34d986b65e",
    "books.test": "b451ac03e48b599bf35dd1a450158389e1ac9018950e95c631053ac14a5b10ad",
    "books.unlabel": "5121a335a736523b5bd0dc47e05da2b085bf6f42aec2ca20ba7142d620241563",
    "dvd.train": "47334240d9cef76ac5f15a10f9082c3d2c6e7f9a9bb0478a3800ede2a0300771",
    "dvd.test": "762e6e030892375eda4f211be58624a3bb6a07c966901c79b803837d21fca4b5",
    "dvd.unlabel": "5673c05efcefbf5d38a1ca7e1110cbf58a95e1b02a7a0c729c46f2ba21f223bf",
    "electronics.train": "bb2f28c4a20e3d075dd71ff049970bd445f4d47bcc8404a68eb03850413a8da7",
    "electronics.test": "a4d2e7d2a5b8b501a6611e45e1b241aa0d601388b79265cfc94c203cb52f8b8c",
    "electronics.unlabel": "da24efbec0053b8b8383e530dab3e4a358e75ae2e65d09624c6843bad30f69a8",
    "kitchen_housewares.train": "df5c9e8473b084a6b252dfbb5e074adcaacb9638a882fee3f20d62d747f45d6f",
    "kitchen_housewares.test": "86bcc015f7cfa773880951830ac6161dc2b8717e8a69773ca11a5bd6529b2020",
    "kitchen_housewares.unlabel": "6255b3597385952d45920ce4451291a246ecd997ef75d964ff56fff9e31ad9e7",
}


def amazon_text(
    *,
    domain: Literal["books", "dvd", "electronics", "kitchen"],
    tokenizer: str | None = None,
    length: Length = None,
    unlabelled: bool = False,
) -> Domain:
    """Amazon product reviews as raw texts, negative or positive: four of the domains of FDU-MTL (Liu et al. 2017).

    Source: the folder ``data/fdu-mtl`` of github.com/ccsasuke/man (Chen and Cardie 2018); licence: MIT for that
    repository, none stated for the reviews. Training 1600 (electronics 1598), test 400 per domain, about half of each
    class; 64 to 123 words in the middle, up to 5940. Texts in lower case, punctuation apart from words.
    Raw texts need ``data.vocabulary``, which makes values of shape ``(N, D)``; with a tokenizer they are token ids in
    float32, −1 behind the end of a text, ``(N, length)``.
    Reads ``amazon_text/<domain>.{train,test,unlabel}.txt``, with ``kitchen_housewares`` for kitchen, else downloads
    them: a label 0 or 1, a tab and a review on each line. One review has a broken character, which is replaced.
    Liu, Qiu and Huang, Adversarial Multi-task Learning for Text Classification, ACL 2017, section 5.1.

    Args:
        domain: which of the four kinds of products.
        tokenizer: a Hugging Face model whose tokens the texts become, by name or folder; the network's ``model``.
        length: tokens of a text, by default 128; what is longer is cut.
        unlabelled: whether the 2000 further reviews without a label join training, where they are the target's alone.
            They are neither in lower case nor cut into words, and up to 53 of them show a test review of electronics.
    """
    folder = find_dataset_folder("amazon_text") or data_folder() / "amazon_text"
    parts = ("train", "test", "unlabel") if unlabelled else ("train", "test")
    names = [f"{FILES[domain]}.{part}" for part in parts]
    remotes = [
        Remote(f"{SOURCE}{FILES[domain]}.task.{part}", f"sha256:{CHECKSUMS[name]}", f"{name}.txt")
        for part, name in zip(parts, names, strict=True)
    ]
    otherwise = (
        f"put {', '.join(remote.file for remote in remotes)} into amazon_text/ there, or set DANN_DATA to a folder "
        "that has them"
    )
    files = download("amazon_text", remotes, folder, otherwise)
    texts, labels = zip(*(_read(file, name) for file, name in zip(files, names, strict=True)), strict=True)
    train, y = texts[0] + (texts[2] if unlabelled else []), labels[0] + (labels[2] if unlabelled else [])
    tokens = "" if tokenizer is None else f", tokens of {tokenizer}"
    return Domain(
        f"amazon_text/{domain}",
        Split.of(store_texts(train, tokenizer, length), torch.tensor(y)),
        Split.of(store_texts(texts[1], tokenizer, length), torch.tensor(labels[1])),
        CLASSES,
        f"the texts of FDU-MTL{tokens}",
    )


def _read(file: Path, name: str) -> tuple[list[str], list[int]]:
    """The texts and labels of a file, −1 where it has none."""
    *lines, end = file.read_bytes().decode("utf-8", "replace").split("\n")
    if end or len(lines) != FEWER.get(name, COUNTS[name.split(".")[1]]):
        raise BadInput(f"{file}: not the whole lines of the release: download it again")
    if name.endswith("unlabel"):
        return lines, [UNLABELLED] * len(lines)
    fields = [line.partition("\t") for line in lines]
    if any(label not in ("0", "1") or not text for label, _, text in fields):
        raise BadInput(f"{file}: lines without a label 0 or 1, a tab and a text: download it again")
    return [text for _, _, text in fields], [int(label) for label, _, _ in fields]
