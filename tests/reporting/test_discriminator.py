"""The figure and the table of the discriminator, and λ from a configuration."""

import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from made_records import record_of, scored
from method_cases import INPUTS, OPTIONS
from tiny import TINY, config_of

from dann.config.experiment import Experiment
from dann.methods.all_methods import METHODS
from dann.networks.all_networks import NETWORKS
from dann.reporting.adversary import final_domain_loss, final_measurements, has_discriminator, scheduled_lambda
from dann.reporting.discriminator_table import discriminator_tables
from dann.reporting.experiment_tables import make_tables
from dann.reporting.figures.discriminator_figure import discriminator
from dann.reporting.figures.draw import DRAW, _is_drawable
from dann.reporting.scores import apply_rule
from dann.runner.records import Record

DANN = {"method": {"name": "dann", "weight": 2.0, "schedule": "ramp", "horizon": 0.5}, "train": {"steps": 40}}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *[(name, {}) for name, method in METHODS.items() if method.adversarial],
        ("dann", {"weight": 3.0, "schedule": "constant"}),
        ("dann", {"horizon": 0.2}),
        ("dirt_t", {"schedule": "ramp", "pretrain": 0.7}),
    ],
)
def test_lambda_by_the_configuration_is_the_methods(name: str, options: dict[str, Any]) -> None:
    options = OPTIONS.get(name, {}) | options
    config = config_of(TINY["base"], method={"name": name, **options}, train={"steps": 40}).model_dump(mode="json")
    method = METHODS[name](NETWORKS["mlp"](INPUTS["mlp"], 3), **options)
    record = replace(record_of("DANN", 0), config=config)
    for step in (1, 2, 9, 21, 29, 40):
        assert scheduled_lambda(record, step) == method.coefficients((step - 1) / 40).get("lambda")


def test_an_adaptive_lambda_is_not_known_from_the_configuration() -> None:
    config = {"method": DANN["method"] | {"schedule": "adaptive"}, "train": {"steps": 40}}
    assert scheduled_lambda(replace(record_of("DANN", 0), config=config), 40) is None


def made(seeds: int = 2, **changes: Any) -> tuple[Experiment, list[Record]]:
    """Records of which those with DANN have a discriminator, seed by seed of other values."""
    experiment, records = scored({"source only": [0.5] * seeds, "DANN": [0.6] * seeds},
                                 shown={"figures": ["discriminator"]}, **changes)  # fmt: skip
    return experiment, [_measured(record) if record.variant == "DANN" else record for record in records]


def _measured(record: Record) -> Record:
    more = {"discriminator_source": 0.8, "discriminator_target": 0.4 + 0.1 * record.seed,
            "gradient_ratio": 10.0**record.seed}  # fmt: skip
    losses = {"step": [10, 20, 38, 40], "label": [0.5] * 4, "domain": [None, 0.9, 0.6 + record.seed, 0.7]}
    return replace(record, config=DANN, evaluations=[each | more for each in record.evaluations], losses=losses)


def test_the_domain_loss_is_averaged_over_the_last_tenth_of_training() -> None:
    _, records = made(1)
    assert final_domain_loss(records[1]) == pytest.approx(fmean([0.6, 0.7]))
    none = replace(records[1], losses={"step": [10, 40], "label": [0.5] * 2, "domain": [0.7, None]})
    assert final_domain_loss(none) is None and "domain_loss" not in final_measurements(none)
    assert final_domain_loss(replace(none, losses={"step": [1], "label": [0.5]})) is None


def test_the_table_has_a_row_for_each_discriminator() -> None:
    experiment, records = made(3)
    (table,) = discriminator_tables(apply_rule(experiment, records))
    assert list(table.rows) == ["DANN"]
    texts = {column.title: cell.text for column, cell in zip(table.columns, table.rows["DANN"], strict=True)}
    lam = 2 * (2 / (1 + math.exp(-10 * (39 / 40) / 0.5)) - 1) if 39 / 40 < 0.5 else 2 * (2 / (1 + math.exp(-10)) - 1)
    assert texts == {
        "domain loss": "1.150 ± 0.500",  # of 0.65, 1.15 and 1.65
        "accuracy on source, %": "80.0 ± 0.0",
        "accuracy on target, %": "50.0 ± 10.0",
        "λ": f"{lam:.3f}",
        "gradient ratio": "10 (1 to 100)",
    }
    assert table in make_tables(experiment, records) and "0.693, ln 2, is chance" in table.markdown()
    assert "gradient ratio" in table.json() and "gradient ratio" in table.latex()


def test_there_is_no_table_unless_its_figure_is_shown_or_without_a_discriminator() -> None:
    experiment, records = made()
    others = experiment.model_copy(update={"shown": experiment.shown.model_copy(update={"figures": ["bars"]})})
    assert discriminator_tables(apply_rule(others, records)) == []
    assert discriminator_tables(apply_rule(experiment, records[:2])) == []
    assert _is_drawable("discriminator", experiment, {Path("a"): records[-1]})
    assert not _is_drawable("discriminator", experiment, {Path("a"): records[0]}) and not has_discriminator(records[0])


def test_the_figure_has_a_line_for_each_run_and_their_median() -> None:
    experiment, records = made(3)
    figure = DRAW["discriminator"](experiment, {Path(str(at)): record for at, record in enumerate(records)})
    figure.canvas.draw()
    loss, accuracy, coefficient, ratio = figure.axes
    # Of each run, the median, and the line at chance; of the accuracy twice the runs; none for λ.
    assert [len(axes.lines) for axes in (loss, accuracy, coefficient, ratio)] == [5, 9, 4, 5]
    assert list(loss.lines[3].get_ydata()) == pytest.approx([0.9, 1.6, 0.7])  # the median where all have a value
    assert loss.lines[-1].get_ydata()[0] == pytest.approx(math.log(2))
    assert list(ratio.lines[3].get_ydata()) == [10.0] * 4 and ratio.get_yscale() == "log"
    assert list(coefficient.lines[0].get_ydata()) == [scheduled_lambda(records[-1], step) for step in (10, 20, 38, 40)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["DANN", "accuracy on target", "on source"]


def test_a_single_evaluation_is_a_mark() -> None:
    experiment, records = made(2)
    once = [replace(record, evaluations=record.evaluations[-1:]) for record in records]
    accuracy = discriminator(experiment, once).axes[1]
    assert [line.get_marker() for line in accuracy.lines[:2]] == ["o", "o"] and accuracy.lines[3].get_marker() == "x"
