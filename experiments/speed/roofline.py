"""Roofline of a digits step: its time by operation, the limits of the processor, and other ways of computing it."""

import copy
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from contest import ratio, spread, start_contest, timed
from dann_contestant import now
from report import Plan, Result, number, table
from tasks import SHOWN, config_of
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from dann.data.loading.stream import Batch
from dann.methods.method import Method
from dann.training.building import build_trainer
from dann.training.device import choose_device, keep_memory
from dann.training.pair_loading import load_pair
from dann.training.trainer import Trainer, update

AS_IT_IS = "as it is: fp32, channels last"
KINDS = {  # what a profile's entries are, by a part of their names
    "convolution, backward": ("convolution_backward",),
    "convolution, forward": ("mkldnn_convolution", "cudnn_convolution", "thnn_conv"),
    "max pooling": ("max_pool2d",),
    "linear layers": ("addmm", "aten::mm", "aten::linear"),
    "ReLU, losses and other arithmetic": ("clamp_min", "threshold", "aten::mul", "aten::add", "aten::sub", "aten::neg",
                                          "sigmoid", "softmax", "nll_loss", "entropy", "aten::sum", "aten::mean"),
    "filling, copying, joining": ("aten::fill_", "aten::copy_", "aten::cat", "aten::index", "aten::stack"),
    "optimiser": ("_fused_sgd", "Optimizer"),
}  # fmt: skip


class Traffic(TorchDispatchMode):
    """Counts the bytes of the tensors that operations read and write, without views."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if not function.is_view:
            self.bytes += sum(leaf.nbytes for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor))
        return result


def measure(plan: Plan) -> Result:
    device = choose_device(plan.device)
    keep_memory()
    torch.set_num_threads(plan.threads)
    task = plan.pick("digits", "tiny digits")
    config = config_of(task)
    trainer = build_trainer(config, load_pair(config.data), 0, device)
    trainer.train()
    batch, rounds, steps = trainer.stream[0], plan.pick(9, 1), plan.pick(20, 1)
    rates = processor(plan, device)
    work = count_work(trainer, batch)
    shares = where(trainer, batch, plan.pick(40, 2))
    tried = others(trainer, batch, plan, rounds, steps)
    memory = without_memory(task, plan, rounds, steps)
    figures = {"processor": rates, "work": work, "shares": shares, "tried": tried, "default memory": memory}
    settings = {"rounds": rounds, "steps": steps, "task": task}
    return Result("Where a step's time goes", figures, settings, page(SHOWN[task], figures, settings))


def processor(plan: Plan, device: torch.device) -> dict[str, float]:
    """Peak rates of large matrix products, in GFLOP/s, and of copying 256 MiB, in GB/s read and written."""
    size, rates = plan.pick(2048, 64), {}
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        x = torch.randn(size, size, device=device).to(dtype)
        rates[f"{name} GFLOP/s"] = 2 * size**3 / best(lambda x=x: x @ x, device) / 1e9
    large = torch.zeros(plan.pick(2**28, 2**16), dtype=torch.uint8, device=device)
    other = torch.zeros_like(large)
    rates["GB/s"] = 2 * large.nbytes / best(lambda: other.copy_(large), device) / 1e9
    return {name: float(f"{rate:.4g}") for name, rate in rates.items()}


def best(action: Callable[[], object], device: torch.device, count: int = 15) -> float:
    """The shortest duration of an action in seconds."""
    times = []
    for _ in range(count):
        began = now(device)
        action()
        times.append(now(device) - began)
    return min(times)


def count_work(trainer: Trainer, batch: Batch) -> dict[str, float]:
    """GFLOP of an update's matrix products and convolutions, and MB that its operations read and write."""
    with FlopCounterMode(display=False) as flops:
        run_update(trainer, batch)
    with Traffic() as traffic:
        run_update(trainer, batch)
    return {"GFLOP": round(flops.get_total_flops() / 1e9, 3), "MB": round(traffic.bytes / 1e6, 1)}


def run_update(trainer: Trainer, batch: Batch) -> None:
    update(trainer.method, batch, 0.5, "all", trainer.optimizer, torch.float32)


def where(trainer: Trainer, batch: Batch, steps: int) -> dict[str, float]:
    """The share of an update's time by kind of operation, from a profile; the rest is Python, autograd and dispatch."""
    run_update(trainer, batch)
    began = now(trainer.device)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(steps):
            run_update(trainer, batch)
        whole = now(trainer.device) - began
    seconds: Counter[str] = Counter()
    for entry in profiled.key_averages():
        kind = next((kind for kind, parts in KINDS.items() if any(part in entry.key for part in parts)), None)
        if kind:
            seconds[kind] += entry.self_cpu_time_total / 1e6
    shares = {kind: round(took / whole, 4) for kind, took in seconds.most_common()}
    return shares | {"all else": round(1 - sum(shares.values()), 4)}


