# Everything sets itself up in .venv: `make demo` and `make test` work in a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# Threads that wait asleep: two test workers and a browser share the processors.
export OMP_WAIT_POLICY ?= PASSIVE

# What `make bench` measures besides the explanations; each rewrites its page in benchmarks/.
BENCHMARKS := relevance conservation regions dream invariance health contours surfaces make metrics anchors detections alike training

.PHONY: demo test test-slow lint bench clean

demo: .venv/.installed
	$(BIN)/pellucid explain example:cat example:coffee --out pellucid-report

test: $(READY) lint
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(READY)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m slow

lint: $(READY)
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m benchmarks
	for each in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$each || exit 1; done

.venv/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(READY): .venv/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

clean:
	rm -rf .venv pellucid-report .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
