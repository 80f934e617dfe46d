"""Amazon reviews: the real files, a fixture in their format, and damage to it."""

from pathlib import Path

import pytest
import torch
from damage import Change, edit, line

from dann.data.datasets import amazon_reviews as amazon
from dann.data.datasets.amazon_reviews import amazon_reviews
from dann.data.storage.download import compute_checksum
from dann.errors import BadInput

pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture
def tiny_amazon(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of one domain with 6 + 4 examples of 5000 features, and a loader that expects so many."""
    monkeypatch.setitem(amazon.COUNTS, "dvd", {"train": 6, "test": 4})
    folder = data_folder / "amazon_reviews"
    folder.mkdir()
    for part, count in (("train", 6), ("test", 4)):
        lines = [f"{1 if i % 2 else -1} 0:{i + 1} 7:2 {4990 + i}:1\n" for i in range(count)]
        (folder / f"dvd_{part}.svmlight").write_text("".join(lines))
    return folder


def test_amazon_features_are_counted_from_zero(tiny_amazon: Path) -> None:
    domain = amazon_reviews(domain="dvd")
    assert domain.name == "amazon_reviews/dvd" and domain.classes == ("negative", "positive")
    assert domain.train.x.shape == (6, 5000) and domain.train.x.dtype == torch.float32
    assert domain.train.y.tolist() == [0, 1, 0, 1, 0, 1]
    assert domain.train.x[2].nonzero().flatten().tolist() == [0, 7, 4992]
    assert domain.train.x[2, [0, 7, 4992]].tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: "", "no examples"),
        (lambda text: text[:-1], "not the 6 whole lines"),
        (lambda text: text[: len(text) // 2], "not the 6 whole lines|not a readable svmlight file"),
        (lambda text: text + "1 3:1\n", "not the 6 whole lines"),
        (line(2, lambda text: text.replace("7:2", "7;2")), "not a readable svmlight file"),
        (line(2, lambda text: text.replace("7:2", "seven:2")), "not a readable svmlight file"),
        (line(2, lambda text: text.replace("7:2", "7:two")), "not a readable svmlight file"),
        (line(2, lambda text: text.replace("7:2", "-7:2")), "not a readable svmlight file"),
        (line(2, lambda text: text.replace("7:2", "0:2")), "not a readable svmlight file"),
        (line(2, lambda text: text.removeprefix("1 ")), "labels other than -1 and 1"),
        (line(2, lambda text: "\0" * 40), "labels other than -1 and 1"),
        (line(2, lambda text: f"{text} 5000:1"), "feature 5000 is not one of 0 to 4999"),
        (line(2, lambda text: f"{text} 99999999999999999999:1"), "not a readable svmlight file"),
        (line(2, lambda text: f"3{text[1:]}"), "labels other than -1 and 1"),
        (line(2, lambda text: f"0{text[1:]}"), "labels other than -1 and 1"),
        (line(2, lambda text: f"nan{text[1:]}"), "labels other than -1 and 1"),
        (line(2, lambda text: f"0.5{text[1:]}"), "label 0.5 is not an integer"),
        (line(2, lambda text: f"inf{text[1:]}"), "label inf is not an integer"),
        (line(2, lambda text: text.replace("7:2", "7:nan")), "features that are no counts"),
        (line(2, lambda text: text.replace("7:2", "7:-2")), "features that are no counts"),
        (line(2, lambda text: text.replace("7:2", "7:2.5")), "features that are no counts"),
        (line(2, lambda text: text.replace("7:2", "7:inf")), "infinite values"),
        (line(2, lambda text: text.replace("7:2", "7:1e300")), "infinite values"),
    ],
)
def test_damaged_amazon_is_named(tiny_amazon: Path, change: Change, says: str) -> None:
    path = tiny_amazon / "dvd_train.svmlight"
    edit(path, change)
    with pytest.raises(BadInput, match=says) as caught:
        amazon_reviews(domain="dvd")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_amazon_says_what_to_put_where(tiny_amazon: Path) -> None:
    (tiny_amazon / "dvd_test.svmlight").unlink()
    with pytest.raises(BadInput, match=r"could not be downloaded .*no network.*dvd_test.svmlight.*DANN_"):
        amazon_reviews(domain="dvd")


def test_real_amazon(real_data: Path) -> None:
    for name, count in {"books": 4465, "dvd": 3586, "electronics": 5681, "kitchen": 5945}.items():
        for part in ("train", "test"):
            path = real_data / "amazon_reviews" / f"{name}_{part}.svmlight"
            assert compute_checksum(path) == f"sha256:{amazon.CHECKSUMS[f'{name}_{part}']}"
        domain = amazon_reviews(domain=name)  # type: ignore[arg-type]
        assert domain.test is not None
        assert len(domain.train) == 2000 and domain.train.y.bincount().tolist() == [1000, 1000]
        assert len(domain.test) == count and abs(domain.test.y.float().mean() - 0.5) < 0.02
        assert domain.input_shape == (5000,)
    with (real_data / "amazon_reviews" / "kitchen_test.svmlight").open() as file:
        label, *pairs = next(file).split()
    values = {int(index): float(value) for index, value in (pair.split(":") for pair in pairs)}
    first = domain.test.take(torch.tensor([0]))
    assert first.x[0].nonzero().flatten().tolist() == sorted(values)
    assert first.x[0, sorted(values)].tolist() == [values[index] for index in sorted(values)]
    assert first.y.tolist() == [int(label == "1")]
