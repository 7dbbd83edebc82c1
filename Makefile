# make                show this
# make demo           serve the example plugins at http://127.0.0.1:8065 (PORT= changes it)
# make test           run the tests against a compiled build, which is what ships (plain Python where there is no C compiler)
# make test-postgres  run tests of the workspace's database over PostgreSQL as well, which comes as a package
# make test-pure      run the tests of the compiled modules as plain Python
# make coverage       tell which branches the tests passed that were run with COVERAGE=1 (by `test` and `test-pure`), and
#                     fail where these are too few
# make lint           check style, types, imports, generated code and the wire contract
# make bench          measure the gateway, compiled, beside uvicorn alone and nginx (ROUNDS=, DURATION=, ONLY= change what is
#                     measured; PURE=1 measures it as plain Python, and needs no C compiler); other benchmarks by
#                     ARGS="WHAT …": open, parts, instructions, calls, go (loadtests/README.md)
# make load           measure what a request costs more, with Locust (SCENARIO=, USERS=, DURATION=, ROUNDS=)
# make docs           make the documentation as a site, in site/ (docs/index.md is its home)
# make protos         generate the Python code for proto/, and the API client
# make clean          remove everything that was made
#
# Each makes the virtual environment it needs, once. PYTHON= chooses the interpreter it is made with.

PYTHON ?= python3
PORT ?= 8065
# Processes that run tests: twice as many as cores, for half of the time they wait for sockets and other processes. Who is
# done takes work from others; before that each has tests that lie together, and so makes fewer fixtures.
WORKERS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))

BIN := .venv/bin
READY := .venv/.ready
LOADTEST := .venv/.loadtest
DOCS := .venv/.docs
COMPILED_NEEDS := .venv-compiled/.needs
COMPILED := .venv-compiled/.ready
SOURCES := $(shell find sdk gateway -name '*.py')

MEASURED := $(if $(PURE),$(LOADTEST),$(COMPILED))
MEASURED_BIN := $(if $(PURE),$(BIN),.venv-compiled/bin)

# Tests run slower so, by a quarter.
MEASURING := $(if $(COVERAGE),-m coverage run)

# Empty where nothing can be compiled.
CAN_COMPILE := $(shell command -v cc >/dev/null && $(PYTHON) -c \
	'import os, sysconfig; os.path.exists(sysconfig.get_path("include") + "/Python.h") and print("yes")')
TESTED := $(if $(CAN_COMPILE),$(COMPILED),$(READY))
TESTED_BIN := $(if $(CAN_COMPILE),.venv-compiled/bin,$(BIN))

# What is compiled to bytecode once is not compiled again by each of hundreds of processes, whatever the environment says.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help demo test test-postgres test-pure coverage docs lint bench load protos clean
.DEFAULT_GOAL := help

help:
	@sed -n -e '/^$$/q' -e 's/^# \{0,1\}//p' Makefile

$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/servehttp serve examples --port $(PORT)

test: $(TESTED)
	@$(if $(CAN_COMPILE),:,echo "No C compiler or no headers of Python here (Debian: gcc, python3-dev): tested as plain Python.")
	EXPECT_COMPILED=$(CAN_COMPILE) $(TESTED_BIN)/python $(MEASURING) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-postgres: $(READY)
	$(BIN)/python -m pytest -n 2 --postgres -k "postgresql or server" tests/gateway/workspace/store \
		tests/gateway/workspace/embedding/test_identity.py tests/gateway/workspace/embedding/test_cleanup.py \
		tests/gateway/workspace/domains/test_kv.py tests/gateway/workspace/domains/test_post_search.py $(ARGS)

test-pure: $(READY)
	$(BIN)/python $(MEASURING) -m pytest -n $(WORKERS) tests/tunnel tests/sdk/asgi tests/sdk/test_headers.py \
		tests/gateway/front tests/test_compiled_build.py $(ARGS)

coverage: $(READY)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

# What the project needs, and what it is built with, apart from the build: that is then made again in a minute.
$(COMPILED_NEEDS): pyproject.toml
	@test -n "$(CAN_COMPILE)" || { echo "a C compiler and Python's headers are needed (Debian: gcc, python3-dev), or PURE=1"; exit 1; }
	$(PYTHON) -m venv .venv-compiled
	.venv-compiled/bin/python -m pip install --quiet '.[dev,loadtest]'
	@touch $@

$(COMPILED): $(COMPILED_NEEDS) hatch_build.py $(SOURCES)
	HATCH_BUILD_HOOKS_ENABLE=1 .venv-compiled/bin/python -m pip install --quiet --no-deps --no-build-isolation \
		--force-reinstall .
	@touch $@

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
	$(BIN)/python sdk/generate --check
	$(BIN)/python -m pytest -q tests/wire/test_contract.py

$(LOADTEST): $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[loadtest]'
	@touch $@

bench: $(MEASURED)
	$(MEASURED_BIN)/python loadtests/bench.py $(ARGS)

load: $(MEASURED)
	$(MEASURED_BIN)/python loadtests/load.py $(ARGS)

$(DOCS): $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

docs: $(DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --clean $(ARGS)

protos: $(READY)
	$(BIN)/python proto/generate.py
	$(BIN)/python sdk/generate

clean:
	rm -rf .coverage* .venv .venv-compiled .servehttp build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
