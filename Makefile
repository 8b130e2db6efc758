# Two commands on a fresh machine: `make demo` and `make test`. Each installs what it needs into .venv, with the Python
# that PYTHON= names, or else with python3.
.DEFAULT_GOAL := help
.NOTPARALLEL: # two installations into .venv at once would break it
.PHONY: slow help demo demo-pythons demo-gcp serve node test test-processes test-media test-gcp deploy-check run-deploy-check soak long crash-matrix crash-points chaos chaos-gcp mixed-versions corpus fuzz bench scale image image-check clients check generated format clean lock packages browser check-source pictures install-run install-dev install-browser install-bench install-clients
BIN := .venv/bin
# Two or three times as many processes as the smallest machine has cores: many tests wait for a lease or an emulator.
# Compiled modules are kept, whatever the environment says: the tests start a process hundreds of times.
ALL_TESTS = PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n 4 --dist worksteal --ignore tests/crash --ignore tests/container --ignore tests/browser
PYTEST = $(ALL_TESTS) --ignore tests/mixed
SERIAL = tests/fairness/test_kills.py tests/gcp/test_runbook.py
RUNBOOK = $(BIN)/pytest -q -p no:xdist -m slow tests/gcp/test_runbook.py
CHAOS = $(JOBS:%=--jobs %) $(KILLS:%=--kills %) $(SEED:%=--seed %) $(MINUTES:%=--minutes %)

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: install-run ## Make one video through the real facade and a separate worker; about a minute the first time
	@$(BIN)/python scripts/demo.py

demo-pythons: ## The demo on Python 3.11, 3.12 and 3.13, those that are installed, each in a fresh copy of this folder
	@scripts/demo-pythons

demo-gcp: install-dev ## The demo on Google's emulators, with a wire-level Vertex AI answering
	@$(BIN)/reelbus emulators --project reelbus-demo -- $(BIN)/python scripts/demo.py google

serve: install-run ## Facade and worker; port from PORT, data under REELBUS_DATA_DIR
	@exec $(BIN)/reelbus up

test: install-dev node ## Every kind of behaviour in about 3 minutes, on Google's emulators too where the Google Cloud CLI is installed
	$(PYTEST) -n 6 -m "not slow and not processes and not source and not media" tests

test-processes: install-dev node ## Programs as users start them: command line, Node, examples, power cuts, installation; about 3 minutes
	$(PYTEST) -m "processes and not slow" tests/chaos tests/cli tests/contract tests/e2e tests/evaluation tests/examples tests/fairness tests/films tests/fuzz tests/node tests/power tests/python_client tests/setup tests/telemetry tests/vertex tests/worker

test-media: install-dev ## Pictures and sound: the local renderer, clips that are cut, films, captions, music, timelines, manifests
	$(PYTEST) -n 3 -m "media and not slow" tests/contract tests/films tests/unit

test-gcp: install-dev node ## Only the tests on Google's emulators
	$(PYTEST) -m "emulator and not slow" tests

deploy-check: install-dev ## infra/deploy without a cloud: Terraform, alerts, dashboards, Containerfile, policies; and that each check finds what is broken
	@if scripts/deploy-tools; then $(MAKE) -s run-deploy-check; else [ $$? -eq 3 ]; fi

run-deploy-check:
	.venv-deploy/bin/python -m pytest -q -n 2 --dist loadgroup tests/deploy

node: ## Install what the Node package's tests need; without npm they are skipped, and fail in CI
	@if command -v npm >/dev/null; then $(MAKE) -s publisher/node/node_modules/.package-lock.json; \
	else echo "no npm: the Node package is not tested" >&2; fi

browser: install-browser ## The console in Debian's Chromium: every page, both themes, keyboard only; installs Chromium if root may
	@scripts/find-chromium >/dev/null
	$(BIN)/pytest -q -n 2 --dist worksteal tests/browser

pictures: install-browser ## Make the pictures of the console in the README anew, from a demo of its own
	@scripts/find-chromium >/dev/null
	$(BIN)/python -m tests.browser.pictures

clients: install-clients ## The clients of others and the wheel of ours, against a real facade and worker: OpenAI for Python and Node, LiteLLM, MCP, AsyncAPI's parser
	CLIENTS=1 $(BIN)/pytest -q -n 4 tests/clients

install-clients: install-dev
	$(BIN)/python -m venv --clear build/clients
	build/clients/bin/python -m pip install -qq --no-compile --no-deps --only-binary :all: --require-hashes -r requirements/clients.txt
	npm ci --silent --ignore-scripts --no-audit --no-fund --prefix tests/clients

