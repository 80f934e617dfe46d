"""What the estimators of classes and of numbers share: arguments, training and features."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data
from torch import nn

from dann.config.schema import Config
from dann.data.domain import Task
from dann.data.pair import Pair
from dann.data.readers.example_arrays import ArrayFormat, to_array
from dann.data.readers.example_layout import Layout
from dann.estimators.declaration import SECTIONS, declare_config, read_section, set_option
from dann.estimators.example_sides import Sides, divide_examples
from dann.estimators.given_examples import collect_examples
from dann.estimators.quiet_training import QuietTraining
from dann.estimators.value_errors import as_value_error
from dann.inference.loading import of_trainer
from dann.inference.model import Model
from dann.runner.source_run import check_earlier_runs
from dann.training.building import build_trainer
from dann.training.device import choose_device, keep_random_state
from dann.training.earlier_runs import find_earlier_runs
from dann.training.pair_loading import prepare_pair

Section = Mapping[str, Any]
Known = tuple[NDArray[Any], NDArray[np.bool_]]  # labels, and which of them are one
Estimator = TypeVar("Estimator", bound="AdaptationEstimator")
# Options of the section data that are arguments, or without meaning where all examples that are given are trained on.
TAKEN = ("task", "source", "target", "batch_size", "test", "transductive", "drop_duplicates")


class AdaptationEstimator(
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """An estimator that is trained on labelled source examples and unlabelled target examples.

    Its arguments are the sections of an experiment file, so that ``dann describe`` explains each: a word is a name, a
    mapping has the options too. Options within a mapping are set by their path, as ``optimizer__lr``, in ``set_params``
    and in searches. With the same configuration, data and seed it has the weights of ``dann run``, bit by bit.

    Args:
        method: a method of dann/methods/README.md.
        network: a network of dann/networks/README.md, or a module that maps ``(N, ...)`` to features, on which a linear
            layer is put; training begins with a copy of the module, its weights included.
        optimizer: an optimiser.
        steps: number of updates.
        batch_size: examples of the source, and as many of the target, in a step.
        precision: ``fp32``, ``bf16``, or ``auto`` for bf16 where the device computes with it.
        data: further options of the section ``data``, such as ``{"missing": "mean"}`` or ``transform``.
        train: further options of the section ``train``, such as ``{"keep_best": 100}``.
        finetune: the section of that name, for pretrained networks.
        self_training: the section of that name.
        layout: the order of the axes of images and series where the shape does not decide it, as for ``arrays``.
        image_size: H and W to which images are stretched that are given by their paths.
        range: the values of black and white of images that are not uint8, such as ``[0, 1]``.
        random_state: a whole number is the seed of a run; otherwise the seed is drawn.
        device: ``cpu``, ``cuda``, …; ``auto`` is a GPU if there is one.

    Attributes:
        n_features_in_: number of columns of the examples.
        feature_names_in_: their names, if the examples were a data frame's.
        n_iter_: number of steps done, fewer than ``steps`` after an interruption.
        history_: losses, evaluations, alarms and their figure, ``dann.estimators.training_history.TrainingHistory``.
        config_: the resolved configuration, as the record of a run has it.
        model_: the trained model, ``dann.inference.model.Model``.
    """

    task: ClassVar[Task]

    # What skada's scorers and splitters route; it is without effect unless metadata routing is switched on.
    __metadata_request__fit = {"sample_domain": True}  # noqa: RUF012
    __metadata_request__predict = {"sample_domain": True, "allow_source": True}  # noqa: RUF012
    __metadata_request__transform = {"sample_domain": True, "allow_source": True}  # noqa: RUF012
    __metadata_request__score = {"sample_domain": True, "allow_source": True, "sample_weight": True}  # noqa: RUF012

    def __init__(
        self,
        method: str | Section = "dann",
        network: str | Section | nn.Module = "mlp",
        *,
        optimizer: str | Section = "adam",
        steps: int = 1000,
        batch_size: int = 64,
        precision: Literal["fp32", "bf16", "auto"] = "fp32",
        data: Section | None = None,
        train: Section | None = None,
        finetune: Section | None = None,
        self_training: Section | None = None,
        image_size: int = 256,
        layout: Layout | None = None,
        range: tuple[float, float] | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
    ) -> None:
        self.method, self.network, self.optimizer = method, network, optimizer
        self.steps, self.batch_size, self.precision = steps, batch_size, precision
        self.data, self.train, self.finetune, self.self_training = data, train, finetune, self_training
        self.image_size, self.layout, self.range = image_size, layout, range
        self.random_state, self.device = random_state, device

    def fit(self: Estimator, X: Any, y: Any = None, X_target: Any = None, *, sample_domain: Any = None) -> Estimator:
        """Train on all examples that are given but the tenth of the source that ``data.validation`` holds out.

        The target is ``X_target``; or the examples of ``X`` whose ``sample_domain`` is below 0; or, without both, those
        of ``X`` without a label: NaN and None, and of classes −1 unless it is one by the rule of dann/data/README.md.
        No label of a target's example is read. Without any target, the source takes its place and a warning says so.
        An interruption by Ctrl-C is raised, but the model is kept as it was after its last step.

        Args:
            X: vectors ``(N, D)``, images ``(N, C, H, W)`` and others, or series ``(N, C, L)``, as for ``arrays``; an
                array, a tensor, a data frame or a sparse matrix; or N paths of images; or a map-style data set.
            y: shape ``(N,)``, of classes integers, booleans or strings, else numbers; None if the items of a data set
                have their labels.
            X_target: M examples like those of ``X``.
            sample_domain: the domain of each example, shape ``(N,)``: sources from 0 on, the target below 0.

        Raises:
            ValueError: parameters, examples or labels do not fit.
        """
        x, own = self._validate(X, reset=True)
        y = own if y is None else y
        if y is None:
            raise ValueError(f"{self._name} requires y to be passed, but the target y is None")
        x_target = None if X_target is None else self._validate(X_target)[0]
        with as_value_error():
            form = ArrayFormat.of_options({"layout": self.layout, "range": self.range})
            sides = divide_examples(x, y, x_target, sample_domain, form, self.task)
            config = self._declare(len(sides.sources))
            if not sides.has_target and config.method.name != "source_only":
                minus = ", the latter where -1 means no label" if -1 in sides.classes.tolist() else ""
                remedy = f"give X_target or sample_domain{minus}"
                warnings.warn(f"{self._name}: no target is named, so nothing is adapted: {remedy}", stacklevel=2)
            self._train(sides, config)
        return self

    def _train(self, sides: Sides, config: Config) -> None:
        pair, device = prepare_pair(sides.sources, sides.target, config.data), choose_device(self.device, "device=")
        module = self.network if isinstance(self.network, nn.Module) else None
        with keep_random_state(device):
            seed = self._draw_seed()
            earlier = find_earlier_runs(config, seed)
            check_earlier_runs(earlier, pair)
            trainer = build_trainer(config, pair, seed, device, module=module, earlier=earlier)
            training = QuietTraining(trainer, config, pair)
            try:
                training.train()
            except KeyboardInterrupt:
                self._keep(training, pair, sides, config)
                raise
        self._keep(training, pair, sides, config)

    def _keep(self, training: QuietTraining, pair: Pair, sides: Sides, config: Config) -> None:
        self.model_ = of_trainer(training.trainer, pair, config)
        self.config_ = config.model_dump(mode="json")
        self.n_iter_, self.history_ = training.steps, training.history
        self._n_features_out = self.model_.method.network.feature_dim

    def _declare(self, sources: int) -> Config:
        parameters = {**self.get_params(deep=False), "method": self._declare_method(), "diagnose": {"examples": 0}}
        given = read_section(self.data, "data", TAKEN, self._name)
        data = {**given, "task": self.task, "transductive": True}
        return declare_config(parameters, data, sources, self._name)

    def _declare_method(self) -> str | Section:
        """The section ``method`` of the configuration."""
        return self.method

    def _draw_seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def transform(self, X: Any, *, sample_domain: Any = None, allow_source: bool = True) -> NDArray[np.float32]:
        """The features on which the last layer works, shape ``(N, D)``, by the transform of the target.

        Args:
            X: N examples like those of training.
            sample_domain: not read, for the model is one for all domains; skada passes it.
            allow_source: likewise.
        """
        return self._apply(lambda model, x: model.features(x, "X"), X)

    def predict(self, X: Any, *, sample_domain: Any = None, allow_source: bool = True) -> NDArray[Any]:
        """The predictions of each example, shape ``(N,)``; arguments as of ``transform``."""
        raise NotImplementedError

    def _apply(self, function: Callable[[Model, Any], NDArray[np.float32]], X: Any) -> NDArray[np.float32]:
        check_is_fitted(self)
        x, _ = self._validate(X)
        with as_value_error():
            return function(self.model_, x)

    def _score(
        self, X: Any, y: Any, sample_weight: Any, read: Callable[[NDArray[Any]], Known], measure: Callable[..., float]
    ) -> float:
        """A measure over the examples that have a label, of ``read``'s labels, predictions and ``sample_weight``."""
        predicted = self.predict(X)
        check_consistent_length(predicted, y)
        with as_value_error():
            labels, known = read(column_or_1d(to_array(y, "y")))
        if not known.any():
            raise ValueError("y: no example has a label: give some to score")
        weights = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(measure(labels[known], predicted[known], sample_weight=weights))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by name; those within sections are not listed, but ``set_params`` takes them."""
        parameters: dict[str, Any] = super().get_params(deep=False)
        return parameters

    def set_params(self: Estimator, **params: Any) -> Estimator:
        """Set parameters; ``optimizer__lr`` sets ``lr`` within the section ``optimizer``, beside what it has."""
        known = super().get_params(deep=False)
        nested = {key for key in params if key.partition("__")[0] in {*SECTIONS} & {*known} and "__" in key}
        super().set_params(**{key: value for key, value in params.items() if key not in nested})
        for key in nested:
            section, _, option = key.partition("__")
            with as_value_error():
                setattr(self, section, set_option(getattr(self, section), option, params[key]))
        return self

    def _validate(self, X: Any, reset: bool = False) -> tuple[Any, Any]:
        """Examples as an array or a sparse matrix, with features as in training, and their labels if they bring any."""
        with as_value_error():
            given, labels = collect_examples(X, self.image_size)
        finite = "allow-nan" if self._fills_gaps else True
        checks = {"accept_sparse": "csr", "allow_nd": True, "ensure_all_finite": finite}
        x = validate_data(self, given, reset=reset, ensure_min_samples=2 if reset else 1, **checks)
        return x, labels

    @property
    def _fills_gaps(self) -> bool:
        return isinstance(self.data, Mapping) and self.data.get("missing", "error") != "error"

    @property
    def _name(self) -> str:
        return type(self).__name__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._fills_gaps
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
