"""One run in several processes: its losses, gradients and statistics are those of one process, for every method."""

from collections import OrderedDict
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from method_cases import OPTIONS, batch_of, full_pass_of
from process_groups import in_processes
from streams import equal, plain
from torch import nn

from dann.data.domain import Split
from dann.data.loading.read_ahead import ReadAhead
from dann.data.loading.stream import Batch, Stream
from dann.data.store import TensorStore
from dann.errors import BadInput
from dann.methods.all_methods import METHODS
from dann.methods.method import Method
from dann.methods.vada import Vada
from dann.networks.backbone import Backbone
from dann.networks.global_batch_norm import make_norms_global
from dann.networks.heads import attach_head
from dann.networks.network import Network
from dann.networks.row_shards import RowShards
from dann.networks.stochastic_norm import StochasticNorm
from dann.training.data_parallel import DataParallel
from dann.training.trainer import update

Case = tuple[str, dict[str, Any]]
CASES: list[Case] = [
    *((name, {"layers": ["maps"]} if name == "delta" else OPTIONS.get(name, {})) for name in METHODS),
    ("dann", {"schedule": "adaptive", "together": False}),
    ("dann", {"layer": "features.backbone.model.maps"}),
    ("cdan", {"entropy": True, "normalised": True, "detach": False}),
    ("afn", {"mode": "hard", "entropy": 0.1}),
    ("jan", {"estimator": "neighbours"}),
    ("dan", {"estimator": "unbiased", "layers": ["features.backbone.model.maps", "logits"]}),
    ("vada", {"flipped": True, "together": False}),
    ("weighted_dann", {"estimate": "bbse", "normalised": True}),
    ("mdan", {"aggregate": "hard", "score": "apart"}),
    ("adda", {"layer": "features"}),
]
SHAPE, CLASSES = (3, 16, 16), 5


def network() -> Network:
    """A small network with BatchNorm, on a backbone as some methods need it."""
    maps = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU())
    model = nn.Sequential(OrderedDict(maps=maps, pool=nn.AdaptiveAvgPool2d(2), flat=nn.Flatten()))
    made = attach_head(Backbone(model, nn.Linear(32, 6), pretrained=True), "linear", SHAPE, CLASSES)
    made.discriminator_widths = (10,)
    return made


def example_batch() -> Batch:
    """Numbers of examples that no number of processes divides, weighted, of two sources."""
    batch = batch_of(SHAPE, CLASSES, count=7, dtype=torch.float64)
    return batch._replace(
        target_x=batch.target_x[:6],
        target_view=batch.target_x[:6].flip(3),
        target_rows=torch.arange(6),
        source_domain=torch.arange(7) % 2,
        source_weight=torch.linspace(0.5, 2, 7, dtype=torch.float64),
    )


def train(
    method: Method, parallel: DataParallel | None, batch: Batch, dtype: torch.dtype = torch.float32
) -> list[torch.Tensor]:
    """The loss terms and gradients of all updates of two steps, between which stages change, and the final state."""
    optimizer, seen = torch.optim.SGD(method.parameters(), lr=0.01), list[torch.Tensor]()
    for progress in (0.2, 0.7):
        torch.manual_seed(0)
        for phase in method.phases(progress):
            terms = update(method, batch, progress, phase, optimizer, dtype, parallel)
            seen += [*terms.values(), *(each.grad.clone() for each in method.parameters() if each.grad is not None)]
        if parallel is None or parallel.leads:
            with torch.no_grad():
                method.eval().refresh(full_pass_of(batch, batch.target_x), 0.5, method)
                method.train()
        if parallel is not None:
            parallel.share_method()
    return [*seen, *method.state_dict().values()]


def compare() -> tuple[dict[str, float], list[float], list[bool]]:
    """Differences by case; losses and gradients with dropout in bf16; the mask of this process's first features."""
    torch.manual_seed(0)
    method = Vada(network())
    method.network.classifier = nn.Sequential(nn.Dropout(0.5), method.network.classifier)
    method.network.features.add_module("dropout", dropout := nn.Dropout(0.5))
    drawn: list[torch.Tensor] = []
    dropout.register_forward_hook(lambda module, inputs, output: drawn.append(output.detach() == 0))
    batch = batch_of(SHAPE, CLASSES, count=8)
    seen = train(method, DataParallel(method, torch.device("cpu")), batch, torch.bfloat16)
    shared_reading()
    return differences(), torch.cat([each.flatten() for each in seen]).tolist(), drawn[0].flatten().tolist()


class Counting(TensorStore):
    """A store as of files, which counts the rows that are read."""

    streamed, read_rows = True, 0

    def read(self, rows: torch.Tensor) -> torch.Tensor:
        self.read_rows += len(rows)
        return super().read(rows)


def shared_reading() -> None:
    """Hold batches of which each process reads its share to whole ones."""
    split = Split.of(torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8), torch.arange(40) % 5)
    split = replace(split, store=(store := Counting(split.x)))
    whole = Stream(split, split, plain(split), batch_size=10, target_batch_size=7, seed=1).read_here()
    shared = whole.read_here()
    shared.divide(RowShards(None, torch.default_generator))
    shared.reader = ReadAhead((store, store), shared._store_rows, ahead=False)
    for step in (0, 5):
        expected, before = whole[step], store.read_rows
        assert equal(shared[step], expected)
        assert store.read_rows - before <= 3 + 2  # of ten and seven, by four processes


def differences() -> dict[str, float]:
    """The largest difference of each case from one process, relative to the largest value, by case and processes."""
    torch.set_default_dtype(torch.float64)
    batch, found, pair = example_batch(), dict[str, float](), dist.new_group([0, 1])
    for name, options in CASES:
        torch.manual_seed(0)
        method = METHODS[name](network(), **options).double()
        method.hold_examples(len(batch.target_x))
        alone = train(deepcopy(method), None, batch) if dist.get_rank() == 0 else None
        for group in (None, pair):
            if group is None or dist.get_rank() < 2:
                copy = deepcopy(method)
                together = train(copy, DataParallel(copy, torch.device("cpu"), group), batch)
                if alone is not None:
                    assert len(alone) == len(together), name
                    errors = [float((one - other).abs().max() / one.abs().max().clamp_min(1))
                              for one, other in zip(alone, together, strict=True)]  # fmt: skip
                    found[f"{name} {options} {dist.get_world_size(group)}"] = max(errors)
    return found


@pytest.mark.slow
def test_losses_gradients_and_statistics_are_those_of_one_process(tmp_path: Path) -> None:
    """In one test, since the start of processes takes longer than all methods do."""
    results = in_processes(4, compare, folder=tmp_path)
    found = results[0][0]
    assert len(found) == 2 * len(CASES)
    assert {case: error for case, error in found.items() if not error < 1e-10} == {}
    assert np.isfinite(results[0][1]).all()
    for _, seen, mask in results[1:]:  # losses have the same bits in all processes, and masks of features differ
        assert seen == results[0][1] and mask != results[0][2]


def test_a_layer_that_does_more_than_normalise_is_refused() -> None:
    layers = nn.Sequential(nn.Linear(3, 3), StochasticNorm(nn.BatchNorm1d(3)))
    with pytest.raises(BadInput, match=r"network: 1 is a StochasticNorm, .* --batch-norm local"):
        make_norms_global(layers, None)
