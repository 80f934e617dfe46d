"""Rules of stacking: which runs may train as one stacked model, and when that is faster.

Stacking exists because small operations cost more than their arithmetic: sixty runs of an MLP as one model step in 8 to
20 % of the time of sixty separate runs on a CPU (experiments/speed/README.md, results/speed/replicas.md); elsewhere it
is unmeasured, and ``replicas: auto`` stacks convolutions on a CPU never and runs on a GPU by an estimate.

A method takes part once ``NUMBERS`` lists it, by its name in an experiment file; any other trains run by run, and its
author need not know of stacking. A method may be listed if

- every hyper-parameter listed for it is a float that is an attribute of its own name, and ``forward`` and ``phases``
  compute with it but do not branch on it: the stack replaces it by a tensor under ``torch.vmap``;
- buffers change in place, in ``forward`` as in ``refresh``: those of a run are views of the stacked ones;
- ``forward`` does not call ``torch.autograd.grad``, which does not work under ``torch.vmap`` here;
- ``forward`` draws no random numbers except by ``torch.nn.Dropout`` and ``Dropout2d``, which the stack replaces by
  ``ReplicaDropout``: other draws differ from those of separate runs;
- ``reads_inputs`` is set if ``forward`` does more with the inputs than pass them to ``outputs`` or ``both``: otherwise
  the outputs of a sparse first layer may stand in their place (``SparseLayer``).

Runs of one stack have the same configuration except for seed, optimiser and the listed hyper-parameters. Runs whose
examples are read from files, whose backbone is fine-tuned block by block, or whose network adds Gaussian noise, train
separately whatever their method.
``tests/training/test_stack.py`` and the tests of the methods compare stacks with separate runs in float64.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dann.config.schema import Config
from dann.networks.vada_network import GaussianNoise
from dann.training.stacking.sparse_layer import suits_sparse_layer
from dann.training.trainer import Trainer

# The hyper-parameters in which runs of a stack may differ. Not those that are branched on, as DANN's horizon.
NUMBERS: dict[str, tuple[str, ...]] = {
    "source_only": (),
    "dann": ("weight", "loss_weight"),
    "domain_confusion": ("weight",),
    "adda": ("weight",),
    "ddc": ("weight",),
    "dan": ("weight",),
    "jan": ("weight",),
    "deep_coral": ("weight",),
    "cmd": ("weight",),
    "mmda": ("mmd_weight", "coral_weight", "entropy_weight"),
    "dsan": ("weight",),
    "cdan": ("weight",),
    "mcd": ("weight",),
    "mdd": ("weight", "margin"),
    "afn": ("weight", "step", "radius"),
    "bsp": ("penalty", "weight"),
    "mcc": ("weight", "temperature"),
    "bnm": ("weight",),
    "entropy": ("weight", "diversity"),
    "pseudo_label": ("weight", "threshold"),
    "fixmatch": ("weight", "threshold"),
    "shot": ("weight",),
    "tent": (),
    "adabn": (),
    "weighted_dann": ("weight",),
    "mdan": ("gamma", "weight"),
    "rotation": ("weight",),
    "l2_sp": ("weight", "head_weight"),
    "bss": ("weight",),
    "co_tuning": ("weight",),
    "multitask": (),
    "dare_gram": ("angle", "scale", "threshold"),
}
LIGHT, LIGHT_ON_GPU = 1e8, 1e10  # floating-point operations of a step, above which stacking gains nothing


def is_stackable(config: Config) -> bool:
    """Whether runs of this method stack; with an adaptive λ DANN calls ``torch.autograd.grad``.

    With self-training each run has batches of its own from the first round on, and of a network that is not of this
    package nothing is known. Generated examples differ by the seed; runs without a source have no labelled side.
    """
    unlike = config.self_training is not None or config.data.generator is not None or not config.data.sources
    if unlike or config.network.origin is not None:
        return False
    return config.method.name in NUMBERS and config.method.options().get("schedule") != "adaptive"


def free_numbers(config: Config) -> dict[str, float]:
    """The hyper-parameters of a run in which other runs of its stack may differ."""
    options = config.method.options()
    return {name: options[name] for name in NUMBERS.get(config.method.name, ())}


def should_stack(configs: Sequence[Config], trainer: Trainer) -> bool:
    """Whether the runs of a unit of ``group_runs`` train as one stack.

    Args:
        trainer: that of the first run.
    """
    # Each run would read files in processes of its own.
    streamed = trainer.stream.source.store.streamed or trainer.stream.target.store.streamed
    tuned = trainer.finetune is not None and trainer.method.network.backbone is not None
    noisy = any(isinstance(part, GaussianNoise) for part in trainer.method.modules())
    wanted = configs[0].train.replicas != "auto" or is_faster(configs, trainer)
    return len(configs) > 1 and not (streamed or tuned or noisy) and wanted


def is_faster(configs: Sequence[Config], trainer: Trainer) -> bool:
    """Whether a stack takes less time than its runs one after another.

    A stack saves the cost of each operation beside its arithmetic, so it gains where there is little arithmetic. On a
    CPU stacked convolutions become grouped ones, which are slower.
    """
    layers = list(trainer.method.modules())
    work = _operations(trainer)
    if trainer.device.type != "cpu":
        return work < LIGHT_ON_GPU
    if any(isinstance(layer, nn.Conv1d | nn.Conv2d) for layer in layers):
        return False
    if suits_sparse_layer([trainer]) and all(_is_plain(config) for config in configs):
        first = next(layer for layer in layers if isinstance(layer, nn.Linear))
        work -= 3 * sum(trainer.stream.sizes) * 2 * first.weight.numel()
    return work < LIGHT


def _is_plain(config: Config) -> bool:
    """Whether the optimiser is plain gradient descent, which a ``SparseLayer`` needs of all runs in its stack."""
    options = config.optimizer.options()
    return config.optimizer.name == "sgd" and not (options["momentum"] or options["weight_decay"])


def _operations(trainer: Trainer) -> float:
    """Floating-point operations of a step, about: products forward, and twice as many backward, for both domains."""
    side, transform = trainer.stream.source, trainer.stream.transforms[0]
    training = trainer.method.training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        trainer.method.eval().predict(transform(side.spread(1).x.to(trainer.device)))
    trainer.method.train(training)
    return 3.0 * sum(trainer.stream.sizes) * int(counter.get_total_flops())
