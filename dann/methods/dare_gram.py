"""Regression with aligned inverse Gram matrices (Nejjar et al. 2023)."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from dann.data.loading.stream import Batch
from dann.functional.inverse_gram import inverse_gram_distance
from dann.methods.method import Method
from dann.networks.network import Network
from dann.options import Factor


class DareGram(Method):
    """DARE-GRAM: a regression on the source with like inverse Gram matrices of both domains' features.

    Nejjar et al. 2023, "DARE-GRAM: Unsupervised Domain Adaptation Regression by Aligning Inverse Gram Matrices": the
    least-squares solution of the last, linear layer is (ZᵀZ)⁻¹ Zᵀ y, and what of it does not depend on labels is
    aligned; so it is meant for a classifier of one linear layer, which in the authors' code a sigmoid follows. One
    update descends the label loss plus ``inverse_gram_distance`` of the features, in the whole network.
    The domains are forwarded one after the other, as in the authors' code, unless ``together`` is true.

    Args:
        angle: weight of the distance of angles. The default of this and the next two is that of the authors' scripts,
            which they call with other values for each pair of domains: here 0.01 to 0.5.
        scale: weight of the distance of scales, which grows with the square of the features and with the batch; the
            authors set 0.00001 to 0.003.
        threshold: share of the sum of eigenvalues that the pseudo-inverses keep at most; the authors set 0.9 to 0.999.
        together: forward source and target as one batch, so that BatchNorm normalises over both domains.
    """

    smallest_batch = 2
    regression = True

    def __init__(
        self,
        network: Network,
        *,
        angle: Factor = 0.05,
        scale: Factor = 0.001,
        threshold: Annotated[float, Field(gt=0, lt=1)] = 0.9,
        together: bool = False,
    ) -> None:
        super().__init__(network)
        self.angle, self.scale, self.threshold, self.together = angle, scale, threshold, together

    def forward(self, batch: Batch, progress: float, phase: str) -> dict[str, Tensor]:
        source, target = self.both(batch, ("features",), self.together)
        distance = inverse_gram_distance(
            source["features"], target["features"], angle=self.angle, scale=self.scale, threshold=self.threshold
        )
        return {"label": self.supervised_loss(self.network.classifier(source["features"]), batch), "gram": distance}
