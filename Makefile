# make                show this
# make demo           serve the example plugins at http://127.0.0.1:8065 (PORT= changes it), installed as anybody does
# make test           run the tests against what is installed: the compiled build, or the pure one without a C compiler
# make test-fast      run those that start no process and use no network, against the sources as they are
# make test-postgres  run tests of the workspace's database over PostgreSQL as well, which comes as a package
# make test-pure      run the tests of the compiled modules as plain Python
# make coverage       run all tests against the sources as they are, count the branches that they pass, in the processes that
#                     they start as well, and fail where these are too few; takes twice the time of `make test`
# make lint           check style, types, imports, generated code and the wire contract
# make bench          measure the gateway beside uvicorn alone and nginx (ROUNDS=, DURATION=, ONLY= change what is measured;
#                     PURE=1 measures it as plain Python, which is not published); other benchmarks by ARGS="WHAT …":
#                     open, parts, instructions, calls, reload, go (loadtests/README.md)
# make performance    run `make bench`, `make load` and the benchmark with many open exchanges, whole, and make
#                     docs/performance.md of their results: half an hour on a machine that does nothing else
# make soak           put all users of the load tests on the gateway for long, kill plugins meanwhile, and tell whether
#                     memory, descriptors, tasks or open exchanges grow (MINUTES=, USERS=)
# make load           measure what a request costs more, with Locust (SCENARIO=, USERS=, DURATION=, ROUNDS=)
# make environments   make what `docs`, `lint` and `test` run in, so that these may run side by side
# make wheels         make the wheels and the sdist in dist/, and serve an example from each in an environment of its own
# make docs           make the documentation as a site, in site/ (docs/index.md is its home)
# make protos         generate the Python code for proto/, and the API client
# make clean          remove everything that was made
#
# Each makes the virtual environment it needs, once. PYTHON= chooses the interpreter it is made with, BUILD_SERVEHTTP=pure or
# =compiled what is built where that is not to depend on the machine.

PYTHON ?= python3
PORT ?= 8065
# Processes that run tests: twice as many as cores, for half of the time they wait for sockets and other processes. Who is
# done takes work from others; before that each has tests that lie together, and so makes fewer fixtures.
CORES := $(shell getconf _NPROCESSORS_ONLN)
WORKERS ?= $(shell expr 2 \* $(CORES))

# Packages are installed by uv, which comes as a package: pip takes four times as long.
UV := .venv-uv/bin/uv
ENVIRONMENT = $(UV) venv --quiet --seed --allow-existing --python $(PYTHON)
INSTALL = $(UV) pip install --quiet --python

BIN := .venv/bin
READY := .venv/.ready
LOADTEST := .venv/.loadtest
DOCS := .venv/.docs
DEMO := .venv-demo/.ready
INSTALLED_BIN := .venv-installed/bin
INSTALLED_NEEDS := .venv-installed/.needs
INSTALLED := .venv-installed/.ready
BUILD_BIN := .venv-build/bin
BUILD := .venv-build/.ready
WHEEL := build/wheel/.ready
SOURCES := $(shell find sdk gateway -name '*.py')

MEASURED := $(if $(PURE),$(LOADTEST),$(INSTALLED))
MEASURED_BIN := $(if $(PURE),$(BIN),$(INSTALLED_BIN))

PYTEST := -m pytest -n $(WORKERS) --dist worksteal

# What is compiled to bytecode once is not compiled again by each of hundreds of processes, whatever the environment says.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help environments demo test test-fast test-postgres test-pure coverage wheels docs lint bench load performance soak protos clean
.DEFAULT_GOAL := help

help:
	@sed -n -e '/^$$/q' -e 's/^# \{0,1\}//p' Makefile

$(UV):
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/python -m pip install --quiet uv

$(READY): pyproject.toml | $(UV)
	$(ENVIRONMENT) .venv
	BUILD_SERVEHTTP=pure $(INSTALL) $(BIN)/python --editable '.[dev]'
	@touch $@

# What is installed, measured and tested is one wheel, made as `pip install .` makes it.
$(WHEEL): pyproject.toml hatch_build.py README.md LICENSE $(SOURCES) | $(UV)
	@echo "Building: a minute or two where there is a C compiler …"
	rm -rf build/wheel
	$(UV) build --quiet --wheel --python $(PYTHON) --out-dir build/wheel
	@touch $@

