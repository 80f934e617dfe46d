"""The sections of a configuration: data, training loop and diagnosis."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, SerializeAsAny, model_validator

from dann.config.components import Component
from dann.data.domain import Task
from dann.data.loading.sampler import Resample
from dann.data.preprocessing.degradation import Degradation
from dann.data.preprocessing.imputation import Missing
from dann.data.preprocessing.msda import MsdaOptions
from dann.data.preprocessing.resampling import ClassWeights
from dann.data.preprocessing.term_weighting import TermOptions
from dann.data.preprocessing.vocabulary import VocabularyOptions
from dann.data.transforms.transform_options import TransformOptions
from dann.options import Section


class DataSection(Section):
    """The domains, their splits, and the treatment of their examples.

    Args:
        source: one domain, or a list of several; None where the method begins with a finished run and reads no source.
        task: what labels are: classes, or with ``regression`` numbers to be predicted. Networks then have one output
            and learn labels standardised by those of training; the label loss is the squared error.
        huber: the threshold of Huber's loss in place of the squared error, in standard deviations of the labels.
        batch_size: examples of each side in a step; the paper's batches of 128 are 64 + 64.
        target_batch_size: examples of the target in a step; by default as many as of the source.
        validation: share of the source's training examples, stratified by class, held out for validation.
        test: share held out for testing where a data set defines no test split.
        transductive: train on the target's test examples, without their labels: the convention of Office and PACS.
        partial: allow a target that lacks some of the source's classes.
        target_classes: restrict the target to these classes.
        target_labelled: labelled target examples per class that join the labelled side: few-shot adaptation.
        disjoint: where the target is made of the source's examples, as MNIST-M is of MNIST, train on one half of them
            in the source and on the other half in the target.
        drop_duplicates: leave test examples out that equal a training or validation example in all values.
        missing: treatment of NaN in vectors: an error, dropped rows, or imputation fitted on both training splits.
        vocabulary: turn raw texts into counts of terms or numbers of words, fitted on both training splits.
        terms: replace the counts of bags of words by weights such as TF-IDF, fitted on both training splits.
        msda: replace vectors by features of a marginalised stacked denoising autoencoder.
        resample: order of the labelled examples against class imbalance, or further ones of rare classes: ``smote``, or
            ``generate`` by the generator of a finished run.
        generator: the folder of that run, of the method ``pixel_da``.
        bootstrap: each run draws its labelled examples from a bootstrap of its own, balanced over the classes, which
            its seed determines: members of a bag, whose mean ``dann predict --with`` predicts.
        class_weights: weights in the label loss by ``inverse`` class frequency or ``effective`` number of examples.
        beta: β of the effective number.
        source_degradation: remove examples of a class, or parts of every example, from each source.
        target_degradation: the same for the target.
        class_vectors: a CSV file of class names and numbers; the classifier scores features against these vectors.
        unseen: classes without labelled training examples, for zero-shot classification.
        calibration: subtracted from the logits of seen classes at evaluation; otherwise seen classes dominate.
        transform: the transform of both domains' examples.
        target_transform: options that differ from ``transform`` for the target.
        target_view: options that differ from ``target_transform`` for a second view of each target example.
    """

    source: SerializeAsAny[Component] | list[SerializeAsAny[Component]] | None
    target: SerializeAsAny[Component]
    task: Task = "classification"
    huber: float | None = Field(None, gt=0, allow_inf_nan=False)
    batch_size: int = Field(64, ge=1, le=1_000_000)
    target_batch_size: int | None = Field(None, ge=1, le=1_000_000)
    validation: float = Field(0.1, gt=0, lt=1)
    test: float = Field(0.2, gt=0, lt=1)
    transductive: bool = False
    partial: bool = False
    target_classes: list[str] | None = None
    target_labelled: int = Field(0, ge=0, le=1_000_000)
    disjoint: bool = False
    drop_duplicates: bool = False
    missing: Missing = "error"
    vocabulary: VocabularyOptions | None = None
    terms: TermOptions | None = None
    msda: MsdaOptions | None = None
    resample: Resample = "none"
    generator: str | None = None
    bootstrap: bool = False
    class_weights: ClassWeights = "none"
    beta: float = Field(0.999, ge=0, lt=1)
    source_degradation: Degradation | None = None
    target_degradation: Degradation | None = None
    class_vectors: str | None = None
    unseen: list[str] = Field([])
    calibration: float = Field(0.0, ge=0)
    transform: TransformOptions = TransformOptions()
    target_transform: TransformOptions = TransformOptions()
    target_view: TransformOptions | None = None

    @property
    def sources(self) -> list[Component]:
        if self.source is None:
            return []
        return self.source if isinstance(self.source, list) else [self.source]

    @property
    def balancing(self) -> list[str]:
        """The options that are set to balance the classes."""
        neutral = {"resample": "none", "bootstrap": False, "class_weights": "none"}
        return [name for name, value in neutral.items() if getattr(self, name) != value]


def _auto_or_count(value: Any) -> Any:
    if value != "auto" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError("should be auto or a whole number from 1 on")
    return value


class TrainSection(Section):
    """The training loop.

    Args:
        steps: number of updates; progress is the share of them done.
        evaluate_every: steps between evaluations, each followed by a checkpoint; the last step is always evaluated.
        log_every: steps between readings of the losses.
        precision: ``bf16`` autocast, ``fp32``, or ``auto``: bf16 where the device computes with it (AMX, AVX-512, GPU).
        replicas: largest number of runs that train together as one stacked model: seeds of a variant, and variants
            that differ only in numbers of the method or in the optimiser. ``auto``: all, where that is faster.
        ema: decay of an exponential moving average of the weights, which is evaluated, saved and used for predictions
            in place of the trained weights; 0.998 in Shu et al. 2018. By default there is none.
        keep_best: steps between looks at the accuracy on the source's validation split; the weights of the best look,
            the last of those that tie, are evaluated, saved and used for predictions in place of the last ones, as by
            early stopping. By default there is none.
    """

    steps: int = Field(ge=1, le=1_000_000_000)
    evaluate_every: int = Field(1000, ge=1, le=1_000_000_000)
    log_every: int = Field(50, ge=1, le=1_000_000_000)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    replicas: Annotated[Literal["auto"] | int, PlainValidator(_auto_or_count)] = 1
    ema: float | None = Field(None, gt=0, lt=1)
    keep_best: int | None = Field(None, ge=1, le=1_000_000_000)


class SelfTrainingSection(Section):
    """Incremental self-training on top of the method, as iDANN (Gallego, Calvo-Zaragoza and Fisher 2020).

    Each round gives the most reliable unlabelled target examples the label that the network predicts for them, and
    moves them to the labelled side, where they keep the transform of the target. Each is a stage called ``round``, so
    that it starts with a new optimiser. Methods with stages of their own, such as SHOT, do not read labelled examples
    throughout, and are refused.

    Args:
        start: share of training before the first round.
        rounds: their number, at equal distances over the rest of training.
        first: share of the target's training examples that has been moved after the first of several rounds.
        last: the same after the last round, rising linearly in between; not below ``first``.
        select: ``neighbours`` moves only examples whose nearest labelled examples, in the space of the features, all
            have the predicted label, the most confident first. If there are not enough, fewer are moved.
            ``confidence`` moves the most confident ones.
        neighbours: their number k.
        threshold: least probability of the predicted class.
        stop: rounds end for good once one leaves fewer examples moved than this share of those that are due, because
            no others pass ``select`` and ``threshold``; no label of the target has a part in it.
        source_until: share of training after which the source leaves the labelled side, so that the network is trained
            for the target alone; by default it stays. It also stays while there is a class that no example of the
            target has been given. From there on is a stage called ``target``.
    """

    start: float = Field(0.5, gt=0, lt=1)
    rounds: int = Field(10, ge=1, le=10_000)
    first: float = Field(0.05, gt=0, lt=1)
    last: float = Field(0.95, gt=0, lt=1)
    select: Literal["neighbours", "confidence"] = "neighbours"
    neighbours: int = Field(9, ge=1, le=10_000)
    threshold: float = Field(0.0, ge=0, lt=1)
    stop: float = Field(0.5, ge=0, le=1)
    source_until: float | None = Field(None, gt=0, lt=1)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.rounds > 1 and self.first > self.last:
            raise ValueError("first should not be above last")
        if self.source_until is not None and self.source_until < self.start:
            raise ValueError("source_until should not be below start")
        return self


def _none_or_enough(examples: int) -> int:
    if examples != 0 and examples < 10:
        raise ValueError("should be 0, for no diagnosis, or from 10 on")
    return examples


class DiagnoseSection(Section):
    """Measurements of each evaluation without target labels: scores for selection rules, and the discriminator's state.

    Args:
        examples: number of training, validation and unlabelled target examples each whose features are measured, at
            least 10; 0 for no diagnosis.
        mixval: compute MixVal's score as well, which forwards mixed target examples.
        reverse_steps: steps of the reverse training of reverse validation; 0 for none. Needs no ``examples``.
        distance_c: values of C of the linear support vector machines of which the one with the lowest error gives the
            proxy A-distance ``distance_lowest``, the procedure of Ganin et al. 2016, section 5.1.5, on all training
            examples; by default it is not measured. Needs no ``examples``.
        validators: scores of one's own, each a name with options; ``own.NAME`` is the rule that selects by one.
    """

    examples: Annotated[int, AfterValidator(_none_or_enough)] = 500
    mixval: bool = False
    reverse_steps: int = Field(0, ge=0, le=1_000_000_000)
    distance_c: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = Field(None, min_length=1)
    validators: list[SerializeAsAny[Component]] | None = Field(None, min_length=1)
