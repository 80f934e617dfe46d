"""Checks that the parts of a configuration are compatible, before anything is trained."""

from dann.config.number_checks import check_numbers, check_numbers_method
from dann.config.optimizer_section import OptimizerSection
from dann.config.schema import Config
from dann.config.sections import DataSection
from dann.config.text_checks import check_text_network, check_texts
from dann.errors import BadInput
from dann.methods.method import Method
from dann.networks.backbone import NORMS

OF_SOURCE = ("target_labelled", "disjoint", "resample", "bootstrap", "class_weights", "source_degradation",
             "class_vectors", "unseen")  # fmt: skip  # options of data that mean nothing without a source


def check_data(data: DataSection) -> None:
    """Raise if options of ``data`` contradict one another."""
    check_numbers(data)
    if not data.sources:
        _check_without_source(data)
    if data.target_labelled:
        _check_labelled_target(data)
    if len(data.balancing) > 1:
        first, other = data.balancing[:2]
        raise BadInput(f"data.{other}: {first} balances the classes already: leave {other} out")
    if data.calibration and not data.unseen:
        raise BadInput("data.calibration: applies to unseen classes only: name some in data.unseen, or leave it out")
    if data.unseen and data.balancing:
        left_out = " and ".join(data.balancing)
        raise BadInput(f"data.unseen: classes without examples cannot be balanced: leave {left_out} out")
    _check_generator(data)
    _check_ranges(data)
    check_texts(data)


def _check_without_source(data: DataSection) -> None:
    """Raise for options that need a source where there is none."""
    for name in OF_SOURCE:
        if getattr(data, name) != DataSection.model_fields[name].default:
            raise BadInput(f"data.{name}: concerns the labelled side, and there is no data.source: leave it out")


def _check_labelled_target(data: DataSection) -> None:
    """Raise if labelled target examples, whose transform is the source's, would be normalised otherwise."""
    source, target = data.transform.normalise, data.target_transform.normalise
    if "domain" in (source, target):
        raise BadInput(
            "data.target_labelled: normalise: domain does not suit target examples on the labelled side: choose another"
        )
    if source != target:
        raise BadInput(
            f"data.target_labelled: normalise is {source} for the source and {target} for the target, whose examples "
            "join the labelled side: choose one for both"
        )


def _check_generator(data: DataSection) -> None:
    """Raise unless there is a generator where, and only where, it is needed."""
    if data.resample == "generate" and data.generator is None:
        raise BadInput(
            "data.resample: generate takes the generator of a finished run of pixel_da: set data.generator to its "
            "folder"
        )
    if data.generator is not None and data.resample != "generate":
        raise BadInput(f"data.generator: resample: {data.resample} reads none: set resample: generate, or leave it out")


def _check_ranges(data: DataSection) -> None:
    """Raise if domains state different values of black and white, of which a model can be used with one alone."""
    stated = [component.options().get("range") for component in (*data.sources, data.target)]
    ranges = [each for each in stated if each is not None]
    if any(each != ranges[0] for each in ranges):
        spelled = " and ".join(map(str, {str(each): each for each in ranges}.values()))
        raise BadInput(f"data: domains of range {spelled}: save their images in one range, and state that for all")


def check_parts(config: Config) -> None:
    """Raise if method, network, data and fine-tuning are incompatible."""
    method = config.method_class
    check_numbers_method(config)
    _check_nesterov(config.optimizer)
    if method.moves_statistics and config.finetune and config.finetune.norm != "train":
        raise BadInput(f"finetune.norm: {config.method.name} sets the statistics of BatchNorm: leave norm at train")
    if method.moves_statistics and config.finetune and config.finetune.frozen:
        raise BadInput(
            f"finetune.frozen: {config.method.name} sets the statistics of BatchNorm, which frozen blocks keep: leave "
            "frozen out"
        )
    _check_evaluated_weights(config, method)
    if method.needs_pretrained and config.finetune and config.finetune.backbone == 0:
        raise BadInput(f"finetune.backbone: {config.method.name} needs a backbone that is trained: set it above 0")
    if config.diagnose.validators and not config.diagnose.examples:
        raise BadInput("diagnose.validators: score the features of diagnose.examples, which is 0: set it from 10 on")
    if not config.data.sources:
        _check_parts_without_source(config)
    check_text_network(config)


def _check_parts_without_source(config: Config) -> None:
    """Raise for measurements on source examples where there are none."""
    asked = {"train.keep_best": config.train.keep_best, "diagnose.reverse_steps": config.diagnose.reverse_steps,
             "diagnose.distance_c": config.diagnose.distance_c, "diagnose.validators": config.diagnose.validators,
             "self_training": config.self_training}  # fmt: skip
    if measured := [name for name, value in asked.items() if value]:
        raise BadInput(f"{measured[0]}: reads source examples, and there is no data.source: leave it out")


