"""The progress bar of ``dann.fit``."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from tiny import MOONS, config_of

import dann
from dann.estimators import training_bar
from dann.estimators.training_bar import describe_step
from dann.training.pair_loading import load_pair

OPTIONS: dict[str, Any] = {"network": {"name": "mlp", "hidden": 8}, "steps": 6, "train": {"log_every": 2}}


def test_a_step_in_words() -> None:
    words = describe_step(4, 9, {"label": 0.25, "pseudo_label": 1.0})
    assert words == "step 4 of 9, label loss 0.250, pseudo label loss 1.000"


@pytest.mark.parametrize("notebook", [True, False])
@pytest.mark.parametrize("progress", [None, True, False])
def test_a_bar_is_shown_in_a_notebook_or_on_request(
    notebook: bool, progress: bool | None, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    drawn: list[str] = []
    display = SimpleNamespace(HTML=str, display=lambda html, display_id: drawn.append(html) or
                              SimpleNamespace(update=drawn.append))  # fmt: skip
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    console = Console(force_jupyter=notebook, force_terminal=not notebook, width=100)
    monkeypatch.setattr(training_bar, "Console", lambda: console)
    pair = load_pair(config_of(MOONS).data)
    dann.fit(pair, "source_only", **OPTIONS, diagnose={"examples": 0}, progress=progress)
    shown = notebook if progress is None else progress
    assert len(drawn) == (4 if shown and notebook else 0)  # at the start, and whenever losses are logged
    if drawn:
        assert '<progress value="6" max="6"' in drawn[-1] and "step 6 of 6, label loss 0." in drawn[-1]
    assert ("step 6 of 6, label loss" in capsys.readouterr().out) == (shown and not notebook)
