"""Experiments at random: their methods, networks, data sets and options are the real ones, nearly all valid together.

``generate`` makes one; hypothesis chooses for ``experiments``, and lays a value or two of any kind over some.
"""

import copy
from random import Random
from typing import Any, get_args

from hypothesis import strategies as st
from mutations import ODD, places
from option_values import options

from dann.config.components import Component, Registry, options_model
from dann.config.experiment_fields import FigureKind
from dann.config.optimizer_section import OptimizerSection
from dann.config.sections import DataSection, DiagnoseSection, TrainSection
from dann.data.datasets.all_datasets import DOMAINS
from dann.data.transforms.transform_options import TransformOptions
from dann.evaluation.metric_definitions import METRICS
from dann.evaluation.rules import RULES
from dann.methods.all_methods import METHODS
from dann.networks.all_networks import NETWORKS
from dann.networks.finetuning import FineTuning
from dann.optim.optimizers import OPTIMIZERS

NAMES = st.text("aZ0 λ$._-/\\{}[]:#'\"\n\t<&%=", max_size=8)
SCALARS = st.one_of(
    st.sampled_from([each for each in ODD if not isinstance(each, dict | list)]), st.none(), st.booleans(),
    st.integers(-(2**40), 2**40), st.floats(), NAMES, st.dates(),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
ROWS = ["source only", "DANN", "β = ½", "a/b: c", "x" * 60, "=1+1", "MCD, λ"]
TASKS = ["A → B", "30°", "nul", "tsk.1"]
RULE_NAMES = [name for name, rule in RULES.items() if rule.reads and not rule.needs_target_labels]
NEED_MORE = (
    "class_vectors",
    "generator",
    "unseen",
    "target_classes",
    "source_degradation",
    "target_degradation",
    "vocabulary",
    "terms",
    "msda",
    "disjoint",
)
SEARCHED = {
    "optimizer.lr": [0.1, 0.01, 0.003], "train.steps": [2, 3, 4], "diagnose.examples": [0, 10, 11],
    "data.validation": [0.1, 0.2, 0.3],
}  # fmt: skip


@st.composite
def experiments(draw: st.DrawFn) -> dict[str, Any]:
    """The content of an experiment file that is planned but not run; about every second one has an odd value."""
    content = generate(draw(st.randoms(use_true_random=True)))
    found = [each for each in places(content) if each[0] is not content]  # else mostly whole sections would go
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        holder, key = found[draw(st.integers(0, len(found) - 1))]
        holder[key] = draw(VALUES)
    return content


def generate(random: Random, small: bool = False) -> dict[str, Any]:
    """The content of an experiment file.

    Args:
        small: one run or two of vectors that take a fraction of a second, with no values that need much memory.
    """
    rows = random.sample(ROWS, random.choice([1, 1, 2]) if small else random.randint(1, 4))
    tasks = [] if small else random.sample(TASKS, random.choice([0, 0, 1, 2]))
    content = {
        "title": random.choice(["t", "A → B: λ", "=x", " "]),
        "seeds": [0] if small else random.choice([[0], [0, 1], [7, 2**31], [2**62]]),
        "base": _base(random, small),
        "variants": {row: _row(random, small) for row in rows},
    }
    if tasks:
        content["tasks"] = {task: {"optimizer": options_of("sgd", OPTIMIZERS, random, small)} for task in tasks}
    return content | _rest(random, rows, tasks, small)


def options_of(name: str, registry: Registry, random: Random, small: bool = False) -> dict[str, Any]:
    """A component with valid options."""
    base = OptimizerSection if registry is OPTIMIZERS else Component
    return {"name": name, **options(options_model(name, registry[name], base), random, edges=not small)}


def _base(random: Random, small: bool) -> dict[str, Any]:
    data = options(DataSection, random, edges=not small, share=0.15)
    train = options(TrainSection, random, edges=not small) | {"replicas": random.choice(["auto", 1, 2])}
    diagnose = options(DiagnoseSection, random, edges=False) | {"examples": random.choice([0, 10, 12])}
    if small:
        sides = {"source": {"name": "moons", "points": 20}, "target": {"name": "moons_rotated", "points": 20}}
        network = {"name": "mlp", "hidden": random.randint(1, 9), "batch_norm": random.random() < 0.3}
        train |= {"steps": random.randint(1, 4), "evaluate_every": 2}
        diagnose |= {"reverse_steps": random.choice([0, 0, 2])}
        data = {key: given for key, given in data.items() if key not in NEED_MORE}
    else:
        sides = {side: options_of(random.choice([*DOMAINS]), DOMAINS, random) for side in ("source", "target")}
        network = options_of(random.choice(sorted({*NETWORKS} - {"huggingface", "text_cnn"})), NETWORKS, random)
        data.pop("vocabulary", None)
        if any(side["name"] in ("texts", "amazon_text") for side in sides.values()):
            sides, network, data["vocabulary"] = _texts(random)
    for key in [key for key in data if "transform" in key or key == "target_view"]:
        chosen = {"mask": 0.3} if key == "target_view" else {"normalise": "standard"}
        data[key] = chosen if small else options(TransformOptions, random, share=0.1)
    if not data.get("unseen"):
        data.pop("calibration", None)
    base = {
        "data": data | sides, "network": network, "train": train, "diagnose": diagnose,
        "optimizer": options_of(random.choice([*OPTIMIZERS]), OPTIMIZERS, random, small),
        "method": options_of(random.choice([*METHODS]), METHODS, random, small),
    }  # fmt: skip
    return base | ({"finetune": options(FineTuning, random)} if random.random() < 0.1 and not small else {})


def _texts(random: Random) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any] | None]:
    """Two sides of texts, and the network and the vocabulary that they need."""
    side = options_of("texts", DOMAINS, random)
    sides = {"source": side, "target": side}
    if side.get("tokenizer") is not None:
        return sides, {"name": "huggingface", "model": side["tokenizer"]}, None
    if random.random() < 0.5:
        return sides, {"name": "mlp"}, {"size": random.randint(1, 9000), "ngrams": random.randint(1, 3)}
    return sides, {"name": "text_cnn", "words": 70}, {"form": "ids", "size": 70, "length": random.randint(1, 300)}


