"""Raw texts of Amazon reviews: the real files, a fixture in their format, and damage to it."""

from pathlib import Path

import pytest
from damage import edit

from dann.data.datasets import amazon_text as amazon
from dann.data.datasets.amazon_text import amazon_text
from dann.data.domain import UNLABELLED
from dann.data.storage.download import compute_checksum
from dann.data.text_store import read_texts
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def tiny_texts(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of one domain with 4, 2 and 3 reviews, and a loader that expects so many."""
    monkeypatch.setattr(amazon, "COUNTS", {"train": 4, "test": 2, "unlabel": 3})
    folder = data_folder / "amazon_text"
    folder.mkdir()
    for part, count in (("train", 4), ("test", 2)):
        (folder / f"kitchen_housewares.{part}.txt").write_text(
            "".join(f"{i % 2}\t{part} review {i} .\n" for i in range(count))
        )
    (folder / "kitchen_housewares.unlabel.txt").write_bytes(b"A Spoon\na\xef\xbf fork\n\xc2\x85 knife\n")
    return folder


def test_reviews_are_raw_texts(tiny_texts: Path) -> None:
    domain = amazon_text(domain="kitchen")
    assert domain.name == "amazon_text/kitchen" and domain.classes == ("negative", "positive")
    assert read_texts(domain.train.store, domain.train.rows)[1] == "train review 1 ."
    assert domain.train.y.tolist() == [0, 1, 0, 1] and domain.test is not None and len(domain.test) == 2
    more = amazon_text(domain="kitchen", unlabelled=True)
    assert read_texts(more.train.store, more.train.rows)[4:] == ["A Spoon", "a\ufffd fork", "\x85 knife"]
    assert more.train.y.tolist()[4:] == [UNLABELLED] * 3
    with pytest.raises(BadInput, match="length is of the tokens"):
        amazon_text(domain="kitchen", length=3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "", "not the whole lines"),
        (lambda text: text[:-1], "not the whole lines"),
        (lambda text: text + "1\tmore\n", "not the whole lines"),
        (lambda text: text.replace("1\t", "2\t"), "without a label 0 or 1"),
        (lambda text: text.replace("\t", " "), "without a label 0 or 1"),
        (lambda text: text.replace("train review 2 .", ""), "without a label 0 or 1"),
    ],
)
def test_damaged_reviews_are_named(tiny_texts: Path, change: object, says: str) -> None:
    path = tiny_texts / "kitchen_housewares.train.txt"
    edit(path, change)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=says) as caught:
        amazon_text(domain="kitchen")
    assert str(path) in str(caught.value)


def test_missing_reviews_say_what_to_put_where(tiny_texts: Path) -> None:
    (tiny_texts / "kitchen_housewares.test.txt").unlink()
    with pytest.raises(BadInput, match=r"could not be downloaded .*kitchen_housewares\.test\.txt.*DANN_"):
        amazon_text(domain="kitchen")


def test_real_reviews(real_data: Path) -> None:
    if not (real_data / "amazon_text").is_dir():
        pytest.skip("the raw reviews are not in DANN_DATA")
    for name, checksum in amazon.CHECKSUMS.items():
        assert compute_checksum(real_data / "amazon_text" / f"{name}.txt") == f"sha256:{checksum}"
    for name in ("books", "dvd", "electronics", "kitchen"):
        domain = amazon_text(domain=name, unlabelled=True)  # type: ignore[arg-type]
        assert domain.test is not None and len(domain.test) == 400
        assert len(domain.train.labelled) == (1598 if name == "electronics" else 1600)
        assert abs(domain.train.labelled.y.float().mean() - 0.5) < 0.01
