"""Domains, what makes a pair of them, and the stateless stream of batches."""

from dann.data.domain import Domain, Split
from dann.data.pair import Pair
from dann.data.sets import DOMAINS
from dann.data.sets.tables import from_arrays
from dann.data.stream import Batch, Stream, derive
from dann.data.survey import Survey
from dann.data.transforms import Transform, TransformOptions

__all__ = [
    "DOMAINS", "Batch", "Domain", "Pair", "Split", "Stream", "Survey", "Transform", "TransformOptions", "derive",
    "from_arrays",
]  # fmt: skip
