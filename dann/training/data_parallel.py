"""One run on several devices: a process for each, which share the rows of every batch."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dann.methods.method import Method
from dann.networks.copies import Frozen
from dann.networks.global_batch_norm import make_norms_global
from dann.networks.network import Network
from dann.networks.row_shards import RowShards
from dann.training.device import default_generator


class DataParallel:
    """A method whose features several processes compute, each those of its own rows, and the exchanges between them.

    The processes have equal methods, batches and seeds, and do the same in the same order. Losses and gradients are
    those of one process, to rounding, if BatchNorm is global and nothing in the features is random; see ``RowShards``.
    What is not in the features of a network, as classifiers and discriminators, each process computes for all rows.

    Gradients are averaged here and not by ``DistributedDataParallel``, whose mean is the same: which parameters have a
    gradient differs between the phases of a step and as blocks are unfrozen. It would search the graph for them in each
    update, exchange all parameters where a phase steps a few, and write a warning that cannot be turned off.

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

    @property
    def leads(self) -> bool:
        """Whether this is the process of rank 0, which evaluates and passes over whole splits."""
        return self.shards.rank == 0

    def average_gradients(self) -> None:
        """Replace the gradients of the method's parameters by their means over the processes."""
        gradients = [each.grad for each in self.method.parameters() if each.grad is not None]

        def average(flat: Tensor) -> None:
            dist.all_reduce(flat, group=self.group)
            flat /= self.shards.count

        _exchange(gradients, average)

    def mean(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The means over the processes of loss terms, ``(R,)`` each: of one bit pattern in all, as decisions need."""
        values = torch.stack(list(terms.values()))
        dist.all_reduce(values, group=self.group)
        return dict(zip(terms, values / self.shards.count, strict=True))

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the values of rank 0, in place."""
        _exchange(tensors, lambda flat: dist.broadcast(flat, group=self.group, group_src=0))

    def share_method(self) -> None:
        """Give all processes the parameters and buffers of rank 0."""
        self.share([each.detach() for each in (*self.method.parameters(), *self.method.buffers())])


def _exchange(tensors: Sequence[Tensor], change: Callable[[Tensor], object]) -> None:
    """Change the values of tensors in place, those of a number format as one flat tensor: each exchange takes time."""
    for kind in dict.fromkeys(each.dtype for each in tensors):
        own = [each for each in tensors if each.dtype == kind]
        flat = torch.cat([each.reshape(-1) for each in own])
        change(flat)
        for each, values in zip(own, torch.split(flat, [each.numel() for each in own]), strict=True):
            each.copy_(values.view(each.shape))


def _feature_modules(method: Method) -> Iterator[nn.Module]:
    """The modules of a method that map inputs to features, its frozen copies included."""
    for module in method.modules():
        if isinstance(module, Network):
            yield module.features
        elif isinstance(module, Frozen) and not isinstance(module.module, Network):
            yield module.module
