# Two commands on a fresh machine: `make demo` and `make test`. Each installs what it needs into .venv.
.DEFAULT_GOAL := help
.PHONY: help demo demo-gcp serve test test-gcp soak check format clean lock
BIN := .venv/bin

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

demo: .venv/.installed-run ## Make one video through the real facade and a separate worker
	@$(BIN)/python scripts/demo.py

demo-gcp: .venv/.installed-dev ## The demo on Google's emulators, with a wire-level Vertex AI answering
	@$(BIN)/reelbus emulators --project reelbus-demo -- $(BIN)/python scripts/demo.py google

serve: .venv/.installed-run ## Facade and worker; port from PORT, data under REELBUS_DATA_DIR
	@exec $(BIN)/reelbus up

test: .venv/.installed-dev ## Every fast test
	$(BIN)/pytest -n 2 --dist worksteal -m "not emulator" --ignore tests/soak --ignore tests/gcp --ignore tests/vertex

test-gcp: .venv/.installed-dev ## The Google adapters on Google's emulators, and a wire-level Vertex AI
	$(BIN)/pytest -n 2 --dist worksteal -m emulator tests/contract tests/cli
	$(BIN)/pytest -n 2 --dist worksteal tests/gcp tests/vertex

soak: .venv/.installed-dev ## Minutes: 200 jobs at once through two killed workers, the longest films
	$(BIN)/pytest tests/soak

check: .venv/.installed-dev ## Format, lint, types, import rules, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m schemas.export --check

format: .venv/.installed-dev ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Pin the newest allowed versions afresh
	scripts/lock --upgrade

clean: ## Remove everything that was made here: .venv, data of the embedded default, caches
	rm -rf .venv .reelbus build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache reelbus-demo.mp4
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed-run: requirements/run.txt pyproject.toml
	@scripts/bootstrap run

.venv/.installed-dev: requirements/dev.txt pyproject.toml
	@scripts/bootstrap dev
