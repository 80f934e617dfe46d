# make demo      run the quickstart experiment, in a virtual environment of its own
# make test      lint, types and tests
# make publish FILE=experiments/quickstart.yaml     copy finished runs to results/, with page and figures
# make unpack FILE=experiments/quickstart.yaml      put its committed records under runs/, to add rows to its table
# make bench     measure speed into results/speed: PARTS="steps start" for some parts, DEVICE=cuda for a GPU
# make rank FILE=experiments/tuning/amazon.yaml    rank its candidates without training; writes results/ranking
# make guard     judge the negative-transfer guard on the committed records; writes results/guard
# make paper     run the experiments of the paper whose data are at hand, print its numbers beside ours; FILES="…" for some
# make pages     write the pages of results/ and all tables between markers from the committed records
# make check     fail if one of these differs from the records
# make faults    provoke crashes, races, damage and bad input; writes results/reliability: PARTS="fuzz kills" for some
# make docs      the API reference, in build/docs
# make release   build the distributions in build/release, check them, and run the quickstart from the wheel alone
PYTHON ?= python3
DEVICE ?= cpu
BIN := .venv/bin

.PHONY: demo test publish unpack rank guard paper pages check bench faults docs release

demo: .venv/installed
	$(BIN)/dann run experiments/quickstart.yaml
	@echo "Next:         $(BIN)/tensorboard --logdir runs/quickstart    then open the address it prints"
	@echo "              $(BIN)/dann run experiments/ganin2016/moons.yaml    the paper's Figure 2, twenty seeds"

test: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto

publish: .venv/installed
	$(BIN)/python results/publish.py $(or $(FILE),$(error name the experiment: make publish FILE=experiments/quickstart.yaml))

unpack: .venv/installed
	$(BIN)/python results/unpack.py $(or $(FILE),$(error name the experiment: make unpack FILE=experiments/quickstart.yaml))

rank: .venv/installed
	$(BIN)/python results/ranking.py $(or $(FILE),$(error name the experiment: make rank FILE=experiments/tuning/amazon.yaml))

guard: .venv/installed
	$(BIN)/python results/guard.py

paper: .venv/installed
	$(BIN)/python results/paper.py $(FILES)

pages: .venv/installed
	$(BIN)/python results/pages.py

check: .venv/installed
	$(BIN)/python results/pages.py --check

bench: .venv/installed
	$(BIN)/python experiments/speed/bench.py $(PARTS) --device $(DEVICE)

faults: .venv/tested
	PYTHONPATH=tests:results $(BIN)/python tests/faults/measure.py $(PARTS)

docs: .venv/developing
	$(BIN)/python -W error -m pdoc --docformat google --output-directory build/docs dann
	@echo "Open:         build/docs/index.html"

release: .venv/releasing
	rm -rf build/release
	$(BIN)/python -m build --outdir build/release
	$(BIN)/python -m twine check --strict build/release/*
	$(PYTHON) -m venv build/release/venv
	build/release/venv/bin/python -m pip install --quiet build/release/*.whl
	cd build/release && venv/bin/dann run experiments/quickstart.yaml

.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

.venv/developing: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

.venv/releasing: .venv/installed
	$(BIN)/python -m pip install --quiet --editable '.[release]'
	@touch $@
