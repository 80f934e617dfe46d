# make demo: the quickstart experiment, in a virtual environment of its own; make test: lint, types and tests.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test

demo: .venv/installed
	$(BIN)/dann run experiments/quickstart.yaml
	@echo "Next:         $(BIN)/tensorboard --logdir runs/quickstart    then open the address it prints"
	@echo "              $(BIN)/dann run experiments/ganin2016/moons.yaml    the paper's first figure, five seeds"

test: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto

.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@
