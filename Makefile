# `make` needs CPython 3.8 or newer with venv, and a package index; everything else it gets itself, into .venv.
PYTHON ?= python3
PYTEST ?= .venv/bin/python -m pytest -q
LINTED := agent hooks sitecustomize tests benchmarks examples .ci

.PHONY: help demo test check lint types format bench clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

demo: .venv/ready-demo ## three unmodified apps in two versions, on this machine, in a minute and a half
	.venv/bin/python examples/demo/run.py

test: .venv/ready-test ## all tests
	$(PYTEST) -n 4

check: lint types ## lint, types and the fast tests: under 3 minutes
	$(PYTEST) -n 4 -m "not slow" tests/repo tests/unit tests/contract

lint: .venv/ready-test
	.venv/bin/ruff check $(LINTED)
	.venv/bin/ruff format --check $(LINTED)

types: .venv/ready-test
	.venv/bin/mypy

format: .venv/ready-test ## put the code into shape
	.venv/bin/ruff check --fix $(LINTED)
	.venv/bin/ruff format $(LINTED)

bench: .venv/ready-test ## the figures of the README
	.venv/bin/python benchmarks/everything.py

clean: ## remove what make made
	rm -rf .venv .demo build dist agent/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/ready-demo .venv/ready-test: setup.cfg examples/demo/requirements.txt .ci/venv.py
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Name a CPython 3.8 or newer: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Preparing .venv ..."
	@$(PYTHON) .ci/venv.py $(@:.venv/ready-%=%)
