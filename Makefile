# The one front door: `make help` lists what stands here.
#
# Everything that a target needs is made on the way to it: the virtual environment, the
# pinned packages (requirements/*.txt) and the compiled extension. Stamp files remember
# what has been done, so a second call starts at once.
#
#   make test PYTHON=python3.13      another interpreter, in an environment of its own
#   make run HOST=0.0.0.0 PORT=8000  another address
#   make test ARGS="-k session -x"   arguments for the command behind a target

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 5000
ARGS ?=
# Seconds that each fuzz target runs; the target itself is T.
FUZZ_SECONDS ?= 60
# Cargo profile of the extension: release, or profiling for release with symbols.
PROFILE ?= release

# The default interpreter has .venv; every other one .venvs/NAME.
VENV ?= $(if $(filter python3,$(PYTHON)),.venv,.venvs/$(notdir $(PYTHON)))
PY := $(VENV)/bin/python
STAMPS := $(VENV)/stamps
FLASK_VENV := $(VENV)-flask
ifeq ($(VENV),.venv)
FLASK_VENV := .venvs/flask
endif

# Where the differential tests find Flask itself.
export BUSTAPI_FLASK_PYTHON := $(abspath $(FLASK_VENV)/bin/python)

# Compiled files are kept apart for each interpreter: PyO3 is built for one of them.
CARGO_TARGET_DIR ?= $(CURDIR)/target$(if $(filter .venv,$(VENV)),,/$(notdir $(VENV)))
export CARGO_TARGET_DIR
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The alias is a matter of each command, never inherited from the caller's shell.
unexport BUSTAPI_ALIAS BUSTAPI_LEGACY

RUST_SOURCES := $(shell find crates -path '*/target' -prune -o -path '*/fuzz' -prune -o \
	\( -name '*.rs' -o -name Cargo.toml -o -name build.rs \) -type f -print 2>/dev/null)
FUZZ := crates/bustapi-core/fuzz
CARGO_FUZZ := .cache/cargo-fuzz/bin/cargo-fuzz

define NO_PYTHON

'$(PYTHON)' did not start, is older than Python 3.10 or has no venv module.
Install one of CPython 3.10 to 3.15 and name it:
  Debian, Ubuntu:  sudo apt-get install python3 python3-venv
  Fedora:          sudo dnf install python3
  macOS:           brew install python
  pyenv:           pyenv install 3.13 && make $(MAKECMDGOALS) PYTHON="$$(pyenv prefix 3.13)/bin/python3.13"

endef
export NO_PYTHON

define NO_FREE_THREADING

'$(PYTHON)' is a free-threaded build of CPython, which BustAPI does not support yet.
Name the ordinary build of the same version, whose name does not end in "t".

endef
export NO_FREE_THREADING

define NO_BUILD

The extension could not be built; the first error above says why. It needs Rust 1.88 or
newer, a C linker and the headers of this Python:
  Rust:             install rustup as https://rustup.rs describes, then `rustup update stable`
  Debian, Ubuntu:   sudo apt-get install build-essential python3-dev
  macOS:            xcode-select --install
Then call make again.

endef
export NO_BUILD

define NO_CARGO

This target calls cargo, which is not on the PATH. Install rustup as https://rustup.rs
describes (Rust 1.88 or newer), open a new shell and call make again.

endef
export NO_CARGO

##@ Use

.PHONY: help
help: ## list the targets (the default)
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables: PYTHON HOST PORT ARGS T PROFILE (the head of the Makefile says what for).\n'

.PHONY: run
run: $(STAMPS)/extension ## serve examples/board, building first what is missing
	cd examples/board && exec $(abspath $(PY)) -m bustapi run board:create_app --host $(HOST) --port $(PORT) $(ARGS)

.PHONY: test
test: test-rust test-python ## run the test suites of both languages

.PHONY: test-python
test-python: $(STAMPS)/dev $(STAMPS)/extension $(FLASK_VENV)/stamp ## run the Python suite alone
	$(PY) -m pytest $(ARGS)

.PHONY: test-rust
test-rust: $(STAMPS)/cargo $(STAMPS)/venv ## run the Rust suite alone, the loom models included
	PYO3_PYTHON=$(abspath $(PY)) cargo test --locked --workspace --quiet
	RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/loom LOOM_MAX_PREEMPTIONS=4 \
	  cargo test --locked --release --package bustapi-core --test models --quiet

