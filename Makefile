# make demo   serve the example plugins at http://127.0.0.1:8065 (PORT= changes it)
# make test   run the tests
# make lint   check style, types, imports, generated code and the wire contract
# make bench  measure the gateway beside uvicorn alone and nginx (ROUNDS=, DURATION=, ONLY= change what is measured)
# make load   measure what a request costs more, with Locust (SCENARIO=, USERS=, DURATION=, ROUNDS=)
# make bench-go  measure calls from Go to our Python processes (ARGS="-benchtime=5s -bench=ServeHTTP" goes to go test)
# make protos generate the Python code for proto/, and the API client
# make clean  remove everything that was made
#
# Each makes the virtual environment it needs, once. PYTHON= chooses the interpreter it is made with.

PYTHON ?= python3
PORT ?= 8065
WORKERS ?= 2

BIN := .venv/bin
READY := .venv/.ready
LOADTEST := .venv/.loadtest

.PHONY: demo test lint bench bench-go load protos clean
.DEFAULT_GOAL := test

$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/servehttp serve examples --port $(PORT)

test: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python proto/generate.py --check
	$(BIN)/python docs/make_settings.py --check
	$(BIN)/python sdk/generate --check
	$(BIN)/python -m pytest -q tests/wire/test_contract.py

$(LOADTEST): $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[loadtest]'
	@touch $@

bench: $(LOADTEST)
	$(BIN)/python loadtests/bench.py $(ARGS)

bench-go: $(READY)
	PYTHONPATH=tests $(BIN)/python -m interop.go_benchmarks $(ARGS)

load: $(LOADTEST)
	$(BIN)/python loadtests/load.py $(ARGS)

protos: $(READY)
	$(BIN)/python proto/generate.py
	$(BIN)/python sdk/generate

clean:
	rm -rf .venv .servehttp build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
