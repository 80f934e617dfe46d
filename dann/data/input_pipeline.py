"""What a trained network needs beside its weights to take raw examples, kept with the run."""

import io
from pathlib import Path

import torch
from torch import Tensor, nn

from dann.data.pair import Pair
from dann.data.preprocessing.preparation import Preparation
from dann.data.transforms.transform import Transform, TransformOptions
from dann.errors import BadInput
from dann.files import write_whole

INPUTS = "inputs.pt"


class InputPipeline(nn.Module):
    """Raw examples → the network's inputs, as those of the target are evaluated.

    Args:
        preparation: of vectors and series.
        transform: the target's.
        shape: of an example that is prepared.
        backbone: the checksum of the network's pretrained backbone before training, where it is known.
    """

    def __init__(
        self, preparation: Preparation, transform: Transform, shape: tuple[int, ...], backbone: str | None
    ) -> None:
        super().__init__()
        self.preparation, self.transform, self.shape, self.backbone = preparation, transform, shape, backbone

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """Of an example as the data set has it."""
        return self.preparation.raw_shape(self.shape)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of an example as the network gets it."""
        return self.transform.output_shape(self.shape)

    @property
    def images(self) -> bool:
        """Whether the examples are images: uint8, ``(C, H, W)``."""
        return len(self.shape) == 3

    def forward(self, x: Tensor) -> Tensor:
        inputs: Tensor = self.transform(self.preparation(x))
        return inputs

    def checked(self, x: Tensor, where: str) -> Tensor:
        """Raw examples ``(N, ...)`` that fit the network; grey images for a network of colour ones become RGB.

        Args:
            where: what ``x`` is, for messages.

        Raises:
            BadInput: another shape or type, or missing values that nothing fills in.
        """
        if self.images and x.shape[1:] == (1, *self.shape[1:]) and x.dtype == torch.uint8:
            x = x.expand(-1, self.shape[0], -1, -1)
        fitting = (x.dtype == torch.uint8) == self.images
        if tuple(x.shape[1:]) != self.raw_shape or not fitting:
            wanted = f"{'uint8 images' if self.images else 'float32 examples'} of shape {self.raw_shape}"
            raise BadInput(f"{where}: {kind(x)} of shape {tuple(x.shape[1:])}, but the run was trained on {wanted}")
        self.preparation.check(x, where)
        return x


def kind(x: Tensor) -> str:
    """The type of some examples, for messages."""
    return f"{str(x.dtype).removeprefix('torch.')} examples"


def save_inputs(pair: Pair, transform: Transform, backbone: str | None, folder: Path) -> None:
    """Write what the examples of a pair need into a run's folder; ``backbone`` is the checksum of a pretrained one."""
    state = {
        "shape": list(pair.input_shape),
        "scale": transform.scale.cpu(),
        "offset": transform.offset.cpu(),
        "backbone": backbone,
        **pair.preparation.state(),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(folder / INPUTS, buffer.getvalue())


def read_inputs(folder: Path, options: TransformOptions) -> InputPipeline:
    """What ``save_inputs`` wrote into a run's folder.

    Args:
        options: of the target's transform, from the run's configuration.

    Raises:
        BadInput: it is not there or damaged, or was too large to be kept.
    """
    path = folder / INPUTS
    if not path.is_file():
        raise BadInput(f"{folder}: has no {INPUTS}, which newer runs keep: remove that folder and run it again")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        shape = tuple(state["shape"])
        transform = Transform.restored(options, shape, state["scale"], state["offset"])
        return InputPipeline(
            Preparation.restored(state), transform, shape, state.get("backbone", state.get("trunk"))
        )  # 0.1 wrote "trunk"
    except BadInput as error:
        raise BadInput(f"{folder}: {error}") from error
    except Exception as error:  # torch raises half a dozen types for damaged files
        raise BadInput(f"{path}: cannot be read; remove its folder and run it again") from error