##@ Check

.PHONY: fmt
fmt: $(STAMPS)/dev $(STAMPS)/cargo ## format Python and Rust
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	cargo fmt --all

.PHONY: lint
lint: $(STAMPS)/dev $(STAMPS)/cargo ## ruff, cargo fmt, clippy and codespell, changing nothing
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	cargo fmt --all --check
	PYO3_PYTHON=$(abspath $(PY)) cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	git ls-files -z -- ':!crates/*/fuzz/seeds/*' | xargs -0 $(PY) -m codespell_lib

.PHONY: types
types: $(STAMPS)/dev $(STAMPS)/extension ## mypy --strict, pyright over tests/typing, stubtest of the extension
	$(PY) -m mypy
	cd examples/board && $(abspath $(PY)) -m mypy --config-file ../../pyproject.toml board tests
	$(PY) -m pyright --pythonpath $(PY)
	$(PY) -m mypy.stubtest bustapi._bustapi --allowlist tests/typing/stubtest.txt

.PHONY: cov
cov: $(STAMPS)/dev $(STAMPS)/extension ## coverage with branches; fails below the floor in pyproject.toml
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest $(ARGS)
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

.PHONY: docs
docs: $(STAMPS)/docs $(STAMPS)/dev $(STAMPS)/extension $(FLASK_VENV)/stamp ## build docs/_build/html, warnings as errors, and follow every page
	$(PY) -m sphinx --fail-on-warning --keep-going --quiet -b html docs docs/_build/html
	BUSTAPI_DOCS=docs/_build/html BUSTAPI_INSTALL=1 \
	  $(PY) -m pytest tests/test_docs.py tests/test_deploy.py tests/test_reference.py $(ARGS)

.PHONY: compat
compat: $(STAMPS)/dev $(STAMPS)/extension $(FLASK_VENV)/stamp ## Flask's own test suite through the alias, then the same applications beside Flask
	$(PY) tests/compat/flask_suite.py $(ARGS)
	$(PY) -m pytest tests/compat

.PHONY: compat-extensions
compat-extensions: $(STAMPS)/extension ## test suites of extensions, each on Flask and through the alias
	$(PY) tests/compat/extension_suites.py $(ARGS)

.PHONY: compat-legacy
compat-legacy: $(STAMPS)/extension ## test suites of Flask 0.12 to 2.2 and of extensions in legacy mode
	$(PY) tests/compat/legacy_suites.py $(ARGS)

.PHONY: compat-next
compat-next: $(STAMPS)/dev $(STAMPS)/extension $(FLASK_VENV)/stamp ## the suite on the next versions of the dependencies, or without the names that these will lack
	$(PY) tests/compat/next/next_suite.py $(ARGS)

.PHONY: miri
miri: $(STAMPS)/cargo ## run the tests of what threads share under Miri, which sees races of data
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/miri cargo +nightly miri test --locked --package bustapi-core --lib sync

.PHONY: tsan
tsan: $(STAMPS)/cargo ## run the same tests as machine code under ThreadSanitizer, the standard library included
	RUSTFLAGS="-Zsanitizer=thread" CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/tsan \
	  cargo +nightly test -Zbuild-std --target "$$(rustc +nightly -vV | sed -n 's/^host: //p')" --locked --package bustapi-core --lib sync

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## run a fuzz target: T=head, or all of them, FUZZ_SECONDS=60 each
	cd $(FUZZ); export PATH="$(abspath $(dir $(CARGO_FUZZ))):$$PATH" CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/fuzz; \
	targets="$(or $(T),$$(cargo fuzz list))"; \
	for target in $$targets; do \
	  mkdir -p corpus/$$target; \
	  ( set -x; cargo +nightly fuzz run $$target corpus/$$target seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) ); \
	done

.PHONY: bench
bench: $(STAMPS)/dev $(STAMPS)/extension $(FLASK_VENV)/stamp ## CPU per request beside Flask and a C loop, then stages and instruction counts
	$(PY) -m benchmarks.run --flask-python $(abspath $(FLASK_VENV)/bin/python) $(ARGS)
	$(PY) -m benchmarks.stages
	$(PY) -m benchmarks.instructions

