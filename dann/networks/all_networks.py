"""Networks by their name in experiment files; each takes ``(input_shape, num_classes, *, options)``."""

from collections.abc import Callable

from dann.networks import cdan_networks as cdan
from dann.networks import digit_networks as digits
from dann.networks import encoders, mlp, pretrained, vada_network
from dann.networks import mcd_networks as mcd
from dann.networks import series_networks as series
from dann.networks import text_networks as text
from dann.networks.network import Network

NETWORKS: dict[str, Callable[..., Network]] = {
    "mnist": digits.mnist,
    "svhn": digits.svhn,
    "gtsrb": digits.gtsrb,
    "lenet": cdan.lenet,
    "dtn": cdan.dtn,
    "mcd_mnist": mcd.mcd_mnist,
    "mcd_svhn": mcd.mcd_svhn,
    "vada_small": vada_network.vada_small,
    "mlp": mlp.mlp,
    "cnn1d": series.cnn1d,
    "text_cnn": text.text_cnn,
    "torchvision": pretrained.torchvision,
    "timm": pretrained.timm,
    "efficientnet_lite0": pretrained.efficientnet_lite0,
    "efficientnet_lite1": pretrained.efficientnet_lite1,
    "efficientnet_lite2": pretrained.efficientnet_lite2,
    "huggingface": encoders.huggingface,
}
LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
RGB_ONLY = ("torchvision", "timm", *LITE)  # networks whose first layer takes three channels
