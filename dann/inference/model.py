"""Loading of trained models, alone or as an ensemble."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dann.config.schema import Config, resolve
from dann.config.use_files import read_use_files
from dann.data.datasets.own_series import CHANNELS_FIRST
from dann.data.datasets.text_tokens import to_token_ids
from dann.data.domain import UNLABELLED, Split
from dann.data.input_pipeline import InputPipeline, read_inputs
from dann.data.number_labels import LabelScale
from dann.data.pair import Pair
from dann.data.readers.example_arrays import ArrayFormat, to_examples
from dann.errors import BadInput
from dann.inference.test_time import Adaptation, predict_adapted
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
from dann.training.outputs import compute_logits, compute_outputs
from dann.training.trainer import Trainer


@dataclass(frozen=True)
class Model:
    """A trained network with its input pipeline; predicts raw examples of its target domain.

    Args:
        classes: the K names; none where numbers are predicted.
        method: the state after the last step, in evaluation mode.
        inputs: maps raw examples to the network's inputs, as in the run's evaluations.
        dtype: of the network's computations, as in the run: float32 or bfloat16.
        config: the resolved configuration of the run.
        scale: of the labels, where they are numbers; None for classes.
    """

    classes: tuple[str, ...]
    method: Method
    inputs: InputPipeline
    dtype: torch.dtype
    config: Config
    scale: LabelScale | None = None

    @property
    def reads_texts(self) -> bool:
        """Whether the run was trained on texts, which ``predict`` takes as strings."""
        return self.tokenizer is not None or self.inputs.preprocessor.vocabulary is not None

    @property
    def tokenizer(self) -> str | None:
        """The tokenizer of a run on texts, where they had one."""
        name: str | None = self.config.data.target.options().get("tokenizer")
        return name

    @property
    def input_type(self) -> torch.dtype:
        """Of raw examples: uint8 of images, float32 of images of a stated range (0 to 255), vectors and series."""
        ranged = ArrayFormat.of_options(self.config.data.target.options()).range is not None
        return torch.uint8 if self.inputs.images and not ranged else torch.float32

    def predict(self, inputs: Any, where: str = "inputs", adapt: Adaptation | None = None) -> NDArray[np.float32]:
        """The probabilities of the classes, shape ``(N, K)``, or the numbers in the unit of the labels, ``(N,)``.

        Args:
            inputs: N raw examples of the run's shape, an array or a tensor: images, vectors or series as the option
                ``arrays`` of the target takes them, in the ``layout`` and ``range`` of its configuration; of ``series``
                windows ``(N, C, T)``; of texts N strings, or the numbers that the run's vocabulary or tokenizer
                makes of them.
            where: the place of the inputs, for messages.
            adapt: ``adabn`` or ``tent`` adapt a copy of the network to these inputs, all at once, without the source
                (``dann.inference.test_time``).

        Raises:
            BadInput: the inputs have another shape or type, or values are missing; with ``adapt``, the network has no
                BatchNorm, or there is one input; with ``tent``, numbers are predicted.
        """
        return self.predict_read(self.read(inputs, where), where, adapt)

    def predict_read(self, x: Tensor, where: str, adapt: Adaptation | None = None) -> NDArray[np.float32]:
        """The same of inputs as ``read`` returns them."""
        if adapt == "tent" and self.scale is not None:
            raise BadInput("adapt: tent lowers the entropy of classes, but this run predicts numbers: choose adabn")
        if adapt is None:
            logits = compute_logits(self.method, x, self.inputs, self.dtype)
        else:
            logits = predict_adapted(self.method, x, self.inputs, self.dtype, adapt, where)
        predicted = logits.softmax(dim=1) if self.scale is None else self.scale.restore(logits).squeeze(1)
        if not predicted.isfinite().all():
            raise BadInput(f"{where}: the network's outputs are not finite: give values like those of training")
        predictions: NDArray[np.float32] = predicted.numpy()
        return predictions

    def features(self, inputs: Any, where: str = "inputs") -> NDArray[np.float32]:
        """The features on which the classifier works, shape ``(N, D)``; arguments and errors as of ``predict``."""
        x = self.read(inputs, where)
        examples = Split.of(x, torch.full((len(x),), UNLABELLED))
        features: NDArray[np.float32] = compute_outputs(self.method, examples, self.inputs, self.dtype)[
            "features"
        ].numpy()
        return features

    def read(self, inputs: Any, where: str = "inputs") -> Tensor:
        """Inputs as the network's pipeline takes them; arguments and errors as of ``predict``."""
        inputs = self._number_texts(inputs, where)
        target = self.config.data.target
        form = CHANNELS_FIRST if target.name == "series" else ArrayFormat.of_options(target.options())
        return self.inputs.check(to_examples(inputs, where, form), where)

    def _number_texts(self, inputs: Any, where: str) -> Any:
        """Inputs with numbers in place of strings, as training had them."""
        if isinstance(inputs, str):
            raise BadInput(f"{where}: a single text: give a list of texts")
        listed = isinstance(inputs, list | tuple) or getattr(inputs, "ndim", 0) == 1  # not the columns of a data frame
        if not (listed and isinstance(next(iter(inputs), None), str) and all(isinstance(each, str) for each in inputs)):
            return inputs
        texts, vocabulary = [str(text) for text in inputs], self.inputs.preprocessor.vocabulary
        if self.tokenizer is not None:
            return to_token_ids(texts, self.tokenizer, *self.inputs.raw_shape)
        if vocabulary is None:
            raise BadInput(f"{where}: texts, but the run was trained on examples of shape {self.inputs.raw_shape}: "
                           "give numbers")  # fmt: skip
        return vocabulary(texts)


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


