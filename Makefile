PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint format bench profile soak clean

run: $(VENV)/server
	@exec $(BIN)/python wsgi.py

test: $(VENV)/tests
	@$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(VENV)/tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/tests
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# make bench ARGS="--only rest,socket --seconds 5"; the table and the options are explained in bench/README.md.
bench: $(VENV)/bench
	@$(BIN)/python -m bench $(ARGS)

# make profile ARGS="rest": where the server's time goes while it is under this load.
profile: $(VENV)/bench
	@$(BIN)/python -m bench.profiler $(ARGS)

# The proofs of tests/ that nothing is lost, at full size: minutes instead of seconds.
soak: $(VENV)/tests
	@SOAK=1 $(BIN)/python -m pytest -m soak $(ARGS)

clean:
	rm -rf $(VENV)

# A .venv without a working pip is what an interrupted start, a missing venv module or a Python that has gone leaves behind.
$(VENV)/server: requirements.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12 run")' && \
		$(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing what the server needs (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/tests: tests/requirements.txt $(VENV)/server
	@echo "Installing what the tests need (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r tests/requirements.txt
	@touch $@

$(VENV)/bench: bench/requirements.txt $(VENV)/tests
	@echo "Installing what the benchmarks need (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r bench/requirements.txt
	@touch $@
