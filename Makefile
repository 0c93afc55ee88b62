# `make help` lists what can be done here.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUB_SOURCES := $(shell find proto -name '*.proto')

# Training has its own environment: PyTorch and OpenMMLab are no part of serving.
TRAINING_VENV := .venv-training
TRAINING_BIN := $(TRAINING_VENV)/bin
TRAINING_WORK := training/work
TRAINING_PATH := preprocessing:postprocessing:specimen:training
TRAINING_SEED ?= 1000
TRAINING_COUNT ?= 6000
VALIDATION_SEED ?= 900
VALIDATION_COUNT ?= 200
ITERATIONS_segmentation ?= 6000
ITERATIONS_detection ?= 4000
ITERATIONS_recognition ?= 20000
TRAIN = PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python training/train.py

SPECIMEN_SEED ?= 1
SPECIMEN_COUNT ?= 10
SPECIMEN_DIR ?= out/specimens

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 22

## Serving ------------------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.stamp-setup ## make .venv with the pinned dependencies and generate the gRPC stubs

$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." >&2; \
		echo "Name another interpreter: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
		echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.stamp-setup: $(VENV)/.stamp-venv pyproject.toml constraints.txt hatch_build.py $(STUB_SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.stamp-dev: $(VENV)/.stamp-setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: run
run: setup ## start the gRPC server on 127.0.0.1:50051
	$(BIN)/ktp-ocr serve

.PHONY: demo
demo: setup ## read a bundled specimen through a real server: a table and an annotated picture
	@mkdir -p out
	$(BIN)/ktp-ocr demo --out out/demo.jpg

.PHONY: specimens
specimens: setup ## render SPECIMEN_COUNT specimen cards from SPECIMEN_SEED into SPECIMEN_DIR
	$(BIN)/ktp-ocr specimen --seed $(SPECIMEN_SEED) --count $(SPECIMEN_COUNT) --out $(SPECIMEN_DIR)

## Habits -------------------------------------------------------------------------------------------------------------

.PHONY: test
test: $(VENV)/.stamp-dev ## run the unit, contract and end-to-end tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: check
check: $(VENV)/.stamp-dev ## lint, formatting, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(VENV)/.stamp-dev ## format the code and sort its imports
	$(BIN)/ruff check --select I --fix .
	$(BIN)/ruff format .

.PHONY: wheel
wheel: $(VENV)/.stamp-dev ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

.PHONY: clean
clean: ## remove what the targets made, training work aside
	rm -rf $(VENV) dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find proto -name '*_pb2*.py*' -delete

## Training -----------------------------------------------------------------------------------------------------------

.PHONY: setup-training
setup-training: $(TRAINING_VENV)/.stamp ## make .venv-training with PyTorch and OpenMMLab

$(TRAINING_VENV)/.stamp: training/requirements.txt training/requirements-mm.txt
	@test -x $(TRAINING_BIN)/python || $(PYTHON) -m venv $(TRAINING_VENV)
	$(TRAINING_BIN)/python -m pip install --quiet --disable-pip-version-check -r training/requirements.txt
	$(TRAINING_BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r training/requirements-mm.txt
	@touch $@

# A pool that was begun is finished, one that is complete is left alone: make_pool.py draws what is missing.
.PHONY: pools
pools: $(VENV)/.stamp-setup setup-training
	PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python training/make_pool.py $(TRAINING_WORK)/pool \
		--seed $(TRAINING_SEED) --count $(TRAINING_COUNT) --strata phone hard clean several empty
	PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python training/make_pool.py $(TRAINING_WORK)/val \
		--seed $(VALIDATION_SEED) --count $(VALIDATION_COUNT) --strata clean phone hard empty --plain

.PHONY: train-segmentation train-detection train-recognition
train-segmentation: pools ## train Mask R-CNN on specimens, on CPU or CUDA; goes on where it stopped
train-detection: pools ## train DBNet likewise
train-recognition: pools ## train the CTC recogniser likewise
train-segmentation train-detection train-recognition: train-%:
	$(TRAIN) $* --data $(TRAINING_WORK)/pool --val $(TRAINING_WORK)/val --work-dir $(TRAINING_WORK)/$* \
		--iterations $(ITERATIONS_$*) --resume

.PHONY: export
export: setup-training ## export the trained models to triton_models/, checked against PyTorch
	PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python training/export.py --work-dir $(TRAINING_WORK) --out triton_models

.PHONY: test-training
test-training: setup-training ## train each model for a few steps, export it, compare PyTorch with ONNX Runtime
	PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python -m pytest training/tests $(PYTEST_ARGS)
