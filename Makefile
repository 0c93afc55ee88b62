# `make help` lists what can be done here.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
PEERS_VENV := .venv-peers
TRITON_VENV := .venv-triton
BIN := $(VENV)/bin
# ONNX Runtime's builds send events to their maker unless told not to; the server tells it by itself.
export ORT_DISABLE_TELEMETRY := 1
STUB_SOURCES := $(shell find proto -name '*.proto')

# Training has its own environment: PyTorch and OpenMMLab are no part of serving.
TRAINING_VENV := .venv-training
TRAINING_BIN := $(TRAINING_VENV)/bin
TRAINING_WORK := training/work
TRAINING_PATH := preprocessing:postprocessing:specimen:training
TRAINING_TEXT_COUNT ?= 4022
TRAINING_SCENE_COUNT ?= 2400
TRAINING_TEXT2_COUNT ?= 2095
TRAINING_TEXT3_COUNT ?= 2600
TRAINING_TEXT4_COUNT ?= 2000
TRAINING_SCENE2_COUNT ?= 808
TRAINING_SCENE3_COUNT ?= 1500
ITERATIONS_segmentation ?= 6770
ITERATIONS_detection ?= 4100
ITERATIONS_recognition ?= 38100
# Tensors of tens of megabytes are allocated at every step: kept by the process instead of given back and zeroed anew.
TRAIN = MALLOC_MMAP_THRESHOLD_=2000000000 MALLOC_TRIM_THRESHOLD_=8000000000 MALLOC_TOP_PAD_=100000000 \
	PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python training/train.py

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
run: setup ## serve gRPC on 127.0.0.1:50051, HTTP and the page on 127.0.0.1:8080
	$(BIN)/ktp-ocr serve

.PHONY: setup-triton
setup-triton: $(TRITON_VENV)/.stamp ## make .venv-triton with a real Triton server that runs on processors

