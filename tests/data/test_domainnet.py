"""DomainNet: its lists, downloads and damage."""

import hashlib
import urllib.request
import zipfile
from pathlib import Path

import pytest
import torch
from image_folders import assert_aligned, assert_refused, write_image

from dann.data.datasets import domainnet as domainnet_module
from dann.data.datasets.domainnet import CLASSES, domainnet
from dann.data.storage.download import Remote


def write_domainnet(root: Path, lists: Path, domain: str = "painting") -> None:
    """The six first classes; three images of each for training and two for the test, as in the release."""
    lists.mkdir(parents=True, exist_ok=True)
    for part, numbers in (("train", (1, 2, 4)), ("test", (3, 5))):
        lines = []
        for label, name in enumerate(CLASSES[:6]):
            for number in numbers:
                image = f"{domain}/{name}/{domain}_{label + 1:03d}_{number:06d}.jpg"
                write_image(root / image, label)
                lines.append(f"{image} {label}\n")
        (lists / f"{domain}_{part}.txt").write_text("".join(lines))


@pytest.mark.parametrize("place", ["", "txt", "splits", "domainnet/txt"])
def test_domainnet_has_its_own_test_split(data_folder: Path, place: str) -> None:
    root = data_folder / "domainnet"
    write_domainnet(root, root / place)
    read = domainnet(domain="painting", size=8)
    assert read.test is not None and (len(read.train), len(read.test)) == (18, 12)
    assert read.classes == CLASSES
    assert read.origin == "folder domainnet, 18 + 12 images (official: 50416 + 21850)"
    assert_aligned(read.train)
    assert_aligned(read.test)


def test_damaged_domainnet_is_named(data_folder: Path) -> None:
    root = data_folder / "domainnet"
    write_domainnet(root, root)
    lists = {part: root / f"painting_{part}.txt" for part in ("train", "test")}
    content = lists["test"].read_text()
    lists["test"].write_text(content + "painting/zigzag/painting_345_000001.jpg 345\n")
    assert_refused(lambda: domainnet(domain="painting"), f"{lists['test']}, line 13", "label 345", "0 to 344")
    lists["test"].write_text(content.replace("000003.jpg 2", "000003.jpg 3"))
    assert_refused(
        lambda: domainnet(domain="painting"), f"{lists['test']}, line 5", "label 3 is ambulance", "alarm_clock"
    )
    lists["test"].write_text(content)
    gone = root / "painting" / "airplane" / "painting_002_000002.jpg"
    gone.unlink()
    assert_refused(lambda: domainnet(domain="painting"), str(lists["train"]), f"{gone.name} (line 5)")
    (root / "painting" / "angel" / "painting_005_000003.jpg").write_bytes(b"")
    read = domainnet(domain="painting", size=8, on_bad="skip")
    assert read.skipped == ("painting/airplane/painting_002_000002.jpg", "painting/angel/painting_005_000003.jpg")
    assert read.test is not None and (len(read.train), len(read.test)) == (17, 11)
    assert_aligned(read.train)
    assert_aligned(read.test)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which DomainNet's painting domain is downloaded."""
    served = tmp_path / "server"
    write_domainnet(tmp_path / "release", served / "domainnet" / "txt")
    with zipfile.ZipFile(served / "painting.zip", "w") as archive:
        for path in sorted((tmp_path / "release").rglob("*.jpg")):
            archive.write(path, path.relative_to(tmp_path / "release"))

    def md5(path: Path) -> str:
        return hashlib.md5(path.read_bytes()).hexdigest()

    lists = {path.stem: md5(path) for path in (served / "domainnet" / "txt").iterdir()}
    remote = Remote(f"{served.as_uri()}/painting.zip", f"md5:{md5(served / 'painting.zip')}")
    monkeypatch.setattr(domainnet_module, "SOURCE", f"{served.as_uri()}/")
    monkeypatch.setattr(domainnet_module, "LISTS", lists)
    monkeypatch.setattr(domainnet_module, "ARCHIVES", {"painting": remote})
    return served


def test_domainnet_is_downloaded_once(server: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = domainnet(domain="painting", size=8)
    assert read.test is not None and (len(read.train), len(read.test)) == (18, 12)
    assert_aligned(read.train)
    assert not list((data_folder / "domainnet").glob("*.zip*"))

    def unreachable(*_: object, **__: object) -> None:
        raise AssertionError("nothing is left to download")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    again = domainnet(domain="painting", size=8)
    assert torch.equal(again.train.x, read.train.x)


def test_domainnet_that_cannot_be_downloaded_is_named(
    server: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Remote(f"{server.as_uri()}/painting.zip", "md5:" + "0" * 32)
    monkeypatch.setattr(domainnet_module, "ARCHIVES", {"painting": wrong})
    assert_refused(
        lambda: domainnet(domain="painting"), "domainnet", "could not be downloaded", "painting.zip", "M3SDA"
    )
    assert not (data_folder / "domainnet" / "painting").exists()
    (server / "domainnet" / "txt" / "painting_test.txt").unlink()
    (data_folder / "domainnet" / "painting_test.txt").unlink()
    assert_refused(lambda: domainnet(domain="painting"), "could not be downloaded", "put painting_test.txt")
