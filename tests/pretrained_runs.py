"""Networks and runs on a ResNet-18 whose random weights count as pretrained."""

from typing import Any

import torch
from method_cases import resnet_weights

from dann.config.schema import resolve
from dann.methods.method import Method
from dann.networks.all_networks import NETWORKS
from dann.networks.network import Network
from dann.training.building import build_trainer
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer

CPU = torch.device("cpu")
STEPS = 8
PHOTO = (3, 32, 32)


def resnet_network(head: str = "linear") -> Network:
    torch.manual_seed(0)
    return NETWORKS["torchvision"](PHOTO, 5, model="resnet18", weights=resnet_weights(), head=head)


def perturb_weights(method: Method) -> Method:
    """Move all weights of a method a little from where they started."""
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return method


def setup_of(weights: str, finetune: dict[str, Any] | None, seed: int = 1, **changes: Any) -> Trainer:
    declared = {
        "data": {"source": {"name": "one"}, "target": {"name": "another"}, "batch_size": 4, "validation": 0.3},
        "network": {"name": "torchvision", "model": "resnet18", "weights": weights},
        "optimizer": {"name": "sgd", "lr": 0.01, "weight_decay": 0.01},
        "train": {"steps": STEPS, "precision": "fp32"},
        "method": {"name": "source_only"},
        "finetune": finetune,
    }
    config = resolve(declared | changes, "test")
    with torch.random.fork_rng():
        return build_trainer(config, load_pair(config.data), seed, CPU)


def trained(trainer: Trainer, start: int = 0, stop: int = STEPS) -> dict[str, torch.Tensor]:
    trainer.train()
    for step in range(start, stop):
        trainer.step(step, step / STEPS)
    return {name: value.clone() for name, value in trainer.method.state_dict().items()}
