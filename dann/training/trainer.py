"""The trainer of one run: its method, optimiser and batches, and the step that moves them on."""

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from dann.data.domain import Split
from dann.data.loading.full_pass import FullPass
from dann.data.loading.stream import STEP, Batch, Stream, derive
from dann.data.transforms.input_transform import Transform
from dann.methods.method import Method
from dann.networks.backbone import Backbone
from dann.networks.finetuning import FineTuning
from dann.training.averaging import WeightAverage
from dann.training.best_weights import BestWeights
from dann.training.data_parallel import DataParallel
from dann.training.device import autocast, reseed
from dann.training.finite import check_gradients
from dann.training.inputs import TrainingInputs
from dann.training.self_training_rounds import SelfTraining
from dann.training.staged_optimizer import StagedOptimizer, set_rates


@dataclass(frozen=True)
class Trainer:
    """Everything that one run trains with; ``dann.training.building`` builds it.

    Args:
        stream: the training batches.
        splits: the evaluated splits, by name.
        initial_backbone: the checksum of the backbone before training, where it is fine-tuned or frozen.
        constant_backbone: the frozen backbone whose outputs are the examples of ``splits``; None where they are raw.
        finetune: which blocks of the backbone train at which progress.
        dtype: of the forward pass; parameters are float32.
        average: the weights that are evaluated in place of the last ones: a running average, or the best so far.
        self_training: rounds in which target examples join the labelled side.
        parallel: the processes that train this run together; None for this one alone.
    """

    method: Method
    optimizers: StagedOptimizer
    stream: Stream
    splits: dict[str, Split]
    inputs: TrainingInputs
    initial_backbone: str | None
    constant_backbone: Backbone | None
    finetune: FineTuning | None
    seed: int
    dtype: torch.dtype
    device: torch.device
    average: WeightAverage | BestWeights | None = None
    self_training: SelfTraining | None = None
    parallel: DataParallel | None = None

    @property
    def evaluated(self) -> Method:
        """The method that is evaluated: the trained one, or a copy with averaged or with the best weights."""
        return self.method if self.average is None else self.average.method

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the current stage."""
        return self.optimizers.current

    def train(self) -> None:
        """Go into training mode."""
        self.method.train()

    def step(self, step: int, progress: float) -> dict[str, Tensor]:
        """Make one step of all phases; returns the detached loss terms, shape ``(1,)`` each."""
        self.optimizers.go_to(progress)
        set_rates(self.optimizer, self.optimizers.factor(progress))
        if self.finetune is not None and (backbone := self.method.network.backbone) is not None:
            backbone.freeze(self.finetune.frozen_blocks(progress, len(backbone.blocks)))
        batch = self.stream[step]
        reseed(self.device, derive(self.seed, STEP, step))
        if self.parallel is not None:
            self.parallel.shards.passes = 0
        terms: dict[str, Tensor] = {}
        for phase in self.method.phases(progress):
            terms.update(update(self.method, batch, progress, phase, self.optimizer, self.dtype, self.parallel))
        self.update_average(step)
        terms = {name: term.reshape(1) for name, term in terms.items()}
        return terms if self.parallel is None else self.parallel.mean(terms)

    def update_average(self, step: int) -> None:
        """Take the weights after step number ``step`` into the average or the choice of the best, if there is one."""
        if self.average is not None:
            self.average.update(self.method, step + 1)

    def refresh(self, before: float, progress: float, evaluating: bool) -> None:
        """Let the method pass over whole splits, in evaluation mode and without gradients, where that is due.

        So do rounds of self-training, after the method. Of several processes rank 0 does so, and shares the result.
        """
        parallel, rounds = self.parallel, self.self_training
        if parallel is None or parallel.leads:
            self._refresh_method(before, progress, evaluating)
            if rounds is not None:
                rounds.advance(before, progress, self.evaluated, self.stream, self.dtype)
        if parallel is not None and self.method.due(before, progress, evaluating):
            parallel.share_method()
        if parallel is not None and rounds is not None and rounds.is_due(before, progress):
            state = {name: each.to(self.device) for name, each in rounds.state().items()}
            parallel.share(list(state.values()))
            if not parallel.leads:
                rounds.restore(state, self.stream)

    def _refresh_method(self, before: float, progress: float, evaluating: bool) -> None:
        if not self.method.due(before, progress, evaluating):
            return
        stream, training = self.stream, self.method.training
        full_pass = FullPass(
            stream.source,
            self.splits.get("source_validation", stream.source),
            stream.target,
            stream.transforms,
            self.device,
        )
        try:
            with torch.no_grad(), autocast(self.device, self.dtype):
                self.method.eval().refresh(full_pass, progress, self.evaluated)
        finally:
            self.method.train(training)

    def check_gradients(self) -> Tensor:
        """A number that is finite if the gradients of the last phase of the last step are, shape ``(1,)``."""
        return check_gradients([each for group in self.optimizer.param_groups for each in group["params"]])

    def rates(self) -> list[float]:
        """The learning rate of the last step, of the first group."""
        return [self.optimizer.param_groups[0]["lr"]]

    def transform(self, split: str) -> Transform:
        """The transform of the domain to which the split of this name belongs."""
        return self.stream.transforms[split.startswith("target")]


def update(
    method: Method,
    batch: Batch,
    progress: float,
    phase: str,
    optimizer: torch.optim.Optimizer,
    dtype: torch.dtype = torch.float32,
    parallel: DataParallel | None = None,
) -> dict[str, Tensor]:
    """One forward pass, backward pass and step of the phase's parameters; returns the detached loss terms.

    Args:
        parallel: the processes that share the rows of the batch; None for this one alone.
    """
    divided = nullcontext() if parallel is None else parallel.shards.divided()
    with autocast(batch.source_x.device, dtype), divided:
        terms: dict[str, Tensor] = method(batch, progress, phase)
    optimizer.zero_grad(set_to_none=True)
    loss = torch.stack(list(terms.values())).sum()
    if loss.requires_grad:  # not where all that a phase steps is frozen
        loss.backward()  # type: ignore[no-untyped-call]
    if (stepped := method.phase_parameters(phase)) is not None:
        kept = {id(parameter) for parameter in stepped}
        for parameter in method.parameters():
            if id(parameter) not in kept:
                parameter.grad = None  # optimisers leave a parameter without a gradient as it is
    if parallel is not None:
        parallel.average_gradients()
    optimizer.step()
    return {name: term.detach() for name, term in terms.items()}