@dataclass(frozen=True)
class Ensemble:
    """Several models whose predictions are averaged, such as the seeds of a variant (Lakshminarayanan et al. 2017).

    Args:
        models: for the same classes and shape of raw examples; files are decoded as for the first model. Models of
            texts may have vocabularies and tokenizers of their own.

    Raises:
        BadInput: classes or shapes of examples differ, or there is no model.
    """

    models: Sequence[Model]

    def __post_init__(self) -> None:
        if not self.models:
            raise BadInput("an ensemble needs at least one run: name one")
        first, *others = self.models
        for model in others:
            if model.classes != first.classes:
                classes = f"{first.classes} and {model.classes}"
                raise BadInput(f"an ensemble needs runs of the same classes, not {classes}: drop one")
            if model.reads_texts and first.reads_texts:
                continue
            if model.inputs.raw_shape != first.inputs.raw_shape:
                shapes = f"{model.inputs.raw_shape} and {first.inputs.raw_shape}"
                raise BadInput(f"an ensemble needs runs of examples of one shape, not {shapes}: drop one")

    @property
    def classes(self) -> tuple[str, ...]:
        return self.models[0].classes

    @property
    def inputs(self) -> InputPipeline:
        return self.models[0].inputs

    @property
    def config(self) -> Config:
        return self.models[0].config

    @property
    def reads_texts(self) -> bool:
        return self.models[0].reads_texts

    def predict(self, inputs: Any, where: str = "inputs", adapt: Adaptation | None = None) -> NDArray[np.float32]:
        """The mean of the models' predictions; arguments and shapes as of ``Model.predict``."""
        return self.predict_read(self.read(inputs, where), where, adapt)

    def read(self, inputs: Any, where: str = "inputs") -> list[Tensor]:
        """Inputs as the pipeline of each model takes them."""
        return [model.read(inputs, where) for model in self.models]

    def predict_read(self, x: Sequence[Tensor], where: str, adapt: Adaptation | None = None) -> NDArray[np.float32]:
        """The mean of the models' predictions of inputs as ``read`` returns them."""
        every = [model.predict_read(read, where, adapt) for model, read in zip(self.models, x, strict=True)]
        predictions: NDArray[np.float32] = np.mean(every, axis=0)
        return predictions


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
