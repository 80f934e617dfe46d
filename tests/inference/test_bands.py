"""Images of five float bands, and grey images in a network of RGB images: trained, predicted, exported."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import write_tiny

from dann.cli.main import main
from dann.data.domain import Split
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.inference.export import export
from dann.inference.loading import load


def write_images(path: Path, shape: tuple[int, ...], kind: str) -> dict[str, Any]:
    levels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    x = (levels / 255).astype(np.float32) if kind == "float" else levels
    np.savez(path, x=x, y=np.arange(len(x)) % 2)
    return {"name": "arrays", "path": str(path)} | ({"range": [0, 1]} if kind == "float" else {})


def run(folder: Path, entry: dict[str, Any], network: dict[str, Any]) -> Path:
    base = {"data": {"source": entry, "target": entry, "batch_size": 8}, "network": network}
    file = write_tiny(folder / "tiny.yaml", base=base)
    assert main(["run", str(file), "--only", "DANN", "--seeds", "0", "--out", str(folder / "runs"), "--jobs", "1"]) == 0
    (record,) = folder.glob("runs/**/seed-0/record.json")
    return record.parent


@pytest.mark.slow
def test_float_images_of_five_bands_are_those_of_8_bits(tmp_path: Path) -> None:
    predicted, names = [], ("float", "uint8")
    for kind in names:
        (tmp_path / kind).mkdir()
        entry = write_images(tmp_path / kind / "x.npz", (24, 5, 16, 16), kind)
        finished = run(tmp_path / kind, entry, {"name": "mnist"})
        model = load(finished, "cpu")
        stored = np.load(tmp_path / kind / "x.npz")["x"]
        predicted.append(model.predict(stored))
        assert np.array_equal(model.predict(stored.transpose(0, 2, 3, 1)), predicted[-1])  # bands last
        if kind == "float":
            content = export(model, "torch_export", finished)
            exported = torch.export.load(content).module()
            logits = exported(torch.from_numpy(stored * np.float32(255)))
            np.testing.assert_allclose(logits.softmax(dim=1).detach().numpy(), predicted[-1], atol=1e-4)
    np.testing.assert_allclose(predicted[0], predicted[1], atol=1e-5)


@pytest.mark.slow
def test_grey_images_in_a_network_of_rgb_images(tmp_path: Path) -> None:
    entry = write_images(tmp_path / "x.npz", (24, 32, 32), "uint8")
    model = load(run(tmp_path, entry, {"name": "torchvision", "model": "resnet18", "weights": "none"}), "cpu")
    assert model.inputs.raw_shape == (1, 32, 32) and model.inputs.input_shape == (3, 32, 32)
    assert model.predict(np.load(tmp_path / "x.npz")["x"]).shape == (24, 2)


def test_grey_images_are_shown_as_rgb() -> None:
    x = torch.randint(0, 256, (6, 1, 8, 8), dtype=torch.uint8)
    split = Split.of(x, torch.zeros(6, dtype=torch.int64))
    rgb = Split.of(x.expand(-1, 3, -1, -1).contiguous(), torch.zeros(6, dtype=torch.int64))
    for normalise in ("mean", "imagenet", "half"):
        options = TransformOptions(normalise=normalise, crop=6)  # type: ignore[arg-type]
        shown, expected = Transform(options, split, rgb=True), Transform(options, rgb)
        torch.testing.assert_close(shown(x), expected(rgb.x))
        assert shown.output_shape((1, 8, 8)) == (3, 6, 6)
        again = Transform.restore(options, (1, 8, 8), shown.scale, shown.offset)
        assert torch.equal(again(x), shown(x))


def test_float_images_are_not_changed_by_a_transform() -> None:
    x = torch.rand(4, 5, 8, 8).to(memory_format=torch.channels_last) * 255
    before = x.clone()
    Transform(TransformOptions(), Split.of(x, torch.zeros(4, dtype=torch.int64)))(x)
    assert torch.equal(x, before)  # a second view reads the same batch


def test_options_for_colours_are_refused_for_other_bands() -> None:
    split = Split.of(torch.zeros(4, 5, 8, 8, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64))
    for options, says in (
        ({"jitter": {"hue": 0.1}}, "jitter is for grey and RGB images, but these have 5 bands: leave it out"),
        ({"randaugment": {}}, "randaugment is for grey and RGB images, but these have 5 bands"),
        ({"normalise": "imagenet"}, "imagenet is for colour images, but these have 5 bands: choose mean"),
    ):
        with pytest.raises(BadInput, match=says):
            Transform(TransformOptions.model_validate(options), split)
