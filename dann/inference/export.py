"""The network of a run as a file that is used without dann, and proof that it computes the same."""

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
from dann.errors import BadInput
from dann.files import write_whole
from dann.inference.model import Model
from dann.methods.method import Method

ONNX = ("onnx", "onnxscript", "onnxruntime")
TOLERANCE = 1e-4  # of a logit, or of its size if that is larger than 1
CHECKED = (1, 5)  # batch sizes
Restored = tuple[bytes, Callable[[Tensor], Tensor]]  # a file's content, and what it computes once read again


class Predictor(nn.Module):
    """Raw examples as the data set has them → logits ``(N, K)``, the transform included.

    Takes uint8 images ``(N, C, H, W)``, or vectors ``(N, D)`` or series ``(N, C, L)`` as float32.
    """

    def __init__(self, inputs: InputPipeline, method: Method) -> None:
        super().__init__()
        self.inputs, self.method = inputs, method

    def forward(self, x: Tensor) -> Tensor:
        return self.method.predict(self.inputs(x))


def export(model: Model, format: str, folder: Path, out: Path | None = None) -> Path:
    """Write what ``model`` computes, in float32 and with a dynamic batch size, and return where.

    Args:
        model: on the CPU.
        format: one of ``FORMATS``.
        folder: of the run, for the file if ``out`` is None.

    Raises:
        BadInput: the format cannot hold what the model does, or needs packages that are not there; or what was
            written differs from the model on random examples. There is no file then.
    """
    suffix, convert = FORMATS[format]
    if model.inputs.preprocessor.imputer is not None:
        raise BadInput(f"{folder}: this run fills in missing values, which no exported file does; use dann predict")
    predictor = Predictor(model.inputs, model.method).eval()
    with torch.no_grad():
        # With channels last, in which the loop trains, torch cannot tell whether a weight is all of its memory.
        plain = deepcopy(predictor).to(memory_format=torch.contiguous_format)
        batch = {0: Dim("batch", min=1)}
        program = torch.export.export(plain, (_random(model.inputs, 2),), dynamic_shapes=(batch,), strict=False)
        content, restored = convert(program)
        for count in CHECKED:
            _compare(predictor, restored, _random(model.inputs, count), format)
    path = folder / f"model{suffix}" if out is None else out
    write_whole(path, content)
    return path


def _random(inputs: InputPipeline, count: int) -> Tensor:
    """Raw examples that differ from call to call in number only."""
    generator, shape = torch.Generator().manual_seed(count), (count, *inputs.raw_shape)
    if inputs.images:
        return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return torch.randn(shape, generator=generator)


def _compare(predictor: nn.Module, restored: Callable[[Tensor], Tensor], x: Tensor, format: str) -> None:
    expected, found = predictor(x), restored(x)
    if expected.shape != found.shape or not torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE):
        raise BadInput(f"--format {format}: what it computes differs from the trained network: choose another format")


def _torch_export(program: ExportedProgram) -> Restored:
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue(), torch.export.load(io.BytesIO(file.getvalue())).module()


def _onnx(program: ExportedProgram) -> Restored:
    if absent := [name for name in ONNX if find_spec(name) is None]:
        raise BadInput(f'--format onnx needs {", ".join(absent)}: run pip install "dann[export]"')
    import onnxruntime  # takes a second to import

    logging.getLogger("onnxscript").setLevel(logging.ERROR)  # it warns of every constant that it cannot fold
    converted = torch.onnx.export(
        program, input_names=["examples"], output_names=["logits"], dynamo=True, verbose=False
    )
    assert converted is not None
    content = converted.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return content, lambda x: torch.from_numpy(session.run(["logits"], {"examples": x.numpy()})[0])


FORMATS = {"onnx": (".onnx", _onnx), "torch_export": (".pt2", _torch_export)}