def others(trainer: Trainer, batch: Batch, plan: Plan, rounds: int, steps: int) -> dict[str, Any]:
    """Milliseconds of an update computed in other ways, and their ratio to the present way."""
    method, optimizer = trainer.method, trainer.optimizer
    first = copy.deepcopy(method).to(memory_format=torch.contiguous_format)
    rows = batch._replace(source_x=batch.source_x.contiguous(), target_x=batch.target_x.contiguous())
    small = copy.deepcopy(method)
    small.network.features = InParts(small.network.features, 32)

    def updating(method: Method, optimizer: torch.optim.Optimizer, batch: Batch) -> Callable[[], object]:
        return lambda: update(method, batch, 0.5, "all", optimizer)

    ways = {
        AS_IT_IS: updating(method, optimizer, batch),
        "bf16 autocast": lambda: update(method, batch, 0.5, "all", optimizer, torch.bfloat16),
        "channels first, as PyTorch's default": updating(first, sgd(first), rows),
        "SGD not fused": updating(method, sgd(method, foreach=True), batch),
        "the features of 32 examples at a time, which fit a second-level cache": updating(small, sgd(small), batch),
    }
    if not plan.tiny:
        ways["torch.compile"] = compiled(copy.deepcopy(method), batch)
    times = timed({name: lambda way=way: repeated(way, steps, trainer.device) for name, way in ways.items()}, rounds)
    own = times[AS_IT_IS]
    return {name: {"ms": spread(took, 1000 / steps), "ratio": ratio(took, own)} for name, took in times.items()}


def sgd(method: nn.Module, **how: bool) -> torch.optim.Optimizer:
    return torch.optim.SGD(method.parameters(), lr=0.01, momentum=0.9, **(how or {"fused": True}))


def repeated(action: Callable[[], object], count: int, device: torch.device) -> float:
    action()
    began = now(device)
    for _ in range(count):
        action()
    return now(device) - began


def compiled(method: Any, batch: Batch) -> Callable[[], object]:
    optimizer, forward = sgd(method), torch.compile(method)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        sum(forward(batch, 0.5, "all").values()).backward()
        optimizer.step()

    return step


class InParts(nn.Module):
    """A module that forwards a batch in parts."""

    def __init__(self, features: nn.Module, size: int) -> None:
        super().__init__()
        self.features, self.size = features, size

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.features(part) for part in x.split(self.size)])


def without_memory(task: str, plan: Plan, rounds: int, steps: int) -> dict[str, Any]:
    """Milliseconds of a step whose freed memory returns to the system, and the ratio to a step that keeps it."""
    folder = str(Path(__file__).parent)
    own = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {folder!r}); import dann_contestant; dann_contestant.main()",
        task,
        "cpu",
    ]
    given_back = [
        *own[:2],
        own[2].replace("dann_contestant.main()", "dann_contestant.keep_memory = lambda: None; dann_contestant.main()"),
        *own[3:],
    ]
    with start_contest({"kept": own, "given back": given_back}, plan.threads) as contest:
        asked = {name: (name, f"run {steps}") for name in ("kept", "given back")}
        contest.rounds(asked, 1)
        times = contest.rounds(asked, rounds)
    return {"ms": spread(times["given back"], 1000 / steps), "ratio": ratio(times["given back"], times["kept"])}


def page(task: str, figures: dict[str, Any], settings: dict[str, Any]) -> list[str]:
    rates, work = figures["processor"], figures["work"]
    arithmetic, memory = 1000 * work["GFLOP"] / rates["fp32 GFLOP/s"], work["MB"] / rates["GB/s"]
    own = next(iter(figures["tried"].values()))["ms"]["median"]
    lines = [
        f"One DANN update of {task}, on one fixed batch.",
        "",
        f"The processor multiplies fp32 matrices at {number(rates['fp32 GFLOP/s'])} GFLOP/s at best and bf16 ones at "
        f"{number(rates['bf16 GFLOP/s'])}, and copies at {number(rates['GB/s'])} GB/s. The update's convolutions and "
        f"products are {number(work['GFLOP'])} GFLOP: {number(arithmetic)} ms at that rate. Its operations read and "
        f"write {number(work['MB'])} MB: {number(memory)} ms, if none of it stayed in a cache. It takes "
        f"{number(own)} ms.",
        "",
    ]
    lines += table(
        ["time of an update, from a profile", "share"],
        [[kind, f"{100 * share:.1f} %"] for kind, share in figures["shares"].items()],
    )
    rows = [[name, number(at["ms"]["median"]), number(at["ratio"]["median"])] for name, at in figures["tried"].items()]
    given = figures["default memory"]
    rows.append(["memory given back to the system (a whole step)", number(given["ms"]["median"]),
                 number(given["ratio"]["median"])])  # fmt: skip
    lines += table(["computed so", "ms", "× as it is"], rows)
    return [*lines, f"Medians over {settings['rounds']} interleaved rounds of {settings['steps']} updates.", ""]
