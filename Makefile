PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint format sql client web screenshots bench profile soak fuzz requirements audit dist dist-test lint-image swagger-ui postman clean

run: $(VENV)/server
	@exec $(BIN)/python wsgi.py

# Two workers a core, since the tests wait as often as they compute. A worker keeps to its files, and so to the server
# that the tests of a file share, until it helps another out.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))')
test: $(VENV)/tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/tests
	@$(BIN)/python sql/build.py --check
	@$(BIN)/python clients/web/vendor.py --check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/tests
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# migrations.sql from the files of sql/.
sql:
	@$(PYTHON) sql/build.py

# clients/js: the types of the wire from the server's documents, then what is built. What it makes is checked in.
client: $(VENV)/tests clients/js/node_modules/.package-lock.json
	@mkdir -p $(VENV)/documents && $(BIN)/python clients/js/scripts/documents.py $(VENV)/documents
	@cd clients/js && node scripts/types.mjs ../../$(VENV)/documents/openapi.json ../../$(VENV)/documents/asyncapi.json && npm run --silent build

clients/js/node_modules/.package-lock.json: clients/js/package-lock.json
	@cd clients/js && npm ci --silent && touch node_modules/.package-lock.json

# chat/web/vendor: copies of the client library, Preact and htm. After `make client`, and after a new version of either.
web: $(VENV)/tests clients/web/node_modules/.package-lock.json
	@$(BIN)/python clients/web/vendor.py

clients/web/node_modules/.package-lock.json: clients/web/package-lock.json
	@cd clients/web && npm ci --silent && touch node_modules/.package-lock.json

# docs/images: what the README shows of the web client, from a server with a small talk in it.
screenshots: $(VENV)/tests
	@$(BIN)/python -m tests.web.screenshots

# make bench ARGS="--only rest,socket --seconds 5"; the table and the options are explained in bench/README.md.
bench: $(VENV)/bench
	@$(BIN)/python -m bench $(ARGS)

# make profile ARGS="rest": where the server's time goes while it is under this load.
profile: $(VENV)/bench
	@$(BIN)/python -m bench.profiler $(ARGS)

# The proofs of tests/ that nothing is lost, at full size: minutes instead of seconds.
soak: $(VENV)/tests
	@SOAK=1 $(BIN)/python -m pytest -m soak $(ARGS)

# Requests at random from the OpenAPI document, many more than in `make test`, and others every time.
fuzz: $(VENV)/tests
	@FUZZ=1 $(BIN)/python -m pytest -n auto tests/http/test_fuzz.py $(ARGS)

# The *.txt are made from the *.in beside them: everything that gets installed, for every platform, with its hashes.
# What is pinned already stays; `make requirements ARGS=--upgrade` takes the newest that the direct pins allow.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make requirements" $(VENV)/tools/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-emit-index-url --annotation-style line $(ARGS)

requirements: $(VENV)/tools/installed
	@$(COMPILE) requirements.in -o requirements.txt
	@$(COMPILE) tests/requirements.in -c requirements.txt -o tests/requirements.txt
	@$(COMPILE) tests/tools.in -o tests/tools.txt
	@$(COMPILE) bench/requirements.in -c tests/requirements.txt -o bench/requirements.txt

# --strict: a package that could not be looked up is a failure, not a pass.
audit: $(VENV)/tools/installed
	@$(VENV)/tools/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.txt -r tests/requirements.txt -r tests/tools.txt -r bench/requirements.txt $(ARGS)

# A wheel in dist/: `pipx run --spec dist/chat-*.whl chat`, or `uvx --from dist/chat-*.whl chat`.
dist: $(VENV)/tools/installed
	@rm -rf dist
	@$(VENV)/tools/bin/uv build --quiet --wheel --out-dir dist
	@ls dist/*.whl

dist-test: dist $(VENV)/tests
	@DIST=1 $(BIN)/python -m pytest -p no:xdist tests/deploy/test_wheel.py $(ARGS)

# What /docs shows, taken over from npm: `make swagger-ui VERSION=5.36.0`.
SWAGGER_UI := chat/web/vendor/swagger-ui
swagger-ui: VERSION ?= $(shell cat $(SWAGGER_UI)/VERSION)
swagger-ui:
	@cd $(SWAGGER_UI) && npm pack --silent swagger-ui-dist@$(VERSION) >/dev/null && \
		files="LICENSE NOTICE swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css" && \
		tar -xzf swagger-ui-dist-$(VERSION).tgz --strip-components=1 $$(printf 'package/%s ' $$files) && \
		rm swagger-ui-dist-$(VERSION).tgz && echo $(VERSION) >VERSION && sha256sum $$files >SHA256SUMS

# The Postman collection from the OpenAPI document; a test says when it is stale.
postman: $(VENV)/server
	@$(BIN)/python clients/postman/build.py

# The Dockerfile; compose.yaml and the rest of deploy/ are read by tests/deploy.
lint-image: $(VENV)/tools/installed
	@$(VENV)/tools/bin/hadolint Dockerfile

clean:
	rm -rf $(VENV) dist

# A .venv without a working pip is what an interrupted start, a missing venv module or a Python that has gone leaves behind.
$(VENV)/server: requirements.txt
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12 run")' && \
		$(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing what the server needs (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/tests: tests/requirements.txt $(VENV)/server
	@echo "Installing what the tests need (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r tests/requirements.txt
	@touch $@

# A virtualenv of its own: the tools' dependencies are neither the server's nor the tests'.
$(VENV)/tools/installed: tests/tools.txt $(VENV)/server
	@$(BIN)/python -m venv --clear $(VENV)/tools
	@$(VENV)/tools/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r tests/tools.txt
	@touch $@

$(VENV)/bench: bench/requirements.txt $(VENV)/tests
	@echo "Installing what the benchmarks need (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r bench/requirements.txt
	@touch $@
