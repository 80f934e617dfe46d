"""Domains by their names in experiment files; each constructor takes ``(*, options)`` and returns a ``Domain``."""

from collections.abc import Callable

from dann.data.datasets.amazon_reviews import amazon_reviews
from dann.data.datasets.amazon_text import amazon_text
from dann.data.datasets.cifar import cifar9, cifar10, stl9, stl10
from dann.data.datasets.diabetes import diabetes
from dann.data.datasets.domainnet import domainnet
from dann.data.datasets.mnist import mnist
from dann.data.datasets.mnist_m import mnist_m
from dann.data.datasets.moons import moons, moons_rotated
from dann.data.datasets.own_arrays import arrays, svmlight
from dann.data.datasets.own_images import csv, folder
from dann.data.datasets.own_series import series
from dann.data.datasets.own_table import table
from dann.data.datasets.own_texts import texts
from dann.data.datasets.photos import office31, office_caltech10, office_home, pacs
from dann.data.datasets.published_features import office_caltech10_features
from dann.data.datasets.rendered_digits import rendered_digits
from dann.data.datasets.svhn import svhn, syn_digits
from dann.data.datasets.traffic_signs import gtsrb, syn_signs
from dann.data.datasets.turned_digits import turned_digits
from dann.data.datasets.uci_digits import digits, digits_m
from dann.data.datasets.uci_har import uci_har
from dann.data.datasets.usps import usps
from dann.data.datasets.visda2017 import visda2017
from dann.data.domain import Domain

CONSTRUCTORS: tuple[Callable[..., Domain], ...] = (
    digits,
    digits_m,
    mnist,
    mnist_m,
    usps,
    svhn,
    syn_digits,
    rendered_digits,
    gtsrb,
    syn_signs,
    cifar10,
    cifar9,
    stl10,
    stl9,
    office31,
    office_caltech10,
    office_caltech10_features,
    office_home,
    pacs,
    visda2017,
    domainnet,
    amazon_reviews,
    amazon_text,
    uci_har,
    moons,
    moons_rotated,
    turned_digits,
    diabetes,
    folder,
    csv,
    arrays,
    svmlight,
    table,
    series,
    texts,
)
DOMAINS: dict[str, Callable[..., Domain]] = {constructor.__name__: constructor for constructor in CONSTRUCTORS}
