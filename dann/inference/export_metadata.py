"""Metadata of an exported file: classes, input, output and preprocessing."""

import json
from typing import Any

import dann
from dann.data.readers.example_arrays import ArrayFormat
from dann.data.readers.image_conversion import GROUND
from dann.data.transforms.input_transform import Transform
from dann.inference.model import Model

BYTES = [0.0, 255.0]  # black and white of the images that the file takes
PLACES = ("path", "test", "labels", "test_labels", "root", "on_bad")  # options that locate a data set


def describe_model(model: Model) -> dict[str, str]:
    """The metadata of an exported model: JSON by key.

    Returns:
        ``classes``: the K names, in the order of the logits, none of numbers. ``input`` and ``output``: name, type and
        shape, null for the number of examples. ``before``: what the caller does to an example of the data set, such as
        decoding and resizing. ``inside``: what the file does to it before the network. ``dann``: the version that
        exported it.
    """
    inputs = model.inputs
    content = {
        "classes": list(model.classes),
        "input": {
            "name": "examples",
            "dtype": str(model.input_type).removeprefix("torch."),
            "shape": [None, *inputs.raw_shape],
            "layout": ("NCHW", "NCL", "NC")[3 - len(inputs.raw_shape)],
        },
        "output": _output(model),
        "before": _before(model),
        "inside": _inside(inputs.transform),
        "dann": dann.__version__,
    }
    return {key: json.dumps(value, ensure_ascii=False) for key, value in content.items()}


def output_name(model: Model) -> str:
    """The name of a file's output."""
    return "logits" if model.scale is None else "numbers"


def _output(model: Model) -> dict[str, Any]:
    if model.scale is not None:
        return {"name": output_name(model), "shape": [None, 1], "unit": "that of the labels"}
    shape = [None, len(model.classes)]
    return {"name": output_name(model), "shape": shape, "probabilities": "softmax of the logits"}


def _before(model: Model) -> dict[str, Any]:
    """The data set of the target and its options, which say how files are read, and how images are resized."""
    target = model.config.data.target
    options = {name: value for name, value in target.options().items() if name not in PLACES}
    done: dict[str, Any] = {"data set": target.name, **options}
    if (vocabulary := model.inputs.preprocessor.vocabulary) is not None:
        done |= {"vocabulary": vocabulary.state()}
    if model.inputs.images:
        channels, *size = model.inputs.raw_shape
        if decode := {1: "L", 3: "RGB"}.get(channels):  # other bands are in no image file
            done |= {"decode": decode, "upright": "by EXIF orientation", "transparent": f"over {GROUND}", "size": size,
                     "fit": options.get("fit", "squash"), "resample": "bilinear with antialiasing"}  # fmt: skip
        done |= {"range": list(ArrayFormat.of_options(options).range or BYTES), "scaled to": BYTES}
    return done


def _inside(transform: Transform) -> dict[str, Any]:
    """The crop and the normalisation of an input; one factor and summand for each channel or feature, if any."""
    options, images = transform.options, transform.images
    done = {"crop": options.crop, "normalise": options.normalise}
    if not images and options.normalise in {"mean", "none"}:  # vectors are left as they are
        return done
    factors, summands = (  # those of images are the same for all pixels
        (values[0, :, 0, 0] if images else values.flatten()).tolist() for values in (transform.scale, transform.offset)
    )
    return done | {"input": "values × scale + offset", "scale": factors, "offset": summands}
