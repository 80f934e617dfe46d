"""Blocks of a backbone that are never trained: ``finetune: {frozen: 2}``, and their outputs, computed once."""

from typing import Any

import pytest
import torch
from pretrained_runs import PHOTO, STEPS, resnet_network, setup_of, trained
from torch import Tensor, nn

from dann.errors import BadInput
from dann.inference.loading import of_trainer
from dann.networks.backbone import Backbone
from dann.networks.early_blocks import EarlyBlocks, restore_early_blocks, skip_early_blocks
from dann.networks.finetuning import FineTuning
from dann.training import building
from dann.training.evaluate import evaluate_splits
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer

TUNED = {"backbone": 0.1, "frozen": 2, "norm": "frozen"}


def in_place(trainer: Trainer) -> bool:
    """Whether the outputs of early blocks are in place of the images."""
    return len(trainer.stream.target.store.shape) == 1


def test_early_blocks_and_the_others_make_the_whole() -> None:
    backbone, x = resnet_network().backbone, torch.randn(3, *PHOTO)
    assert backbone is not None
    backbone.kept = 2
    whole = backbone.eval()(x).detach()
    early = EarlyBlocks(backbone)(x)
    assert early.shape == (3, 64 * 8 * 8)  # of layer1, behind the stem's ReLU and pooling
    assert skip_early_blocks(backbone, PHOTO) == 64 * 8 * 8
    torch.testing.assert_close(backbone(early), whole, rtol=1e-4, atol=1e-5)
    restore_early_blocks(backbone)
    torch.testing.assert_close(backbone(x), whole)


class _Across(nn.Module):
    """A model in which the input goes past its first blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([nn.Conv2d(3, 3, 1) for _ in range(5)])

    def forward(self, x: Tensor) -> Tensor:
        first = x
        for part in self.parts:
            x = part(x)
        return (x + first).flatten(1)


def test_a_model_that_cannot_be_entered_between_blocks_stays_as_it_is() -> None:
    backbone, x = Backbone(_Across(), pretrained=True), torch.randn(3, 3, 4, 4)
    backbone.kept = 2
    whole = backbone(x)
    assert skip_early_blocks(backbone, (3, 4, 4)) is None
    assert torch.equal(backbone(x), whole)


@pytest.mark.parametrize("options", [TUNED, {"frozen": 3, "gradual": 0.5, "norm": "train"}])
@pytest.mark.parametrize("method", [{"name": "source_only"}, {"name": "dann"}])
def test_a_run_on_outputs_that_are_computed_once_equals_one_that_computes_them_at_each_step(
    method: dict[str, Any], options: dict[str, Any], weights: str, domains: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    states, scores, predicted = [], [], []
    for once in (True, False):
        if not once:
            monkeypatch.setattr(building, "_has_constant_blocks", lambda *_: False)
        trainer = setup_of(weights, options, method=method)
        assert in_place(trainer) == once
        before = {name: value.clone() for name, value in trainer.method.state_dict().items()}
        states.append(trained(trainer))
        scores.append(evaluate_splits(trainer))
        moved = {name for name, value in states[-1].items() if not torch.equal(value, before[name])}
        assert any("layer4" in name for name in moved)
        assert not [name for name in moved if "conv1" in name.split(".")[3:4] or ".model.layer1." in name]
        config = building_config(options, method, weights)
        model = of_trainer(trainer, load_pair(config.data), config)
        x = torch.randint(256, (4, *PHOTO), dtype=torch.uint8).numpy() if not predicted else predicted[0][0]
        predicted.append((x, model.predict(x)))
    assert set(states[0]) == set(states[1])
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=2e-4, atol=2e-5, msg=name)
    for split, score in scores[0].items():
        torch.testing.assert_close(score.predictions, scores[1][split].predictions, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(*(torch.from_numpy(each) for _, each in predicted), rtol=1e-3, atol=1e-4)


def building_config(options: dict[str, Any], method: dict[str, Any], weights: str) -> Any:
    from dann.config.schema import resolve

    return resolve(
        {
            "data": {"source": {"name": "one"}, "target": {"name": "another"}, "batch_size": 4, "validation": 0.3},
            "network": {"name": "torchvision", "model": "resnet18", "weights": weights},
            "optimizer": {"name": "sgd", "lr": 0.01, "weight_decay": 0.01},
            "train": {"steps": STEPS, "precision": "fp32"},
            "method": method,
            "finetune": options,
        },
        "test",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"data": {"source": {"name": "one"}, "target": {"name": "another"}, "batch_size": 4, "validation": 0.3,
                  "transform": {"flip": 0.5}}},
        {"method": {"name": "rotation"}},
        {"method": {"name": "l2_sp"}},
        {"diagnose": {"examples": 20, "mixval": True}},
    ],
)  # fmt: skip
def test_outputs_that_differ_from_step_to_step_are_not_kept(
    changes: dict[str, Any], weights: str, domains: None
) -> None:
    assert not in_place(setup_of(weights, TUNED, **changes))


def test_frozen_blocks_are_not_in_the_optimiser_and_stay_in_evaluation_mode(weights: str, domains: None) -> None:
    trainer = setup_of(weights, {"frozen": 2, "decay": 0.5})
    _, *blocks = trainer.optimizer.param_groups
    backbone = trainer.method.network.backbone
    assert backbone is not None and [group["params"] for group in blocks] == backbone.blocks[2:]
    trainer.train()
    assert not any(module.training for part in backbone.early_parts for module in part.modules())
    assert backbone.model.layer4.training


def test_gradual_unfreezing_ends_before_the_frozen_blocks() -> None:
    options = FineTuning(gradual=0.5, frozen=2)
    assert [options.frozen_blocks(step / 8, 6) for step in range(6)] == [5, 4, 3, 2, 2, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"frozen": 5},
            "finetune.frozen: the backbone of torchvision has 5 blocks: set it below 5, or",
        ),
        ({"frozen": 1, "backbone": 0}, "leave out start, gradual, decay and frozen"),
    ],
)
def test_numbers_of_blocks_that_leave_nothing_to_train_are_refused(
    options: dict[str, Any], message: str, weights: str, domains: None
) -> None:
    with pytest.raises(BadInput, match=message):
        setup_of(weights, options)
