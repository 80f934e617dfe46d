"""Weights files: the wrappings of the field, and what is refused."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dann.errors import BadInput
from dann.networks.weights import read_weights

State = dict[str, Tensor]


def small(classes: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, classes))


def prefixed(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


WRAPPED: dict[str, tuple[Callable[[State], Any], str]] = {
    "plain": (lambda s: s, ""),
    "DataParallel": (lambda s: prefixed("module.", s), "prefix module. removed"),
    "state_dict": (lambda s: {"state_dict": s, "epoch": 9}, "read from its state_dict"),
    "ImageNet example": (lambda s: {"epoch": 9, "arch": "x", "state_dict": prefixed("module.", s),
                                    "best_acc1": torch.tensor(1.0)}, "read from its state_dict; prefix module."),
    "model": (lambda s: {"model": s, "optimizer": {"lr": 1.0}}, "read from its model"),
    "model_state_dict": (lambda s: {"model_state_dict": s}, "read from its model_state_dict"),
    "nested": (lambda s: {"model": {"state_dict": s}}, "read from its model and state_dict"),
    "Lightning": (lambda s: {"state_dict": prefixed("net.", s) | {"loss.weight": torch.ones(3)}},
                  "prefix net. removed; 1 other entries left out"),
    "compiled": (lambda s: prefixed("_orig_mod.module.", s), "prefix _orig_mod.module. removed"),
    "before 0.4.1": (lambda s: {name: value for name, value in s.items() if "num_batches" not in name},
                     "1 num_batches_tracked, which older files lack, start at 0"),
    "without its last layer": (lambda s: {name: value for name, value in s.items() if not name.startswith("3.")},
                               "3.weight, 3.bias newly initialised"),
}  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_the_usual_wrappings_are_read_and_named(
    wrapping: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrap, says = WRAPPED[wrapping]
    saved, model = small(), small()
    torch.save(wrap(saved.state_dict()), tmp_path / "w.pth")
    with caplog.at_level(logging.WARNING, "dann"):
        whole = read_weights(model, tmp_path / "w.pth")
    assert whole == (wrapping != "without its last layer")
    for name, value in saved.state_dict().items():
        assert torch.equal(model.state_dict()[name], value) or (not whole and name.startswith("3.")), name
    assert len(caplog.messages) == bool(says) and all("w.pth" in text and says in text for text in caplog.messages)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda s: {name: value for name, value in s.items() if name != "0.bias"}, "missing: 0.bias)"),
        (lambda s: s | {"0.weight": torch.zeros(4, 1, 3, 3)}, "another shape: 0.weight (4, 1, 3, 3) for (4, 3, 3, 3))"),
        (lambda s: s | {"9.weight": torch.zeros(1)}, "unknown: 9.weight)"),
        (lambda s: prefixed("student.", s) | prefixed("teacher.", s), "several networks, student., teacher.: save"),
        (lambda s: s | {"0.bias": torch.full((4,), torch.nan)}, "0.bias not finite"),
        (lambda s: {"state_dict": s, "args": Path("x")}, "names pathlib.PosixPath, which could run code"),
    ],
)
def test_a_real_mismatch_names_its_keys(content: Callable[[State], Any], says: str, tmp_path: Path) -> None:
    torch.save(content(small().state_dict()), tmp_path / "w.pth")
    with pytest.raises(BadInput) as caught:
        read_weights(small(), tmp_path / "w.pth")
    assert says in str(caught.value) and str(tmp_path / "w.pth") in str(caught.value)


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.pth")
    with pytest.raises(BadInput, match=r"w\.pth: a FIFO, not a file"):
        read_weights(small(), tmp_path / "w.pth")
