"""Export of a run's network to a file that works without dann, checked against the network."""

import io
import logging
from collections.abc import Callable
from copy import deepcopy
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from dann.data.input_pipeline import InputPipeline
from dann.data.number_labels import LabelScale
from dann.errors import BadInput
from dann.files.atomic_files import write_whole
from dann.inference.export_metadata import describe_model, output_name
from dann.inference.model import Model
from dann.methods.method import Method

ONNX = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-4  # absolute and relative, of a logit
CHECKED = (1, 5)  # batch sizes
Exported = tuple[bytes, Callable[[Tensor], Tensor]]  # the content of a file, and the function read back from it


class Predictor(nn.Module):
    """The transform and the network as one module: raw examples of the data set → logits ``(N, K)``, or numbers.

    Numbers, ``(N, 1)``, are in the unit of the labels.

    Takes images ``(N, C, H, W)`` as uint8, or as float32 from 0 to 255 if they have a stated range, or vectors
    ``(N, D)`` or series ``(N, C, L)`` as float32.
    """

    def __init__(self, inputs: InputPipeline, method: Method, scale: LabelScale | None = None) -> None:
        super().__init__()
        self.inputs, self.method, self.scale = inputs, method, scale

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.method.predict(self.inputs(x))
        return outputs if self.scale is None else self.scale.restore(outputs)


def export(model: Model, format: str, folder: Path, out: Path | None = None) -> Path:
    """Write a model in float32 with a dynamic batch size, and with ``describe_model`` as its metadata.

    Args:
        model: on the CPU.
        format: one of ``FORMATS``.
        folder: of the run; the file goes there unless ``out`` names another place.

    Returns:
        The path of the file.

    Raises:
        BadInput: the format cannot express the model, needs packages that are not installed, or gives other logits
            than the model on random examples. No file is written then.
    """
    suffix, convert = FORMATS[format]
    if model.inputs.preprocessor.imputer is not None:
        raise BadInput(f"{folder}: this run fills in missing values, which no exported file does: use dann predict")
    predictor = Predictor(model.inputs, model.method, model.scale).eval()
    with torch.no_grad():
        # torch.export rejects the channels-last weights of training: it cannot prove that they are dense in memory.
        plain = deepcopy(predictor).to(memory_format=torch.contiguous_format)
        batch = {0: Dim("batch", min=1)}
        program = torch.export.export(plain, (_random(model, 2),), dynamic_shapes=(batch,), strict=False)
        content, restored = convert(program, describe_model(model), output_name(model))
        for count in CHECKED:
            _check_equal(predictor, restored, _random(model, count), format)
    path = folder / f"model{suffix}" if out is None else out
    write_whole(path, content)
    return path


def _random(model: Model, count: int) -> Tensor:
    """Raw examples drawn from a fixed seed for each count."""
    generator, shape = torch.Generator().manual_seed(count), (count, *model.inputs.raw_shape)
    if model.inputs.images:
        return torch.randint(0, 256, shape, dtype=model.input_type, generator=generator)
    return torch.randn(shape, generator=generator)


def _check_equal(predictor: nn.Module, restored: Callable[[Tensor], Tensor], x: Tensor, format: str) -> None:
    expected, logits = predictor(x), restored(x)
    if expected.shape != logits.shape or not torch.allclose(logits, expected, rtol=TOLERANCE, atol=TOLERANCE):
        raise BadInput(f"--format {format}: the file differs from the trained network: choose another format")


def _torch_export(program: ExportedProgram, metadata: dict[str, str], output: str) -> Exported:
    file = io.BytesIO()
    torch.export.save(program, file, extra_files=metadata)
    return file.getvalue(), torch.export.load(io.BytesIO(file.getvalue())).module()


def _onnx(program: ExportedProgram, metadata: dict[str, str], output: str) -> Exported:
    if absent := [name for name in ONNX if find_spec(name) is None]:
        raise BadInput(f'--format onnx needs {", ".join(absent)}: run pip install "dann[export]"')
    import onnxruntime  # takes a second to import

    logging.getLogger("onnxscript").setLevel(logging.ERROR)  # it warns about every constant that it cannot fold
    converted = torch.onnx.export(program, input_names=["examples"], output_names=[output], dynamo=True, verbose=False)
    assert converted is not None
    proto = converted.model_proto
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    content = proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return content, lambda x: torch.from_numpy(session.run([output], {"examples": x.numpy()})[0])


FORMATS = {"onnx": (".onnx", _onnx), "torch_export": (".pt2", _torch_export)}