slow: install-dev node install-clients ## `soak`, `clients` and `mixed-versions` in one run, which takes half of their time: they mostly wait; 6 minutes
	@scripts/beside "CLIENTS=1 $(ALL_TESTS) -n 6 -m slow $(SERIAL:%=--ignore %) tests" "$(RUNBOOK)"

soak: install-dev node ## Minutes: 80 jobs at once through two killed workers, 16 power cuts, the longest films, what waits for leases
	@scripts/beside "$(PYTEST) -n 5 -m slow $(SERIAL:%=--ignore %) tests" "$(RUNBOOK)"

long: install-dev node ## 20 minutes: 200 power cuts, 200 jobs through two killed workers, and a flood of 2,000 on the emulators
	CUTS=50 JOBS=200 FLOOD=2000 $(PYTEST) -m slow tests/power tests/fairness tests/soak/test_many.py

crash-matrix: install-dev ## Kill the worker and the facade at every step of a job; what it cost, and what was lost
	@PYTHONDONTWRITEBYTECODE= scripts/beside "$(BIN)/pytest -q -p no:xdist tests/crash" "$(BIN)/pytest -q -n 2 tests/fairness/test_kills.py"

crash-points: install-dev ## List the steps of a job anew, after they have changed
	$(BIN)/python -m tests.crash.record

chaos: install-dev ## Kill, stop, cut and fill up a house at random; JOBS= KILLS= SEED= MINUTES=, see docs/chaos.md
	$(BIN)/python -m tests.chaos $(CHAOS)

chaos-gcp: install-dev ## The same on Google's emulators, smaller
	$(BIN)/python -m tests.chaos --house google $(CHAOS)

mixed-versions: install-dev ## This version and the release before on one set of stores: what either begins, either finishes
	$(BIN)/pytest -q -n 3 --dist worksteal tests/mixed

image: ## Build the container image localhost/reelbus with buildah; BASE= another base image
	@scripts/image

image-check: install-dev ## Start the image that `make image` built: it makes a video, has no rights, and stops in time; as root
	$(BIN)/pytest -q -p no:xdist tests/container

corpus: install-dev ## Record what a release stores and sends, for later versions to read; NAME=0.2.0
	$(BIN)/python -m tests.corpus.record tests/corpus/$(or $(NAME),$(error NAME= the release))

fuzz: install-dev ## Ask the facade everything that its OpenAPI document allows, and more; SECONDS=60 SEED=
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

bench: install-bench ## Measure against what one would use instead, and write docs/performance.md; ONLY=name
	$(BIN)/python -m bench $(ONLY)

scale: install-bench ## Redo the figures and pictures of docs/scale.md from the project's own constants
	$(BIN)/python -m bench.scale_pages

check: install-dev node ## Format, lint, types, import rules, style, generated files and pictures, a test for each module
	@scripts/beside "$(MAKE) --no-print-directory check-source" "$(BIN)/mypy"

check-source:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m schemas.export --check
	$(BIN)/python -m publisher.facade.export --check
	$(BIN)/python scripts/client_models.py --check
	$(BIN)/python scripts/draw_architecture.py --check
	$(BIN)/python scripts/tests_of.py --check
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n 2 -m source tests/unit
	@if command -v npm >/dev/null; then npm run --silent check --prefix publisher/node; \
	elif [ -n "$$CI" ]; then echo "no npm: the Node package is not checked" >&2; exit 1; \
	else echo "no npm: the Node package is not checked" >&2; fi

generated: install-dev node ## Write all that is generated: JSON Schemas, Python models, Node types and bundle, pictures; `make check` compares
	$(BIN)/python -m schemas.export
	$(BIN)/python -m publisher.facade.export
	$(BIN)/python scripts/client_models.py
	$(BIN)/python scripts/draw_architecture.py
	@if command -v npm >/dev/null; then npm run --silent types --prefix publisher/node && npm run --silent bundle --prefix publisher/node; \
	else echo "no npm: types and bundle of the Node package are not written" >&2; fi

format: install-dev ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Pin the newest allowed versions afresh
	scripts/lock --upgrade

packages: install-dev ## The wheels of reelbus and of the Python client and, with npm, the Node package: dist/
	@scripts/packages

clean: ## Remove everything that was made here: .venv, data of the embedded default, caches
	rm -rf .venv .venv-deploy .venv-checkov publisher/node/node_modules .reelbus build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .mixed reelbus-demo.mp4
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-run install-dev install-browser install-bench: # scripts/bootstrap does nothing if it is done already
	@scripts/bootstrap $(@:install-%=%)

publisher/node/node_modules/.package-lock.json: publisher/node/package-lock.json
	@npm ci --prefix publisher/node --include dev --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@
