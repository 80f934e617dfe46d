"""Domains by the name an experiment file gives them: each takes ``(*, options)`` and returns a ``Domain``."""

from collections.abc import Callable

from dann.data.datasets import (
    amazon,
    cifar,
    domainnet,
    features,
    har,
    mnist,
    moons,
    photos,
    rendered,
    signs,
    svhn,
    usps,
    visda,
)
from dann.data.datasets import own_arrays as tables
from dann.data.datasets import own_images as own
from dann.data.datasets import own_texts as texts
from dann.data.datasets import uci_digits as digits
from dann.data.domain import Domain

DOMAINS: dict[str, Callable[..., Domain]] = {
    "digits": digits.digits,
    "digits_m": digits.digits_m,
    "mnist": mnist.mnist,
    "mnist_m": mnist.mnist_m,
    "usps": usps.usps,
    "svhn": svhn.svhn,
    "syn_digits": svhn.syn_digits,
    "rendered_digits": rendered.rendered_digits,
    "gtsrb": signs.gtsrb,
    "syn_signs": signs.syn_signs,
    "cifar10": cifar.cifar10,
    "cifar9": cifar.cifar9,
    "stl10": cifar.stl10,
    "stl9": cifar.stl9,
    "office31": photos.office31,
    "office_caltech10": photos.office_caltech10,
    "office_caltech10_features": features.office_caltech10_features,
    "office_home": photos.office_home,
    "pacs": photos.pacs,
    "visda2017": visda.visda2017,
    "domainnet": domainnet.domainnet,
    "amazon_reviews": amazon.amazon_reviews,
    "uci_har": har.uci_har,
    "moons": moons.moons,
    "moons_rotated": moons.moons_rotated,
    "folder": own.folder,
    "csv": own.csv,
    "arrays": tables.arrays,
    "svmlight": tables.svmlight,
    "texts": texts.texts,
}