def _row(random: Random, small: bool) -> dict[str, Any]:
    """What a variant changes: mostly the method."""
    if random.random() < 0.1:
        return {"data": {"source": "target"}, "method": {"name": "source_only"}}
    return {"method": options_of(random.choice([*METHODS]), METHODS, random, small)}


def _rest(random: Random, rows: list[str], tasks: list[str], small: bool) -> dict[str, Any]:
    """Some of the keys that have a default."""
    score = random.choice([0, 0.5, 1.0])
    own = dict.fromkeys(tasks, score) or score
    free = [name for name, metric in METRICS.items() if not metric.for_unseen_classes]
    rest: dict[str, Any] = {
        "published": {rows[0]: random.choice([score, own])},
        "metrics": random.sample(free, random.randint(1, min(3, len(free)))),
        "baseline": random.choice([rows[0], {rows[-1]: rows[0]} if len(rows) > 1 else rows[0]]),
        "test": random.choice(["paired_t", "wilcoxon"]),
        "intervals": random.choice(["seeds", "test_examples"]),
        "search": _search(random, rows),
        "compare_rules": random.random() < 0.5,
        "shown": {"variants": rows[:1], "figures": random.sample(get_args(FigureKind), 2)}
        | ({"tasks": tasks[:1]} if tasks else {}),
        "finding": random.choice(["", "x" * 300, "λ\n\n$x$ <b>"]),
        "overrides": {"train": {"log_every": random.choice([1, 10])}},
        "guard": random.random() < 0.5,
    }
    chance = 0.15 if small else 0.3
    return {key: copy.deepcopy(given) for key, given in rest.items() if random.random() < chance}


def _search(random: Random, rows: list[str]) -> dict[str, Any]:
    """A grid whose values are as many as the budget, or a random search."""
    key, budget = random.choice([*SEARCHED]), random.randint(1, 3)
    more = {"rule": random.choice(["source_val", random.choice(RULE_NAMES)]), "seed": random.choice([0, 2**31])}
    more |= random.choice([{}, {"seeds": [100]}, {"seeds": [0, 5]}])
    if random.random() < 0.5:
        return {"kind": "grid", "budget": budget, "keys": {key: SEARCHED[key][:budget]}, **more}
    ends: dict[str, Any] = random.choice([{"log": [0.001, 0.1]}, {"uniform": [0.0, 0.5]}])
    return {"kind": "random", "budget": budget, "rows": {row: {"optimizer.lr": ends} for row in rows}, **more}
