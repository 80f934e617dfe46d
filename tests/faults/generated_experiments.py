"""Experiments that hypothesis generates: a small one in which some keys have values of any kind."""

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from mutations import ODD
from tiny import TINY

NAMES = st.text("aZ0 λ$._-/\\{}[]:#'\"\n\t<&%=", max_size=8)
SCALARS = st.one_of(
    st.sampled_from([each for each in ODD if not isinstance(each, dict | list)]), st.none(), st.booleans(),
    st.integers(-(2**40), 2**40), st.floats(), NAMES, st.dates(),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
KEYS = [
    *((key,) for key in ("title", "seeds", "base", "variants", "tasks", "published", "metrics", "baseline", "test",
                         "search",
                         "compare_rules", "shown", "finding", "overrides")),
    *(("base", key) for key in ("data", "network", "optimizer", "train", "method", "finetune", "diagnose")),
    *(("base", "data", key) for key in (
        "source", "target", "dataset", "batch_size", "validation", "test", "target_classes", "target_labelled",
        "missing", "msda", "resample", "class_weights", "beta", "source_degradation", "class_vectors", "unseen",
        "calibration", "transform", "target_transform", "target_view")),
    *(("base", "method", key) for key in ("name", "weight", "horizon", "discriminator", "loss_weight", "schedule")),
    *(("base", "network", key) for key in ("name", "hidden", "discriminator", "dropout", "weights", "model")),
    *(("base", "optimizer", key) for key in ("name", "lr", "momentum", "weight_decay", "schedule", "nesterov")),
    *(("base", "train", key) for key in ("steps", "evaluate_every", "log_every", "precision", "replicas")),
    *(("search", key) for key in ("kind", "budget", "keys", "rows", "rule", "seed")),
    *(("variants", "DANN", key) for key in ("data", "method", "network", "x")),
]  # fmt: skip


@st.composite
def experiments(draw: st.DrawFn) -> dict[str, Any]:
    """The content of an experiment file."""
    content: dict[str, Any] = deepcopy(TINY)
    for path in draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3)):
        inner: Any = content
        for key in path[:-1]:
            inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[path[-1]] = draw(VALUES)
    return content