.PHONY: drills
drills: $(STAMPS)/dev $(STAMPS)/extension ## memory, waiting views, attacks and all kinds of requests mixed, with the full counts
	DRILL_SCALE=1 $(PY) -m pytest tests/drills $(ARGS)

.PHONY: mutate-specification
mutate-specification: $(STAMPS)/dev $(STAMPS)/extension ## show that the tests of the specification can fail
	$(PY) tests/specification/mutate.py $(ARGS)

##@ Keep

.PHONY: snapshots
snapshots: $(STAMPS)/dev $(STAMPS)/extension $(FLASK_VENV)/stamp ## write again what tests compare with: public names, stubs, the page of the specification
	$(PY) tests/public_api.py
	$(PY) tests/flask_stubs.py $(FLASK_VENV)/bin/python
	$(PY) tests/specification/table.py

.PHONY: changelog
changelog: $(STAMPS)/dev ## print the draft of the next entry from changelog.d/
	$(PY) -m towncrier build --draft --version "$$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)"

.PHONY: lock
lock: ## choose the versions in requirements/*.txt again from the .in files
	$(PYTHON) -m venv .venvs/lock
	.venvs/lock/bin/python -m pip install --quiet uv
	cd requirements && for name in run dev docs flask extensions legacy; do \
	  ../.venvs/lock/bin/uv pip compile --quiet --universal --upgrade --python-version 3.10 --generate-hashes \
	    --no-emit-find-links --custom-compile-command "make lock" $$name.in -o $$name.txt; \
	done

.PHONY: clean
clean: ## remove what was built; the virtual environments stay unless ARGS=all
	rm -rf target build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.*
	find python examples tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f python/bustapi/_bustapi.*.so .venv/stamps/extension .venvs/*/stamps/extension
	$(if $(filter all,$(ARGS)),rm -rf .venv .venvs .cache)

# ---- what the targets need ----

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' \
	  || { printf '%s\n' "$$NO_PYTHON" >&2; exit 1; }
	@$(PYTHON) -c 'import sys, sysconfig; sys.exit(sysconfig.get_config_var("Py_GIL_DISABLED"))' \
	  || { printf '%s\n' "$$NO_FREE_THREADING" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: requirements/run.txt | $(STAMPS)/venv
	$(PY) -m pip install --quiet --require-hashes -r requirements/run.txt
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/run
	$(PY) -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

$(STAMPS)/docs: requirements/docs.txt $(STAMPS)/run
	$(PY) -m pip install --quiet --require-hashes -r requirements/docs.txt
	@touch $@

# `maturin develop` where cargo is; otherwise pip, because then maturin's build backend
# brings a toolchain of its own (unless MATURIN_NO_INSTALL_RUST is set).
$(STAMPS)/extension: $(RUST_SOURCES) $(wildcard Cargo.lock) Cargo.toml pyproject.toml $(wildcard python/wheel.data/*/*) $(STAMPS)/run
	@echo "building the extension (cargo profile $(PROFILE)); the first time takes a minute or two"
	@if command -v cargo >/dev/null; then \
	  set -x; PIP_QUIET=1 VIRTUAL_ENV=$(abspath $(VENV)) $(PY) -m maturin develop --locked --profile $(PROFILE) --quiet; \
	else \
	  set -x; $(PY) -m pip install --no-deps --editable .; \
	fi || { set +x; printf '%s\n' "$$NO_BUILD" >&2; exit 1; }
	@touch $@

$(FLASK_VENV)/stamp: requirements/flask.txt | $(STAMPS)/venv
	$(PYTHON) -m venv $(FLASK_VENV)
	$(FLASK_VENV)/bin/python -m pip install --quiet --require-hashes -r requirements/flask.txt
	@touch $@

$(CARGO_FUZZ): | $(STAMPS)/cargo
	cargo install --quiet --locked --root .cache/cargo-fuzz cargo-fuzz

$(STAMPS)/cargo: | $(STAMPS)/venv
	@command -v cargo >/dev/null || { printf '%s\n' "$$NO_CARGO" >&2; exit 1; }
	@touch $@
