"""Builds what one run trains with, from its configuration and its data: network, method, optimiser and batches."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from dann.config.compatibility import check_method, check_parts
from dann.config.schema import Config
from dann.config.sections import DataSection
from dann.data.domain import Split
from dann.data.labels import count_classes
from dann.data.loading.stream import WEIGHTS, Stream, derive
from dann.data.pair import Pair
from dann.data.preprocessing.resampling import class_weights
from dann.data.transforms.input_transform import Transform
from dann.errors import BadInput
from dann.functional.regression import huber_loss, squared_error
from dann.methods.method import Method
from dann.networks.all_networks import RGB_ONLY
from dann.networks.backbone import Backbone
from dann.networks.early_blocks import EarlyBlocks, restore_early_blocks, skip_early_blocks
from dann.networks.finetuning import prepare_backbone
from dann.networks.network import Network
from dann.networks.own_module import wrap_module
from dann.networks.zero_shot_head import give_class_vectors
from dann.training.averaging import WeightAverage
from dann.training.best_weights import BestWeights
from dann.training.device import choose_dtype, measure_memory
from dann.training.earlier_runs import EarlierRuns, check_given
from dann.training.frozen_features import checksum
from dann.training.generated_examples import add_generated_examples
from dann.training.inputs import TrainingInputs, prepare_inputs
from dann.training.self_training_rounds import SelfTraining
from dann.training.source_model import load_source_model
from dann.training.staged_optimizer import StagedOptimizer
from dann.training.trainer import Trainer

NONE = EarlierRuns()
TRAINED = ("train", "unlabelled")  # splits that batches are drawn from; the others are evaluated


def build_trainer(
    config: Config,
    pair: Pair,
    seed: int,
    device: torch.device,
    like: Trainer | None = None,
    module: nn.Module | None = None,
    earlier: EarlierRuns = NONE,
) -> Trainer:
    """Everything that one run trains with, on ``device``; the initial weights come from torch's generator.

    Args:
        like: the trainer of another run with the same data section; its examples and transforms are shared.
        module: of the user's own, in the place of ``config.network``.
        earlier: the runs that it takes weights from, see ``find_earlier_runs``.

    Raises:
        BadInput: parts of the configuration do not fit each other or the data, or an earlier run that is named is not
            given.
    """
    check_parts(config)
    check_given(config, earlier)
    if pair.task != config.data.task:
        raise BadInput(f"data.task: {config.data.task}, but the labels of the data are for {pair.task}: set it alike")
    if earlier.source is not None and config.finetune is not None and config.finetune.frozen:
        like = None  # what its blocks give is another source model's
    inputs = prepare_inputs(config.data, pair, device, config.network.name in RGB_ONLY) if like is None else like.inputs
    _check_batch_size(config.data, inputs.raw.output_shape(pair.input_shape), device)
    if earlier.generator is not None:
        more = add_generated_examples(inputs.splits["train"], earlier.generator, len(pair.classes), seed, device)
        inputs = replace(inputs, splits={**inputs.splits, "train": more})
    dtype = choose_dtype(config.train.precision, device)
    torch.manual_seed(derive(seed, WEIGHTS))
    network = _build_network(config, pair, inputs, module)
    network, inputs, initial_backbone, constant = _prepare_network(
        config, network, inputs, device, dtype, like is not None, earlier.source
    )
    method = _build_method(network, config, pair, device)
    method.hold_examples(len(inputs.splits["unlabelled"]))
    splits = {name: split for name, split in inputs.splits.items() if name not in TRAINED}
    rounds = None
    if config.self_training is not None:
        examples, domain = len(inputs.splits["unlabelled"]), len(config.data.sources)
        rounds = SelfTraining(config.self_training, examples, domain)
    return Trainer(
        method=method,
        optimizers=StagedOptimizer(method, config.optimizer, config.finetune, () if rounds is None else rounds.stages),
        stream=build_stream(config.data, pair, inputs, seed, device, method.second_view),
        splits=splits,
        inputs=inputs,
        initial_backbone=initial_backbone,
        constant_backbone=constant,
        finetune=config.finetune,
        seed=seed,
        dtype=dtype,
        device=device,
        average=_build_average(config, method, splits.get("source_validation"), inputs.transforms[0], pair, dtype),
        self_training=rounds,
    )


def _build_network(config: Config, pair: Pair, inputs: TrainingInputs, module: nn.Module | None) -> Network:
    shape, outputs = inputs.raw.output_shape(pair.input_shape), pair.outputs
    network: Network = config.network.build(shape, outputs) if module is None else wrap_module(module, shape, outputs)
    if pair.class_vectors is not None:
        calibration = config.data.calibration
        network.classifier = give_class_vectors(network.classifier, pair.class_vectors, pair.unseen, calibration)
    return network


def _prepare_network(
    config: Config,
    network: Network,
    inputs: TrainingInputs,
    device: torch.device,
    dtype: torch.dtype,
    shared: bool,
    source: Path | None,
) -> tuple[Network, TrainingInputs, str | None, Backbone | None]:
    """The network, its inputs, the checksum of its backbone, and the backbone where its outputs are the inputs.

    Args:
        shared: the inputs are those of another run, in which what is computed once is computed already.
        source: the folder of the run with whose weights it begins, before what its frozen blocks give is computed.
    """
    backbone = prepare_backbone(network, config.finetune, config.network.name)
    initial = None if backbone is None else checksum(backbone)
    constant = backbone if backbone is not None and _is_constant(backbone, config) else None
    if constant is not None:
        inputs = inputs if shared else inputs.with_features(constant, device, dtype)
        network = network.without_backbone()
    if source is not None:
        load_source_model(network, source)
    if backbone is not None and constant is None and _has_constant_blocks(backbone, config):
        inputs = _compute_early_blocks(network, backbone, inputs, device, dtype, not shared)
    return network, inputs, initial, constant


def _build_average(
    config: Config, method: Method, validation: Split | None, transform: Transform, pair: Pair, dtype: torch.dtype
) -> WeightAverage | BestWeights | None:
    """What is evaluated in place of the last weights, if anything is."""
    if config.train.keep_best is not None and validation is not None:
        return BestWeights(method, config.train.keep_best, validation, transform, dtype, pair.label_scale)
    return None if config.train.ema is None else WeightAverage(method, config.train.ema)


def _check_batch_size(data: DataSection, shape: tuple[int, ...], device: torch.device) -> None:
    """Refuse batches that alone would fill the memory of the device, before anything is written."""
    examples = data.batch_size + (data.target_batch_size or data.batch_size)
    size, memory = 4 * examples * math.prod(shape), measure_memory(device)
    if size > memory / 2:
        raise BadInput(
            f"data.batch_size: {examples} examples of shape {shape} take {size / 2**30:.1f} GiB, too much for this "
            f"device's {memory / 2**30:.1f} GiB: set it lower"
        )


def _is_constant(backbone: Backbone, config: Config) -> bool:
    """Whether the backbone gives the same for an example at every step, so that its outputs are computed once."""
    options, data, method = config.finetune, config.data, config.method_class
    if options is None or options.backbone > 0 or not backbone.pretrained:
        return False
    moving = options.norm != "frozen" and backbone.has_batch_norm()
    drawn = data.transform.random or data.target_transform.random
    return not (moving or drawn or method.second_view or method.needs_examples)


def _has_constant_blocks(backbone: Backbone, config: Config) -> bool:
    """Whether the first blocks of the backbone give the same for an example at every step, and nothing looks inside."""
    data, method = config.data, config.method_class
    if config.finetune is None or not config.finetune.frozen or not backbone.pretrained:
        return False
    drawn = data.transform.random or data.target_transform.random
    looks_inside = method.second_view or method.needs_examples or method.needs_pretrained or config.diagnose.mixval
    return not (drawn or looks_inside)


def _compute_early_blocks(
    network: Network, backbone: Backbone, inputs: TrainingInputs, device: torch.device, dtype: torch.dtype, first: bool
) -> TrainingInputs:
    """The outputs of the blocks that are never trained, in place of the examples, if the model can be entered there.

    Args:
        network: changed in place, to take these outputs.
        first: whether they are to be computed, and not those of another run already.
    """
    early, shape = EarlyBlocks(backbone), network.input_shape
    width = skip_early_blocks(backbone, shape)
    if width is None:
        return inputs
    network.input_shape = (width,)
    if not first:
        return inputs
    restore_early_blocks(backbone)
    inputs = inputs.with_features(early, device, dtype)
    skip_early_blocks(backbone.to("cpu"), shape)
    return inputs


def _build_method(network: Network, config: Config, pair: Pair, device: torch.device) -> Method:
    method: Method = config.method.build(network)
    check_method(method, config)
    if pair.task == "regression":
        huber = config.data.huber
        method.label_loss = squared_error if huber is None else partial(huber_loss, threshold=huber)
    method.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return method


def build_stream(
    data: DataSection, pair: Pair, inputs: TrainingInputs, seed: int, device: torch.device, second_view: bool = False
) -> Stream:
    """The training batches of a pair.

    Args:
        second_view: whether they have another view of the target's examples.
    """
    target = inputs.splits["unlabelled"]
    return Stream(
        inputs.splits.get("train", target.take(torch.arange(0))),
        target,
        inputs.transforms,
        batch_size=data.batch_size if pair.absent is None else 0,
        target_batch_size=data.target_batch_size or data.batch_size,
        seed=seed,
        resample=data.resample,
        bootstrap=data.bootstrap,
        scale=pair.label_scale,
        weights=class_weights(count_classes(pair.train, len(pair.classes)), data.class_weights, data.beta),
        view=inputs.view if second_view else None,
        device=device,
    )