def _check_evaluated_weights(config: Config, method: type[Method]) -> None:
    """Raise if other weights than the last ones are evaluated where that has no meaning."""
    ema, keep_best = config.train.ema, config.train.keep_best
    if ema is not None and keep_best is not None:
        raise BadInput("train.keep_best: ema puts other weights in their place already: leave one of them out")
    for option, value in {"ema": ema, "keep_best": keep_best}.items():
        if method.moves_statistics and value is not None:
            raise BadInput(
                f"train.{option}: {config.method.name} computes statistics for the trained weights: leave {option} out"
            )


def _check_nesterov(optimizer: OptimizerSection) -> None:
    """Raise if an optimiser, or one of a stage, has Nesterov's step and no momentum."""
    for path, section in {"": optimizer, **{f"stages.{name}.": own for name, own in optimizer.stages.items()}}.items():
        if section.options().get("nesterov") and not section.options().get("momentum"):
            raise BadInput(
                f"optimizer.{path}nesterov: needs a momentum: set optimizer.{path}momentum above 0, or leave nesterov "
                "out"
            )


def check_method(method: Method, config: Config) -> None:
    """Raise if the data lack what the method needs."""
    normalised = any(isinstance(part, NORMS) and part.training for part in method.train().modules())
    sizes = {"batch_size": config.data.batch_size, "target_batch_size": config.data.target_batch_size}
    for name, size in sizes.items():
        if size == 1 and normalised:
            raise BadInput(f"data.{name}: BatchNorm normalises over the batch: set it to 2 or more")
        if size is not None and size < (least := method.smallest_batch):
            raise BadInput(f"data.{name}: {config.method.name} compares examples of a batch: set it to {least} or more")
    _check_views(method, config)
    if method.reads_source and not config.data.sources:
        raise BadInput(f"data.source is missing, and {config.method.name} is trained on source examples: name a domain")
    if method.needs_pretrained and config.network.options().get("weights") == "none":
        raise BadInput(f"network.weights: {config.method.name} needs pretrained weights: write default, or a file")
    if method.needs_target_labels and not config.data.target_labelled:
        raise BadInput(f"method: {config.method.name} needs labelled target examples: set data.target_labelled")
    _check_stages(method, config)
    if method.weighs_classes and config.data.balancing:
        left_out = " and ".join(config.data.balancing)
        raise BadInput(f"data: {config.method.name} weighs the classes itself: leave {left_out} out")
    if config.method.name == "linear_svm":
        _check_fitted(config)
    if method.sources not in (None, count := len(config.data.sources)):
        raise BadInput(f"method.sources: {method.sources}, but data.source names {count} domain(s): set it to {count}")


def _check_fitted(config: Config) -> None:
    """Raise for options that act on batches or steps, which a machine that is fitted once never sees."""
    data = config.data
    ignored = {"data.bootstrap": data.bootstrap, "data.class_weights": data.class_weights != "none",
               "data.resample": data.resample in ("over", "under", "balanced"), "train.ema": config.train.ema,
               "self_training": config.self_training}  # fmt: skip
    if named := [name for name, value in ignored.items() if value]:
        raise BadInput(f"{named[0]}: linear_svm is fitted to the whole source, not to batches: leave it out")


def _check_views(method: Method, config: Config) -> None:
    """Raise if the method needs other views of the examples than the transforms give."""
    views = {"transform": config.data.transform, "target_transform": config.data.target_transform}
    for name, options in views.items():
        if method.makes_images and options.normalise != "half":
            raise BadInput(
                f"data.{name}.normalise: {config.method.name} makes images in [−1, 1], and {options.normalise} puts "
                "those of the data elsewhere: set half"
            )
    if method.second_view and config.data.target_view is None:
        raise BadInput(f"method: {config.method.name} needs a second view of the target: set data.target_view")
    if method.second_view and (view := config.data.target_view) == config.data.target_transform and not view.random:
        raise BadInput(
            f"data.target_view: {config.method.name} needs two different views, but this one draws nothing and is that "
            "of target_transform: add a random change, such as mask: 0.3"
        )


def _check_stages(method: Method, config: Config) -> None:
    """Raise if labels are given to what the method does not read, or a stage of the optimiser is unknown."""
    if config.self_training and (len(method.stages) > 1 or not method.reads_source):
        raise BadInput(
            f"self_training: {config.method.name} reads no labelled example in its last stage, so labels for the "
            "target would change nothing: choose another method, or leave self_training out"
        )
    leaves = config.self_training is not None and config.self_training.source_until is not None
    if leaves and method.sources is not None and not method.needs_target_labels:
        raise BadInput(
            f"self_training.source_until: {config.method.name} has a part for each source, which learns nothing "
            "once the sources have left: leave it out"
        )
    if config.diagnose.reverse_steps and not method.reads_source:
        raise BadInput(
            f"diagnose.reverse_steps: {config.method.name} begins with a finished run and reads no labelled example, "
            "so that it would not learn the labels of the target: leave it out"
        )
    stages = [stage.name for stage in method.stages]
    if config.self_training:
        stages += ["round"] if config.self_training.source_until is None else ["round", "target"]
    if unknown := set(config.optimizer.stages) - set(stages):
        raise BadInput(
            f"optimizer.stages: {config.method.name} has no stage {min(unknown)} (known: {', '.join(stages)})"
        )
