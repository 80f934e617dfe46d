"""DANN steps of a peer library as a contestant, in an environment of its own, in which dann is not installed.

    python -m venv peers
    peers/bin/pip install torch torchvision pytorch-adapt dalib skada skorch "setuptools<81"
    peers/bin/python experiments/speed/peers.py PEER DATA.npz        # pytorch-adapt, dalib or skada

DATA.npz holds source_x and target_x, images (N, C, H, W) uint8 or vectors (N, D) float32, source_y int64, and the JSON
string settings: network (mnist, mlp, resnet18, or features: the mlp on precomputed features), batch_size (per domain),
lr, momentum, classes, mean (for images: of each channel, in [0, 1]), threads; optionally hidden (of the mlp; 50) and
workers (of each loader).

Prints "ready {versions, repairs}", then for every line N on standard input the seconds of N steps; {"broken": reason}
and exit status 3 if the peer cannot do the task. Network, loss, batch, learning rate and momentum are those of dann;
data path, loop and the frequency of reading losses are those of the peer. Its workers prefetch 2 batches each between
requests, so N should be a few dozen.
"""

import json
import platform
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms
from torchvision.models import resnet18

Run = Callable[[int], float]  # the number of steps → seconds
HEADS = {"mnist": [100, 100]}  # hidden widths
DISCRIMINATORS = {"mnist": [100], "resnet18": [1024, 1024]}


class Task(NamedTuple):
    settings: dict[str, Any]
    source_x: np.ndarray
    source_y: np.ndarray
    target_x: np.ndarray

    def workers(self) -> int:
        """Workers of a loader: 2 for images, as in both examples; 0 for vectors, where sending batches is slower."""
        workers: int = self.settings.get("workers", 2 if self.source_x.ndim == 4 else 0)
        return workers


def build(task: Task) -> tuple[nn.Module, nn.Module, nn.Sequential]:
    """The features, label classifier and discriminator of dann; the last maps features (N, D) to logits (N, 1)."""
    name, shape = task.settings["network"], task.source_x.shape[1:]
    if name == "mnist":
        layers = [nn.Conv2d(shape[0], 32, 5), nn.MaxPool2d(2), nn.ReLU()]
        layers += [nn.Conv2d(32, 48, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
        features = nn.Sequential(*layers)
    elif name == "resnet18":
        features = resnet18(weights=None)
        features.fc = nn.Identity()
    else:
        features = nn.Sequential(nn.Linear(shape[0], task.settings.get("hidden", 50)), nn.Sigmoid())
    with torch.no_grad():
        width = features.eval()(torch.zeros(1, *shape)).shape[1]
    classifier = fully_connected([width, *HEADS.get(name, []), task.settings["classes"]])
    return features.train(), classifier, fully_connected([width, *DISCRIMINATORS.get(name, []), 1])


def fully_connected(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        layers += [nn.Linear(width_in, width_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Images(Dataset[tuple[Tensor, int]]):
    """Images in memory, each converted to a PIL image and transformed on access, as in torchvision's MNIST."""

    def __init__(self, x: np.ndarray, y: np.ndarray, mean: list[float]) -> None:
        rows = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        self.x, self.y = rows[..., 0] if rows.shape[-1] == 1 else rows, y.tolist()
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(mean, [1.0] * len(mean))])

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.x[row])), self.y[row]


def datasets(task: Task) -> list[Dataset[Any]]:
    """Source and target; target labels, which loaders return but no step uses, are zeros."""
    pairs = [(task.source_x, task.source_y), (task.target_x, np.zeros(len(task.target_x), np.int64))]
    if task.source_x.ndim == 4:
        return [Images(x, y, task.settings["mean"]) for x, y in pairs]
    return [TensorDataset(torch.from_numpy(x), torch.from_numpy(y)) for x, y in pairs]


def endless(loader: DataLoader[Any]) -> Iterator[Any]:
    while True:
        yield from loader


def timed(step: Callable[[], None]) -> Run:
    def run(steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            step()
        return time.perf_counter() - began

    return run


def pytorch_adapt(task: Task, repairs: list[str]) -> Run:
    """examples/getting_started/DANNVanilla.ipynb without its progress bar; the hook reads every loss in each step."""
    from pytorch_adapt import datasets as data
    from pytorch_adapt.containers import Models, Optimizers
    from pytorch_adapt.hooks import DANNHook
    from pytorch_adapt.utils.common_functions import batch_to_device
    from pytorch_adapt.weighters import SumWeighter

    features, classifier, discriminator = build(task)
    models = Models({"G": features, "C": classifier, "D": nn.Sequential(discriminator, nn.Flatten(0))})
    optimizers = Optimizers((torch.optim.SGD, {key: task.settings[key] for key in ("lr", "momentum")}))
    optimizers.create_with(models)
    # By default it descends the mean of the three losses; dann descends their sum, with the mean over both domains.
    weighter = SumWeighter(weights={"src_domain_loss": 0.5, "target_domain_loss": 0.5})
    hook = DANNHook(list(optimizers.values()), weighter=weighter)
    source, target = datasets(task)
    both = data.CombinedSourceAndTargetDataset(data.SourceDataset(source), data.TargetDataset(target))
    create = data.DataloaderCreator(batch_size=task.settings["batch_size"], num_workers=task.workers())
    batches = endless(create(train=both)["train"])
    models.train()
    return timed(lambda: hook({**models, **batch_to_device(next(batches), torch.device("cpu"))}))


def dalib(task: Task, repairs: list[str]) -> Run:
    """TLlib's examples/domain_adaptation/image_classification/dann.py without its progress lines; no package has it.

    As in the example, each step reads the loss and both accuracies and schedules the learning rate.
    """
    if not hasattr(np, "float"):
        np.float = float
        repairs.append("numpy.float = float, removed in NumPy 1.24: its gradient reversal calls it")
    from dalib.adaptation.dann import DomainAdversarialLoss
    from dalib.modules.classifier import Classifier

    settings = task.settings
    features, classifier, discriminator = build(task)
    features.out_features = classifier[0].in_features
    # Its ImageClassifier and DomainDiscriminator are not used, because they add a layer to the features, and BatchNorm.
    model = Classifier(features, settings["classes"], head=classifier)
    domain_loss = DomainAdversarialLoss(nn.Sequential(discriminator, nn.Sigmoid()))
    groups = [*model.get_parameters(), {"params": discriminator.parameters()}]
    optimizer = torch.optim.SGD(groups, settings["lr"], momentum=settings["momentum"], nesterov=True)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + 0.001 * step) ** -0.75)
    options = {"batch_size": settings["batch_size"], "num_workers": task.workers(), "shuffle": True, "drop_last": True}
    source, target = (endless(DataLoader(part, **options)) for part in datasets(task))
    sums = [0.0, 0.0, 0.0]
    model.train()

    def step() -> None:
        (source_x, source_y), (target_x, _) = next(source), next(target)
        logits, both = model(torch.cat((source_x, target_x)))
        source_logits, _ = logits.chunk(2)
        loss = nn.functional.cross_entropy(source_logits, source_y) + domain_loss(*both.chunk(2))
        accuracy = 100 * (source_logits.argmax(1) == source_y).float().mean()
        for index, value in enumerate((loss, accuracy, domain_loss.domain_discriminator_accuracy)):
            sums[index] += value.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()

    return timed(step)


