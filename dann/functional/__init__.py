"""Pure tensor functions: the gradient reversal, the losses of the methods, and what they are made of.

Shapes: N source and M target examples, D features, K classes. The domain label is 0 for source and 1 for target.
Every function works under ``torch.vmap`` and computes in float32 or better, whatever autocast makes of its inputs.
"""

from dann.functional.adversarial import (
    confusion_loss,
    domain_adversarial_loss,
    domain_loss,
    entropy_weight,
    multilinear_map,
    randomized_map,
    reverse_gradient,
)
from dann.functional.centroids import centroids, nearest_centroid
from dann.functional.moments import Bandwidth, Estimator, Kernels, coral, jmmd, mean_distance, mk_mmd
from dann.functional.norms import (
    hard_feature_norm,
    map_distance,
    spectral_penalty,
    spectral_shrinkage,
    stepwise_feature_norm,
)
from dann.functional.precision import precise
from dann.functional.predictions import (
    class_confusion,
    classifier_discrepancy,
    entropy,
    kl_divergence,
    label_loss,
    margin_disparity,
    marginal_entropy,
    nuclear_norm,
    pseudo_label_loss,
)
from dann.functional.priors import bbse, confusion, mlls

__all__ = [
    "Bandwidth",
    "Estimator",
    "Kernels",
    "bbse",
    "centroids",
    "class_confusion",
    "classifier_discrepancy",
    "confusion",
    "confusion_loss",
    "coral",
    "domain_adversarial_loss",
    "domain_loss",
    "entropy",
    "entropy_weight",
    "hard_feature_norm",
    "jmmd",
    "kl_divergence",
    "label_loss",
    "map_distance",
    "margin_disparity",
    "marginal_entropy",
    "mean_distance",
    "mk_mmd",
    "mlls",
    "multilinear_map",
    "nearest_centroid",
    "nuclear_norm",
    "precise",
    "pseudo_label_loss",
    "randomized_map",
    "reverse_gradient",
    "spectral_penalty",
    "spectral_shrinkage",
    "stepwise_feature_norm",
]
