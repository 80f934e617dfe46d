"""The models of finished runs, and of trainers whose training is over."""

import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import torch

from dann.config.schema import Config, resolve
from dann.config.use_files import read_use_files
from dann.data.input_pipeline import InputPipeline, read_inputs
from dann.data.number_labels import LabelScale
from dann.data.pair import Pair
from dann.errors import BadInput
from dann.inference.model import Model
from dann.methods.method import Method
from dann.networks.early_blocks import restore_early_blocks
from dann.networks.finetuning import prepare_backbone
from dann.networks.network import Network
from dann.networks.zero_shot_head import give_class_vectors
from dann.runner.own_parts import library_of_record
from dann.runner.records import RECORD, UNFINISHED, Record, read_record
from dann.training import checkpoint
from dann.training.device import choose_device
from dann.training.frozen_features import checksum
from dann.training.trainer import Trainer


def load(run: str | PathLike[str], device: str = "auto", use: Sequence[str | PathLike[str]] = ()) -> Model:
    """The model of a finished run; reads the run's folder only, and the pretrained weights of a frozen backbone.

    Args:
        run: the folder, such as ``runs/quickstart/rotated-moons/dann/seed-0``.
        device: ``cpu``, ``cuda``, …; ``auto`` is a GPU if there is one.
        use: files with the parts of your own that the run was made with, such as the copies in its folder; they are
            executed. No other code of a run is.

    Raises:
        BadInput: the folder is not that of a finished run, or the run is older than the files that predictions need.
    """
    folder, place = check_finished(Path(run)), choose_device(device)
    record = read_record(folder)
    if record.failed is not None:
        raise BadInput(f"{folder}: this run failed at {record.failed}: choose a run with a result")
    library = library_of_record(record, read_use_files([Path(file) for file in use], str(folder)), folder)
    config = resolve(record.config, str(folder / RECORD), library)
    inputs = read_inputs(folder, config.data.target_transform)
    scale = LabelScale.restored(record.data["labels"]) if record.of_numbers else None
    outputs = len(record.classes) if scale is None else 1
    method = _restore(config, inputs, outputs, folder / checkpoint.CHECKPOINT)
    _check_result(record, method, folder)
    method.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    dtype = torch.bfloat16 if record.environment["precision"] == "bf16" else torch.float32
    return Model(tuple(record.classes), method.eval(), inputs.to(place), dtype, config, scale)


def _restore(config: Config, inputs: InputPipeline, outputs: int, saved: Path) -> Method:
    """The method of a checkpoint; a backbone that stayed frozen is not in it and is built from its weights."""
    section, shapes = config.network, checkpoint.read_shapes(saved)
    saved_backbone = any(".backbone." in name for name in shapes)
    if saved_backbone and "weights" in section.options():
        section = section.model_copy(update={"weights": "none"})  # the checkpoint has them
    with torch.random.fork_rng(devices=[]):  # weights drawn here are overwritten
        network: Network = section.build(inputs.input_shape, outputs)
        backbone = prepare_backbone(network, config.finetune, section.name)
        if backbone is not None and not saved_backbone and checksum(backbone) != inputs.backbone:
            raise BadInput(f"{saved.parent}: network.weights differ from those of training: restore the file")
        if vectors := [
            shape for name, shape in shapes.items() if re.fullmatch(r"network\.classifier\..*\bvectors", name)
        ]:
            network.classifier = give_class_vectors(
                network.classifier, torch.zeros(vectors[0]), calibration=config.data.calibration
            )
        constant = network.backbone is not None and not saved_backbone
        method: Method = config.method.build(network.without_backbone() if constant else network)
    checkpoint.load(saved, method)
    method.network = network
    return method


def _check_result(record: Record, method: Method, folder: Path) -> None:
    """Raise unless the weights are the finite ones of the record's last step."""
    _, step, facts = checkpoint.read_saved(folder / checkpoint.CHECKPOINT)
    recorded = int(record.evaluations[-1]["step"])
    if facts is not None and (facts.seed, facts.fingerprint) != (record.seed, record.fingerprint):
        raise BadInput(f"{folder}: its weights are of another run: remove that folder and run it again")
    if step != recorded:
        raise BadInput(
            f"{folder}: its weights are of step {step}, its record of {recorded}: remove that folder and run it again"
        )
    for name, value in method.state_dict().items():
        if not value.isfinite().all():
            raise BadInput(
                f"{folder}: this run diverged, its weights {name} are not finite: lower optimizer.lr and run it again"
            )


def check_finished(folder: Path) -> Path:
    """``folder``, checked to be that of a finished run.

    Raises:
        BadInput: the folder is missing, or its run is unfinished.
    """
    there = (folder / RECORD).is_file()
    if folder.name.endswith(UNFINISHED) or (not there and Path(f"{folder.absolute()}{UNFINISHED}").is_dir()):
        raise BadInput(f"{folder}: this run is unfinished: continue it with the dann run that began it")
    if not there:
        raise BadInput(f"{folder}: no finished run there: name the folder of one, which holds {RECORD}")
    return folder


def of_trainer(trainer: Trainer, pair: Pair, config: Config) -> Model:
    """The model that a trainer has come to; it shares the trainer's weights, so that training is to be over.

    Args:
        pair: that it was trained on.
        config: of which it was built.

    Raises:
        BadInput: the preprocessing of the pair was too large to be kept.
    """
    pair.preprocessor.require_kept()
    inputs = InputPipeline(pair.preprocessor, trainer.inputs.raw, pair.input_shape, trainer.initial_backbone)
    method = trainer.evaluated
    if trainer.constant_backbone is not None:
        method.network = method.network.with_backbone(trainer.constant_backbone, inputs.input_shape)
        method.to(trainer.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    elif (backbone := method.network.backbone) is not None and backbone.entry_shape is not None:
        restore_early_blocks(backbone)
        method.network.input_shape = inputs.input_shape
    return Model(pair.classes, method.eval(), inputs, trainer.dtype, config, pair.label_scale)