def skada(task: Task, repairs: list[str]) -> Run:
    """The estimator on arrays, as in examples/deep/plot_adversarial.py: transformed beforehand, no workers.

    An epoch is a ``partial_fit`` on as many examples as its steps need, at most all. The sampler first iterates over
    all of them, so the cost per step is that in an epoch of any length. skorch reads the loss in every step.
    """
    from skada.deep import DANN
    from skada.deep.base import DeepDADataset
    from skada.deep.modules import DomainClassifier

    settings, size = task.settings, task.settings["batch_size"]
    features, classifier, discriminator = build(task)
    domain_classifier = DomainClassifier(discriminator[0].in_features)
    # Its own layers have BatchNorm and end in a softmax over one output, which is always 1.
    domain_classifier.classifier = nn.Sequential(discriminator, nn.Sigmoid())
    net = DANN(
        nn.Sequential(OrderedDict(features=features, classifier=classifier)),
        layer_name="features",
        reg=0.5,  # skada sums the means of the two domains; dann takes their mean
        domain_classifier=domain_classifier,
        optimizer=torch.optim.SGD,
        optimizer__momentum=settings["momentum"],
        lr=settings["lr"],
        batch_size=size,
        max_epochs=1,
        train_split=None,
        verbose=0,
    )

    def examples(steps: int) -> DeepDADataset:
        source, target = task.source_x[: steps * size], task.target_x[: steps * size]
        y = np.concatenate([task.source_y[: len(source)], np.full(len(target), -1)])  # −1: no label
        domain = np.repeat([1, -2], [len(source), len(target)])  # numbered as skada does: targets below 0
        x = np.concatenate([source, target])
        if x.ndim == 4:
            x = x.astype(np.float32) / 255 - np.float32(settings["mean"])[:, None, None]
        return DeepDADataset(x, y, domain)

    def run(steps: int) -> float:
        taken = 0.0
        whole = max(len(task.source_x), len(task.target_x)) // size
        for first in range(0, steps, whole):
            epoch = examples(min(whole, steps - first))
            taken += timed(lambda epoch=epoch: net.partial_fit(epoch, None))(1)
        return taken

    return run


PEERS: dict[str, Callable[[Task, list[str]], Run]] = {"pytorch-adapt": pytorch_adapt, "dalib": dalib, "skada": skada}


def main() -> None:
    peer, path = sys.argv[1:]
    with np.load(path) as file:
        task = Task(json.loads(file["settings"].item()), file["source_x"], file["source_y"], file["target_x"])
    torch.set_num_threads(task.settings["threads"])
    torch.manual_seed(0)
    repairs: list[str] = []
    try:
        run = PEERS[peer](task, repairs)
        run(1)  # some failures show in the first step only
    except Exception as error:  # any failure means that the peer cannot do this task
        print(json.dumps({"broken": f"{type(error).__name__}: {error}".partition("\n")[0]}))
        sys.exit(3)
    packages = [peer, *(["skorch"] if peer == "skada" else []), "torch", "torchvision", "numpy"]
    versions = {"python": platform.python_version()} | {name: version(name) for name in packages}
    print("ready", json.dumps({"versions": versions, "repairs": repairs}), flush=True)
    for line in sys.stdin:
        print(run(int(line)), flush=True)


if __name__ == "__main__":
    main()
