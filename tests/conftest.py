import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from method_cases import make_domain, resnet_weights
from pretrained_runs import PHOTO
from tiny import write_tiny

from dann.cli.main import main
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.transforms.input_transform import Transform

# The tests' tensors are small: a second thread gains nothing, and spins for long where other work runs beside it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of made files that the tests share and the user's has no part in."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DANN_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session", autouse=True)
def in_this_process() -> Iterator[None]:
    """Runs execute in the tests' own process, which may have patched something, unless a test asks for others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dann.runner.planning.default_workers", lambda device: 1)
        yield


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder that DANN_DATA names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("DANN_DATA", str(folder))
    return folder


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets; skips where DANN_DATA is not set."""
    if "DANN_DATA" not in os.environ:
        pytest.skip("DANN_DATA is not set: the real data sets are not at hand")
    return Path(os.environ["DANN_DATA"])


@pytest.fixture(scope="module")
def weights() -> str:
    return resnet_weights()


@pytest.fixture
def domains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))
    for number, name in enumerate(("one", "another")):
        monkeypatch.setitem(DOMAINS, name, make_domain(name, PHOTO, float(number)))
    yield


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    augmented, forward = Transform.augment, Transform.forward
    monkeypatch.setattr(Transform, "augment", lambda self, x, generator: augmented(self, x, generator).double())
    monkeypatch.setattr(Transform, "forward", lambda self, x: forward(self, x).double())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with an experiment and its finished runs."""
    monkeypatch.chdir(tmp_path)
    write_tiny(tmp_path / "experiments/theme/tiny.yaml")
    assert main(["run", "experiments/theme/tiny.yaml"]) == 0
    return tmp_path


@pytest.fixture
def chromium(tmp_path: Path) -> list[str]:
    """The command of a browser without a window, to which an address is added."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium to show the page")
    return [found, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'user'}",
            "--virtual-time-budget=3000", "--window-size=1280,2000"]  # fmt: skip
