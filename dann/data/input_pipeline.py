"""Input pipeline of a trained network: all it needs beside its weights to take raw examples, kept with the run."""

import io
from pathlib import Path

import torch
from torch import Tensor, nn

from dann.data.pair import Pair
from dann.data.preprocessing.preprocessor import Preprocessor
from dann.data.transforms.input_transform import Transform
from dann.data.transforms.transform_options import TransformOptions
from dann.errors import BadInput
from dann.files.archive_seals import is_whole_archive, seal_archive
from dann.files.atomic_files import write_whole
from dann.files.input_limits import check_zip

INPUTS = "inputs.pt"


class InputPipeline(nn.Module):
    """Turns raw examples into the network's inputs, as the target's are in evaluation.

    Args:
        preprocessor: of vectors and series.
        transform: the target's.
        shape: of a preprocessed example.
        backbone: the checksum of the network's pretrained backbone before training, where it is known.
    """

    def __init__(
        self, preprocessor: Preprocessor, transform: Transform, shape: tuple[int, ...], backbone: str | None
    ) -> None:
        super().__init__()
        self.preprocessor, self.transform, self.shape, self.backbone = preprocessor, transform, shape, backbone

    @property
    def raw_shape(self) -> tuple[int, ...]:
        """The shape of an example as the data set has it."""
        return self.preprocessor.raw_shape(self.shape)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of an example as the network gets it."""
        return self.transform.output_shape(self.shape)

    @property
    def images(self) -> bool:
        """Whether the examples are images, ``(C, H, W)``: uint8, or float32 from 0 to 255."""
        return len(self.shape) == 3

    def forward(self, x: Tensor) -> Tensor:
        inputs: Tensor = self.transform(self.preprocessor(x))
        return inputs

    def check(self, x: Tensor, where: str) -> Tensor:
        """Check that raw examples ``(N, ...)`` fit the network; grey images become RGB for a network of colour images.

        Args:
            where: the name of ``x`` in messages.

        Raises:
            BadInput: another shape or type, or missing values that nothing fills in.
        """
        if self.images and self.shape[0] == 3 and x.shape[1:] == (1, *self.shape[1:]):
            x = x.expand(-1, 3, -1, -1)
        fitting = x.dtype != torch.uint8 or self.images
        if tuple(x.shape[1:]) != self.raw_shape or not fitting:
            wanted = f"{'images' if self.images else 'float32 examples'} of shape {self.raw_shape}"
            raise BadInput(
                f"{where}: {describe_type(x)} of shape {tuple(x.shape[1:])}, but the run was trained on {wanted}: "
                "convert them"
            )
        self.preprocessor.check(x, where)
        return x


def describe_type(x: Tensor) -> str:
    """The type of examples, for messages."""
    return f"{str(x.dtype).removeprefix('torch.')} examples"


def save_inputs(pair: Pair, transform: Transform, backbone: str | None, folder: Path) -> None:
    """Write the input pipeline of a pair into a run's folder; ``backbone`` is the checksum of a pretrained one."""
    state = {
        "shape": list(pair.input_shape),
        "scale": transform.scale.cpu(),
        "offset": transform.offset.cpu(),
        "backbone": backbone,
        **pair.preprocessor.state(),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(folder / INPUTS, seal_archive(buffer.getvalue()))


def read_inputs(folder: Path, options: TransformOptions) -> InputPipeline:
    """Read the input pipeline that ``save_inputs`` wrote into a run's folder.

    Args:
        options: of the target's transform, from the run's configuration.

    Raises:
        BadInput: it is missing or damaged, or was too large to be kept.
    """
    path = folder / INPUTS
    if not path.is_file():
        raise BadInput(f"{folder}: has no {INPUTS}, which newer runs keep: remove that folder and run it again")
    check_zip(path)
    try:
        if not is_whole_archive(path):  # torch compares no checksums
            raise ValueError("damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
        shape = tuple(state["shape"])
        transform = Transform.restore(options, shape, state["scale"], state["offset"])
        return InputPipeline(
            Preprocessor.restore(state), transform, shape, state.get("backbone", state.get("trunk"))
        )  # 0.1 wrote "trunk"
    except BadInput as error:
        raise BadInput(f"{folder}: {error}") from error
    except Exception as error:  # torch raises half a dozen types for damaged files
        raise BadInput(f"{path}: cannot be read; remove its folder and run it again") from error
