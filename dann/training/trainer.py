"""A resolved configuration → the objects that train."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dann.config.compatibility import check_data, check_method, check_parts
from dann.config.schema import Config, DataSection
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.domain import Domain, Split
from dann.data.labels import count_classes
from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import STEP, WEIGHTS, Stream, derive
from dann.data.pair import Pair
from dann.data.pair_builder import PairOptions, build_pair
from dann.data.pair_preprocessing import preprocess_pair
from dann.data.preprocessing.resampling import class_weights
from dann.data.transforms.input_transform import Transform
from dann.data.zero_shot import make_zero_shot
from dann.methods.all_methods import METHODS
from dann.methods.method import Method
from dann.networks.all_networks import NETWORKS
from dann.networks.backbone import Backbone
from dann.networks.finetuning import FineTuning, parameter_groups, prepare_backbone
from dann.networks.zero_shot_head import give_class_vectors
from dann.optim import LEARNING_RATE_SCHEDULES, OPTIMIZERS, Schedule
from dann.training.device import autocast, chosen_dtype, reseed
from dann.training.evaluate import Scores, evaluate
from dann.training.frozen_features import checksum
from dann.training.inputs import TrainingInputs
from dann.training.loop import update


def load_pair(data: DataSection) -> Pair:
    """The domains of a configuration, read from disk, split and prepared."""
    check_data(data)
    built: dict[str, Domain] = {}
    for component in (*data.sources, data.target):  # a target that is a source too is read once
        if (key := component.model_dump_json()) not in built:
            built[key] = component.build(DOMAINS)
    options = PairOptions(
        validation=data.validation,
        test=data.test,
        transductive=data.transductive,
        partial=data.partial,
        target_classes=data.target_classes,
        target_labelled=data.target_labelled,
        source_degradation=data.source_degradation,
        target_degradation=data.target_degradation,
    )
    sources = [built[source.model_dump_json()] for source in data.sources]
    pair = build_pair(sources, built[data.target.model_dump_json()], options)
    pair = make_zero_shot(pair, data.class_vectors, data.unseen)
    msda = None if data.msda is None else (data.msda.layers, data.msda.corruption)
    return preprocess_pair(pair, missing=data.missing, msda=msda, smote=data.resample == "smote")


@dataclass(frozen=True)
class Trainer:
    """All that one run trains and evaluates with, built from its configuration and seed.

    ``backbone`` is the checksum of what a backbone was before training, where one is fine-tuned or frozen.
    """

    method: Method
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    stream: Stream
    splits: dict[str, Split]
    feed: TrainingInputs
    backbone: str | None
    finetune: FineTuning | None
    seed: int
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(
        cls, config: Config, pair: Pair, seed: int, device: torch.device, like: "Trainer | None" = None
    ) -> "Trainer":
        """Networks, data and optimiser on ``device``; draws the initial weights from torch's generator.

        Args:
            like: a setup of the same data section, whose examples and transforms are shared instead of made again.
        """
        data = config.data
        dtype = chosen_dtype(config.train.precision, device)
        feed = TrainingInputs.of(data, pair, device) if like is None else like.feed
        check_parts(config)
        torch.manual_seed(derive(seed, WEIGHTS))
        network = config.network.build(NETWORKS, feed.raw.output_shape(pair.input_shape), len(pair.classes))
        if (backbone := prepare_backbone(network, config.finetune, config.network.name)) and _constant(
            config, backbone
        ):
            feed = feed.through(backbone, device, dtype) if like is None else feed
            network = network.without_backbone()
        if pair.class_vectors is not None:
            network.classifier = give_class_vectors(
                network.classifier, pair.class_vectors, pair.unseen, data.calibration
            )
        started = checksum(backbone) if backbone is not None else None
        method = config.method.build(METHODS, network)
        check_method(method, config)
        method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = fresh_optimizer(config, method)
        splits = dict(feed.splits)
        sides = splits.pop("train"), splits.pop("unlabelled")
        stream = Stream(
            *sides,
            feed.transforms,
            batch_size=data.batch_size,
            target_batch_size=data.target_batch_size,
            seed=seed,
            resample=data.resample,
            weights=class_weights(count_classes(pair.train, len(pair.classes)), data.class_weights, data.beta),
            view=feed.view if method.second_view else None,
            device=device,
        )
        schedule = LEARNING_RATE_SCHEDULES[config.optimizer.schedule]
        return cls(method, optimizer, schedule, stream, splits, feed, started, config.finetune, seed, dtype, device)

    def train(self) -> None:
        """Go into training mode."""
        self.method.train()

    def step(self, step: int, progress: float) -> dict[str, Tensor]:
        """Make one step of all phases; returns the detached loss terms, shape ``(1,)`` each."""
        set_rates(self.optimizer, self.schedule(progress))
        if self.finetune is not None and (backbone := self.method.network.backbone) is not None:
            backbone.freeze(self.finetune.frozen_blocks(progress, len(backbone.blocks)))
        batch = self.stream[step]
        reseed(self.device, derive(self.seed, STEP, step))
        terms: dict[str, Tensor] = {}
        for phase in self.method.phases(progress):
            terms.update(update(self.method, batch, progress, phase, self.optimizer, self.dtype))
        return {name: term.reshape(1) for name, term in terms.items()}

    def refresh(self, before: float, progress: float, evaluating: bool) -> None:
        """Let the method take in what whole splits tell, in evaluation mode and without gradients, where it is due."""
        if not self.method.due(before, progress, evaluating):
            return
        stream, training = self.stream, self.method.training
        full_pass = FullPass(
            stream.source, self.splits["source_validation"], stream.target, stream.transforms, self.device
        )
        try:
            with torch.no_grad(), autocast(self.device, self.dtype):
                self.method.eval().refresh(full_pass, progress)
        finally:
            self.method.train(training)

    def rates(self) -> list[float]:
        """The learning rate of the last step, of the first group."""
        return [self.optimizer.param_groups[0]["lr"]]

    def transform(self, split: str) -> Transform:
        """The transform of the domain that the split called so is of."""
        return self.stream.transforms[split.startswith("target")]

    def scores(self) -> dict[str, Scores]:
        """The scores on every evaluated split now."""
        return {
            name: evaluate(self.method, split, self.transform(name), self.dtype) for name, split in self.splits.items()
        }


def fresh_optimizer(config: Config, method: Method) -> torch.optim.Optimizer:
    """The optimiser of a configuration, at its first learning rates, over the parameters of a method."""
    groups = parameter_groups(method, method.network.backbone, config.finetune)
    optimizer = config.optimizer.build(OPTIMIZERS, groups)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"] * group["factor"]
    return optimizer


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rate of each group to ``factor`` times its first."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor


def _constant(config: Config, backbone: Backbone) -> bool:
    """Whether the backbone gives the same for an example at every step, so that its outputs are computed once."""
    options, data, method = config.finetune, config.data, METHODS[config.method.name]
    if options is None or options.backbone > 0 or not backbone.pretrained:
        return False
    moving = options.norm != "frozen" and backbone.has_batch_norm()
    drawn = data.transform.random or data.target_transform.random
    return not (moving or drawn or method.second_view or method.reads_inputs)
