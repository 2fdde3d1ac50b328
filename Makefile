# Everything starts here: `make help`. Each target sets up what it needs, once, in .venv.
#   PYTHON=...       the Python that .venv is made with (3.11 or newer; default: the first found)
#   JOBS=...         test processes at a time (default: one for each core)
#   PYTEST_ARGS=...  more arguments for pytest: PYTEST_ARGS="-k requantise -x"
#   CONFIG=... TARGET=...  what to emit or synthesise: a name or a file; ecp5, ice40, xilinx or asic
#   SYNTH_ARGS=...   more for hw.build: SYNTH_ARGS="--seeds 1 --timeout 600"
#   BENCH_ARGS=...   arguments for the benchmark: BENCH_ARGS="--rows da4ml-templates"
#   REUSE_ARGS=...   arguments for the strategies' figures: REUSE_ARGS="--strategies value_cam"
#   TRAIN_ARGS=...   arguments for the training runs: TRAIN_ARGS="--only 'mnist-*'"

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
JOBS ?= auto
CONFIG ?= cifar10-layer1
TARGET ?= ecp5

VENV := .venv
CORE := $(VENV)/.core-stamp
DEV := $(VENV)/.dev-stamp
SYNTH := $(VENV)/.synth-stamp
BENCH := $(VENV)/.bench-stamp
TRAIN := $(VENV)/.train-stamp
# Without our MAKEFLAGS: Verilator calls make, which would look for this one's job server.
RUN := MAKEFLAGS= $(VENV)/bin/python -m
PIP := $(RUN) pip --disable-pip-version-check --quiet
# A file's tests stay in one process: they share what they build.
PYTEST := $(RUN) pytest --numprocesses $(JOBS) --dist loadscope

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: sim
sim: compiler $(CORE) ## the main job: 1,000 real CIFAR-10 images through the RTL, each output compared
	@$(RUN) sim.run --demo

.PHONY: verilog
verilog: $(CORE) ## emit the Verilog of a configuration: make verilog CONFIG=tiny, or CONFIG=my.toml
	@$(RUN) hw.build --target verilog --config $(CONFIG) --out build/verilog/$(basename $(notdir $(CONFIG)))

.PHONY: test
test: compiler $(DEV) ## all tests but the slow ones, in parallel
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

.PHONY: test-slow
test-slow: compiler $(DEV) ## the tests that take longer than a CI run allows
	$(PYTEST) -m slow $(PYTEST_ARGS)

.PHONY: test-train
test-train: $(TRAIN) ## the training tests and the types of sw/train, with PyTorch
	$(RUN) basedpyright sw/train
	$(PYTEST) -m "not slow" --doctest-modules sw/train tests/train tests/docs/test_reference.py $(PYTEST_ARGS)

.PHONY: formal
formal: $(DEV) ## the formal proofs alone, each with its planted fault
	$(PYTEST) -m formal $(PYTEST_ARGS)

.PHONY: check
check: lint types unit ## what a commit must pass: format, lint, types, unit tests, doc examples

.PHONY: lint
lint: $(DEV) ## formatting and lint, nothing is changed
	$(RUN) ruff format --check
	$(RUN) ruff check

.PHONY: types
types: $(DEV) ## the type checker
	$(RUN) basedpyright

.PHONY: unit
unit: $(DEV) ## the tests that need no compiler, and the examples in docstrings
	$(PYTEST) -m "not slow and not formal" --doctest-modules --ignore=tests/sim --ignore=sim \
		hw sw tests $(PYTEST_ARGS)

.PHONY: examples
examples: $(DEV) ## the examples in docstrings alone
	$(PYTEST) --doctest-modules hw sw $(PYTEST_ARGS)

.PHONY: format
format: $(DEV) ## format the code and repair what lint can
	$(RUN) ruff format
	$(RUN) ruff check --fix

.PHONY: synth
synth: $(SYNTH) ## area and Fmax on a chip: make synth CONFIG=hlac25-bank TARGET=ecp5
	@$(RUN) hw.build --target $(TARGET) --config $(CONFIG) $(SYNTH_ARGS) \
		--out build/$(basename $(notdir $(CONFIG)))-$(TARGET)

.PHONY: check-area
check-area: $(SYNTH) ## area and Fmax against reports/baseline.json; UPDATE=1 records those of now
	@$(RUN) hw.baseline $(if $(UPDATE),--update)

.PHONY: bench
bench: compiler $(BENCH) ## da4ml, alkaid, NNgen and ours in one flow: docs/user/benchmark.md (within an hour)
	@$(RUN) bench $(BENCH_ARGS)

.PHONY: reuse
reuse: compiler $(BENCH) ## every strategy at every depth: docs/user/reuse.md (within an hour, then seconds)
	@$(RUN) bench.reuse $(REUSE_ARGS)

.PHONY: cost
cost: $(SYNTH) ## fit the cost model of strategy = "auto" to synthesised engines (within an hour)
	@$(RUN) bench.reuse.cost

.PHONY: train
train: $(TRAIN) ## the training runs that are not stored yet, one after another (hours; may be stopped)
	@$(RUN) sw.train.all $(TRAIN_ARGS)

.PHONY: lock
lock: ## resolve pyproject.toml anew into the locks (with the oldest Python: PYTHON=python3.11)
	$(PYTHON) .ci/lock.py

.PHONY: clean
clean: ## remove all that was built; .venv and the downloaded data stay
	rm -rf build dist sim_build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# Setting up. A stamp is younger than its lock when .venv holds what the lock says.

define MAKE_VENV
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer not found. Install it, e.g." \
		"\`apt-get install python3 python3-venv\`, or name it: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is not" \
		"Python 3.11 or newer. Name another: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual" \
		"environments. Install its venv module, e.g. \`apt-get install python3-venv\`" >&2; exit 2; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
endef

$(CORE): requirements.lock
	$(MAKE_VENV)
	@echo "Installing requirements.lock into $(VENV) (some 250 MB, once)"
	@$(PIP) install -r $<
	@touch $@

$(DEV): requirements-dev.lock $(CORE)
	@echo "Installing requirements-dev.lock into $(VENV) (some 700 MB, once)"
	@$(PIP) install -r $<
	@test -n "$$($(RUN) find_libpython)" || { echo "cocotb needs Python as a shared library. Install" \
		"it, e.g. \`apt-get install libpython3-dev\`, or use a Python that has it" >&2; exit 2; }
	@touch $@

$(SYNTH): requirements-synth.lock $(CORE)
	@echo "Installing requirements-synth.lock into $(VENV) (some 150 MB, once)"
	@$(PIP) install -r $<
	@touch $@

$(BENCH): requirements-bench.lock $(DEV)
	@echo "Installing requirements-bench.lock into $(VENV) (some 150 MB, once)"
	@$(PIP) install -r $<
	@touch $@

$(TRAIN): requirements-train.lock $(DEV)
	@echo "Installing requirements-train.lock into $(VENV) (PyTorch: some 800 MB, once)"
	@$(PIP) install -r $<
	@touch $@

.PHONY: compiler
compiler:
	@command -v g++ >/dev/null || { echo "g++ not found: the simulator compiles the design." \
		"Install it, e.g. \`apt-get install g++ make\`" >&2; exit 2; }