$(TRITON_VENV)/.stamp: tests/triton/requirements.txt
	@test -x $(TRITON_VENV)/bin/python || $(PYTHON) -m venv $(TRITON_VENV)
	$(TRITON_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/triton/requirements.txt
	@touch $@

.PHONY: triton
triton: $(VENV)/.stamp-dev setup-triton ## start a real Triton and our server on it, read a specimen, stop both
	PYTHONPATH=.:benchmarks $(BIN)/python -m tests.triton.walk_through

.PHONY: demo
demo: setup ## read a bundled specimen through a real server: a table and an annotated picture
	@mkdir -p out
	$(BIN)/ktp-ocr demo --out out/demo.jpg

.PHONY: specimens
specimens: setup ## render SPECIMEN_COUNT specimen cards from SPECIMEN_SEED into SPECIMEN_DIR
	$(BIN)/ktp-ocr specimen --seed $(SPECIMEN_SEED) --count $(SPECIMEN_COUNT) --out $(SPECIMEN_DIR)

# The public area list, through npm; the database built from it is committed.
AREA_PACKAGE := idn-area-data@4.0.1
.PHONY: templates
templates: setup ## build the area database from the public list of administrative areas
	@mkdir -p out/areas
	cd out/areas && npm pack --silent $(AREA_PACKAGE) && tar xzf idn-area-data-*.tgz
	$(BIN)/ktp-ocr templates build out/areas/package/data

# Seeds 7xxx are for development; the accuracy sets are others.
CONFUSIONS_SEED ?= 7301
CONFUSIONS_COUNT ?= 120
.PHONY: confusions
confusions: setup ## count which characters the recogniser takes for which, on hard specimens
	$(BIN)/ktp-ocr specimen --seed $(CONFUSIONS_SEED) --count $(CONFUSIONS_COUNT) --stratum hard --out out/confusions
	$(BIN)/python benchmarks/measure_confusions.py out/confusions

## Habits -------------------------------------------------------------------------------------------------------------

# TRITON=0 leaves out the tests on a real Triton server, which is installed for them (60 MB).
TRITON ?= 1
.PHONY: test
test: $(VENV)/.stamp-dev $(if $(filter-out 0,$(TRITON)),$(TRITON_VENV)/.stamp) ## run all tests; TRITON=0 without those on a Triton server
	$(BIN)/python -m pytest $(if $(filter-out 0,$(TRITON)),,--ignore=tests/triton) $(PYTEST_ARGS)

FUZZ_VENV := .venv-fuzz
FUZZ_SECONDS ?= 600
.PHONY: fuzz
fuzz: ## fuzz the image decoder for FUZZ_SECONDS, guided by coverage
	@test -x $(FUZZ_VENV)/bin/python || $(PYTHON) -m venv $(FUZZ_VENV)
	$(FUZZ_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/fuzz/requirements.txt
	PYTHONPATH=.:preprocessing $(FUZZ_VENV)/bin/python tests/fuzz/fuzz_decode.py out/fuzz/corpus -max_total_time=$(FUZZ_SECONDS)

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

.PHONY: docs
docs: setup ## write docs/configuration.md from the settings class
	$(BIN)/ktp-ocr config --markdown > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md

.PHONY: wheel
wheel: $(VENV)/.stamp-dev ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

.PHONY: clean
clean: ## remove what the targets made, training work aside
	rm -rf $(VENV) dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find proto -name '*_pb2*.py*' -delete

## Measuring ----------------------------------------------------------------------------------------------------------

# A held-out set of ACCURACY_SEED is drawn once; CARDS=my-cards measures a folder of labelled cards instead.
ACCURACY_SEED ?= 9600
ACCURACY_COUNT ?= 300
ifdef CARDS
MEASURED_SET = $(CARDS)
else
MEASURED_SET = out/accuracy-$(ACCURACY_SEED) --seed $(ACCURACY_SEED)
endif
CALIBRATION_SEED ?= 6001
CALIBRATION_COUNT ?= 400

.PHONY: accuracy
accuracy: setup ## measure accuracy against the targets; CARDS=my-cards for your own, PEERS=1 beside other readers
	$(BIN)/python benchmarks/accuracy.py $(MEASURED_SET) $(if $(CARDS),,--count $(ACCURACY_COUNT)) $(if $(PEERS),--peers)

.PHONY: correction
correction: setup ## measure what correction is worth on true lines with 2, 5 and 10 % of their characters misread
	$(BIN)/python benchmarks/correction.py

.PHONY: speed
speed: setup ## measure CPU time by stage, beside other readers if `make setup-peers` was run; CARDS=my-cards
	$(BIN)/python benchmarks/speed.py $(MEASURED_SET)

.PHONY: observation
observation: $(VENV)/.stamp-dev ## measure what metrics, access lines and traces cost beside reading a card
	$(BIN)/python benchmarks/observation.py

LOAD_SEED ?= 7501
.PHONY: load
load: setup ## put load on a real server: isolation, overload, throughput, varied calls, SIGTERM, a slow reader
	$(BIN)/python benchmarks/load.py out/load-$(LOAD_SEED) --seed $(LOAD_SEED) $(LOAD_ARGS)

.PHONY: quality
quality: setup ## measure the image checks on photographs of known degradation, and draw the curves
	$(BIN)/python benchmarks/quality.py --picture docs/images/quality.svg

.PHONY: calibrate
calibrate: setup ## fit what confidences mean on a split of its own, and write the table that is served
	$(BIN)/python benchmarks/calibrate.py out/calibration-$(CALIBRATION_SEED) --seed $(CALIBRATION_SEED) --count $(CALIBRATION_COUNT)

TRITON_SEED ?= 7601
.PHONY: triton-throughput
triton-throughput: setup setup-triton setup-perf-analyzer ## measure the embedded engine against a real Triton server
	PYTHONPATH=. $(BIN)/python benchmarks/triton_throughput.py out/triton-$(TRITON_SEED) --seed $(TRITON_SEED) --picture docs/images/triton.svg

PERF_ANALYZER_VENV := .venv-perf-analyzer
.PHONY: setup-perf-analyzer
setup-perf-analyzer: $(PERF_ANALYZER_VENV)/.stamp ## make .venv-perf-analyzer with NVIDIA's load generator

$(PERF_ANALYZER_VENV)/.stamp: benchmarks/perf-analyzer-requirements.txt
	@test -x $(PERF_ANALYZER_VENV)/bin/python || $(PYTHON) -m venv $(PERF_ANALYZER_VENV)
	$(PERF_ANALYZER_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/perf-analyzer-requirements.txt
	@touch $@

.PHONY: setup-peers
setup-peers: $(PEERS_VENV)/.stamp ## make .venv-peers with RapidOCR and akshara-ocr

$(PEERS_VENV)/.stamp: benchmarks/peers-requirements.txt
	@test -x $(PEERS_VENV)/bin/python || $(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers-requirements.txt
	@touch $@

## Training -----------------------------------------------------------------------------------------------------------

.PHONY: setup-training
setup-training: $(TRAINING_VENV)/.stamp ## make .venv-training with PyTorch and OpenMMLab

$(TRAINING_VENV)/.stamp: training/requirements.txt training/requirements-mm.txt
	@test -x $(TRAINING_BIN)/python || $(PYTHON) -m venv $(TRAINING_VENV)
	$(TRAINING_BIN)/python -m pip install --quiet --disable-pip-version-check -r training/requirements.txt
	$(TRAINING_BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r training/requirements-mm.txt
	@touch $@

# Later pools were drawn when the renderer had learned more: other cards, copies, screens, a camera's defects, wear.
# A pool that was begun is finished, one that is complete is left alone: make_pool.py draws what is missing.
POOL = PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python training/make_pool.py $(TRAINING_WORK)
.PHONY: pools-text pools-scene
pools-text: setup-training
	$(POOL)/pool-text --seed 101 --count $(TRAINING_TEXT_COUNT) --strata clean phone hard
	$(POOL)/pool-text2 --seed 111 --count $(TRAINING_TEXT2_COUNT) --strata clean phone hard
	$(POOL)/pool-text3 --seed 121 --count $(TRAINING_TEXT3_COUNT) --strata clean phone hard hard
	$(POOL)/pool-text4 --seed 131 --count $(TRAINING_TEXT4_COUNT) --strata clean phone hard hard
	$(POOL)/val-text --seed 303 --count 120 --strata clean phone hard --plain
pools-scene: setup-training
	$(POOL)/pool-scene --seed 202 --count $(TRAINING_SCENE_COUNT) --strata phone empty hard several clean
	$(POOL)/pool-scene2 --seed 212 --count $(TRAINING_SCENE2_COUNT) --strata phone empty hard several clean empty
	$(POOL)/pool-scene3 --seed 222 --count $(TRAINING_SCENE3_COUNT) --strata phone empty hard several clean empty
	$(POOL)/val-scene --seed 304 --count 160 --strata phone empty hard several clean --plain

.PHONY: train-segmentation train-detection train-recognition
train-segmentation: pools-scene pools-text ## train Mask R-CNN on specimens, on CPU or CUDA; goes on where it stopped
	$(TRAIN) segmentation --data $(addprefix $(TRAINING_WORK)/,pool-scene pool-scene2 pool-scene3 pool-text pool-text4) --val $(TRAINING_WORK)/val-scene \
		--work-dir $(TRAINING_WORK)/segmentation --iterations $(ITERATIONS_segmentation) --resume
train-detection: pools-text ## train DBNet likewise
train-recognition: pools-text ## train the CTC recogniser likewise
train-detection train-recognition: train-%:
	$(TRAIN) $* --data $(addprefix $(TRAINING_WORK)/,pool-text pool-text2 pool-text3 pool-text4) --val $(TRAINING_WORK)/val-text \
		--work-dir $(TRAINING_WORK)/$* --iterations $(ITERATIONS_$*) --resume

.PHONY: export
export: setup-training ## export the trained models to triton_models/, checked against PyTorch
	PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python training/export.py --work-dir $(TRAINING_WORK) --out triton_models \
		--calibrate $(TRAINING_WORK)/pool-text4 $(TRAINING_WORK)/pool-scene3

.PHONY: test-training
test-training: setup-training ## train each model for a few steps, export it, compare PyTorch with ONNX Runtime
	PYTHONPATH=$(TRAINING_PATH) $(TRAINING_BIN)/python -m pytest training/tests $(PYTEST_ARGS)
