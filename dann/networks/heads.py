"""Heads of pretrained backbones: an optional bottleneck, which is part of the features, and a classifier."""

from collections import OrderedDict
from typing import Literal

from torch import nn

from dann.networks.backbone import Backbone, measure_width
from dann.networks.bottleneck import Bottleneck
from dann.networks.network import Network, fully_connected

Head = Literal["linear", "vgg", "pooled", "bottleneck", "linear_bottleneck"]
NARROW, WIDE, VGG = 256, 1024, 4096
OFFICE = (1024, 1024)  # the discriminator on photos (Ganin et al. 2016, section 5.2.4)


def attach_head(
    backbone: Backbone, head: Head, input_shape: tuple[int, ...], num_classes: int, dropout: float | None = None
) -> Network:
    """The network of a backbone and a newly initialised head.

    Args:
        head: ``linear``: one layer. ``vgg``: hidden layers of 4096 and 4096 as in VGG (Simonyan and Zisserman 2015).
            ``pooled``: one hidden layer of 1024. ``bottleneck``: a layer of 256 with BatchNorm, which is part of the
            features, and one layer, as in most adaptation papers (Long et al. 2018). ``linear_bottleneck``: the same
            layer without BatchNorm and ReLU, as Ganin et al. 2016 on Office (section 5.2.2, footnote 5; the layers are
            those of its authors' code, ddtm/caffe, examples/adaptation) and DDC before them (Tzeng et al. 2014).
        dropout: dropout rate on the hidden layers or, without any, on the input of the linear layer; by default 0.5 for
            ``vgg`` and ``pooled``, 0 for the others.
    """
    width = measure_width(backbone, input_shape)
    hidden = {"vgg": [VGG, VGG], "pooled": [WIDE]}.get(head, [])
    rate = (0.5 if hidden else 0.0) if dropout is None else dropout
    features = nn.Sequential(OrderedDict[str, nn.Module](backbone=backbone))
    necks = {"bottleneck": Bottleneck(width=NARROW, dropout=0.0).layers, "linear_bottleneck": _linear_bottleneck}
    if head in necks:
        features.add_module("neck", necks[head](width))
        width = NARROW
    classifier = fully_connected([width, *hidden, num_classes], rate)
    if not hidden:
        classifier = nn.Sequential(nn.Dropout(rate), *classifier) if rate else classifier
    return Network(features, classifier, input_shape, OFFICE)


def _linear_bottleneck(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, NARROW))
