"""One run on several devices: a process for each, which share the rows of every batch."""

import warnings
from collections.abc import Iterator, Mapping

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from dann.data.loading.stream import Batch, Stream
from dann.errors import BadInput
from dann.methods.method import Method
from dann.networks.copies import Frozen
from dann.networks.global_batch_norm import make_norms_global
from dann.networks.network import Network
from dann.networks.row_shards import RowShards
from dann.training.device import default_generator


class DataParallel:
    """The forward pass of a method whose features several processes compute, each those of its own rows.

    The processes have equal methods, batches and seeds, and call this in the same order. Losses and gradients are those
    of one process, to rounding, if BatchNorm is global and nothing in the features is random; see ``RowShards``. What
    is not in the features of a network, such as classifiers and discriminators, each process computes for all rows.

    Args:
        method: changed in place: its features are divided, and their BatchNorm is global unless ``local_norm`` is set.
        device: of this process.
        group: of the processes; None for all.
        local_norm: normalise each process's rows by their own statistics; the running ones are then those of rank 0.

    Raises:
        BadInput: a layer of the features cannot be divided.
    """

    def __init__(
        self, method: Method, device: torch.device, group: "dist.ProcessGroup | None" = None, local_norm: bool = False
    ) -> None:
        self.method, self.group = method, group
        self.shards = RowShards(group, default_generator(device))
        for module in list(_feature_modules(method)):
            if not local_norm:
                make_norms_global(module, self.shards)
            self.shards.divide(module)
        self.model: nn.Module = method
        self.trained: list[bool] = []

    @property
    def leads(self) -> bool:
        """Whether this is the process of rank 0, which evaluates and passes over whole splits."""
        return self.shards.rank == 0

    def check_sizes(self, stream: Stream) -> None:
        """Refuse batches that have fewer rows of a domain than there are processes."""
        for key, size in zip(("batch_size", "target_batch_size"), stream.sizes, strict=True):
            if size < self.shards.count:
                raise BadInput(
                    f"data.{key}: {size} examples cannot be divided among {self.shards.count} devices: set it to "
                    f"{self.shards.count} or more"
                )

    def __call__(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        """The loss terms of the whole batch; a backward pass then leaves the mean gradient of all processes."""
        self._wrap()
        with self.shards.divided(), warnings.catch_warnings():
            # That all parameters have a gradient in some update is right: others have none in other phases.
            warnings.filterwarnings("ignore", "find_unused_parameters=True was specified")
            terms: dict[str, Tensor] = self.model(batch, progress, phase)
        return terms

    def _wrap(self) -> None:
        """Wrap the method anew where other parameters are trained: the wrapper averages those that are at its start."""
        trained = [parameter.requires_grad for parameter in self.method.parameters()]
        if trained != self.trained:
            self.trained = trained
            self.model = self.method
            if any(trained):
                self.model = DistributedDataParallel(
                    self.method, process_group=self.group, broadcast_buffers=False, find_unused_parameters=True
                )

    def mean(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The means over the processes of loss terms, ``(R,)`` each: of one bit pattern in all, as decisions need."""
        values = torch.stack(list(terms.values()))
        dist.all_reduce(values, group=self.group)
        return dict(zip(terms, values / self.shards.count, strict=True))

    def share(self, tensors: Iterator[Tensor]) -> None:
        """Give all processes the values of rank 0, in place."""
        for tensor in tensors:
            value = tensor.detach().contiguous()  # a copy where the channels come last, which cannot be sent
            dist.broadcast(value, group=self.group, group_src=0)
            tensor.detach().copy_(value)

    def share_method(self) -> None:
        """Give all processes the parameters and buffers of rank 0."""
        self.share(iter([*self.method.parameters(), *self.method.buffers()]))


def _feature_modules(method: Method) -> Iterator[nn.Module]:
    """The modules of a method that map inputs to features, its frozen copies included."""
    for module in method.modules():
        if isinstance(module, Network):
            yield module.features
        elif isinstance(module, Frozen) and not isinstance(module.module, Network):
            yield module.module