$(DEMO): $(WHEEL)
	@echo "Installing what the example plugins need …"
	$(ENVIRONMENT) .venv-demo
	$(INSTALL) .venv-demo/bin/python "$$(echo build/wheel/*.whl)[workspace]" fastapi sse-starlette
	$(INSTALL) .venv-demo/bin/python --no-deps --reinstall build/wheel/*.whl
	@touch $@

demo: $(DEMO)
	.venv-demo/bin/servehttp serve examples --port $(PORT)

test: $(INSTALLED)
	$(INSTALLED_BIN)/servehttp --version
	$(INSTALLED_BIN)/python $(PYTEST) $(ARGS)

test-fast: $(READY)
	$(BIN)/python -m pytest -q -n $(CORES) --dist worksteal --fast $(ARGS)

test-postgres: $(READY)
	$(BIN)/python -m pytest -n 2 --postgres -k "postgresql or server" tests/gateway/workspace/store \
		tests/gateway/workspace/embedding/test_session_identity.py tests/gateway/workspace/embedding/test_cleanup.py \
		tests/gateway/workspace/bus tests/integration/test_two_gateways.py \
		tests/integration/test_remote_plugins.py \
		tests/gateway/workspace/domains/test_kv.py tests/gateway/workspace/domains/test_races.py \
		tests/gateway/workspace/domains/test_post_search.py $(ARGS)

test-pure: $(READY)
	$(BIN)/python $(PYTEST) tests/tunnel tests/sdk/asgi tests/sdk/http2 tests/sdk/serve_http tests/sdk/listening \
		tests/sdk/test_headers.py tests/gateway/front tests/gateway/plugins/test_balancer.py tests/test_compiled_build.py $(ARGS)

coverage: $(READY)
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run $(PYTEST) $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

# What the project needs, apart from itself: that is then installed again in seconds.
$(INSTALLED_NEEDS): pyproject.toml | $(WHEEL)
	$(ENVIRONMENT) .venv-installed
	$(INSTALL) $(INSTALLED_BIN)/python "$$(echo build/wheel/*.whl)[dev,loadtest]"
	@touch $@

$(INSTALLED): $(INSTALLED_NEEDS) $(WHEEL)
	$(INSTALL) $(INSTALLED_BIN)/python --no-deps --reinstall build/wheel/*.whl
	@touch $@

$(BUILD): pyproject.toml | $(UV)
	$(ENVIRONMENT) .venv-build
	$(INSTALL) $(BUILD_BIN)/python twine
	@touch $@

# The compiled wheel is the one that is tested and measured: compiling takes long. The pure one is made of the sdist, and has
# the same files, so nothing of this checkout that the sdist lacks is in either of them.
wheels: $(BUILD) $(WHEEL)
	@! ls build/wheel/*-none-any.whl 2>/dev/null || { echo "which is pure: see to a C compiler, and rm -r build/wheel"; exit 1; }
	rm -rf dist
	$(UV) build --quiet --sdist --python $(PYTHON) --out-dir dist
	BUILD_SERVEHTTP=pure $(UV) build --quiet --wheel --python $(PYTHON) --out-dir dist dist/*.tar.gz
	cp build/wheel/*.whl dist
	$(BUILD_BIN)/python .ci/same_files.py dist/*.whl
	$(BUILD_BIN)/twine check --strict dist/*
	PATH="$(CURDIR)/$(dir $(UV)):$$PATH" $(BUILD_BIN)/python .ci/serve_installed.py dist/*

environments: $(DOCS) $(INSTALLED)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python proto/generate.py --check
	$(BIN)/python docs/make_settings.py --check
	$(BIN)/python docs/make_rpcs.py --check
	$(BIN)/python docs/make_rest.py --check
	$(BIN)/python docs/make_hooks.py --check
	$(BIN)/python loadtests/front_page.py --check
	$(BIN)/python sdk/generate --check
	$(BIN)/python -m pytest -q tests/wire/test_contract.py

$(LOADTEST): $(READY)
	BUILD_SERVEHTTP=pure $(INSTALL) $(BIN)/python --editable '.[loadtest]'
	@touch $@

bench: $(MEASURED)
	$(MEASURED_BIN)/python loadtests/bench.py $(ARGS)

load: $(MEASURED)
	$(MEASURED_BIN)/python loadtests/load.py $(ARGS)

performance: $(INSTALLED)
	$(INSTALLED_BIN)/python loadtests/publish.py

soak: $(MEASURED)
	$(MEASURED_BIN)/python loadtests/soak.py $(ARGS)

$(DOCS): $(READY)
	BUILD_SERVEHTTP=pure $(INSTALL) $(BIN)/python --editable '.[docs]'
	@touch $@

docs: $(DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean $(ARGS)

protos: $(READY)
	$(BIN)/python proto/generate.py
	$(BIN)/python sdk/generate

clean:
	rm -rf .coverage* .venv .venv-* .servehttp build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
