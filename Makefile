# What can be done here? `make help` lists it. Needed beforehand: git, make, python3 with venv, ca-certificates.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-apart test check bench screenshots soak access lock clean

PYTHON ?= python3
export PYTHON
BIN := .venv/bin
LOCKS := requirements/bootstrap.txt requirements/node.txt package-lock.json pyproject.toml scripts/setup $(wildcard scripts/build_*.py)
DATA := $(or $(CARERECORD_DATA_DIR),.carerecord)

help: ## Say what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 22

setup: .venv/.run ## Install all that carerecord runs on (needs no root, writes only inside this folder)
	@echo 'carerecord is set up.'

demo: .venv/.run ## Start carerecord with a pretend region: PORT=8080 PEOPLE=300 REAL=folder of FHIR bundles
	@exec $(BIN)/python -m carerecord demo $(if $(PORT),--port $(PORT)) $(if $(PEOPLE),--people $(PEOPLE)) $(if $(REAL),--real $(REAL)) $(ARGS)

demo-apart: .venv/.run ## The same with each service in a process of its own: stop any of them and look
	@$(MAKE) demo ARGS="--apart $(ARGS)"

test: .venv/.dev ## Run the tests: ARGS="tests/kit -x" for some of them
	@scripts/tests -m 'not soak' $(ARGS)

soak: .venv/.dev ## Run the long forms of the tests of endurance (hours)
	@scripts/tests -m soak $(ARGS)

check: .venv/.dev ## Lint, types, who may import whom, and the rules of the house
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

bench: .venv/.dev ## Measure what is promised: ONLY="federation" for one
	@scripts/benches $(ONLY)

screenshots: .venv/.dev ## Take the pictures of the README anew
	@scripts/chromium
	@$(BIN)/python scripts/screenshots.py

access: .venv/.run ## Write who sees what anew from the rules of policy
	@$(BIN)/python -m carerecord access > docs/reference/access.md

lock: .venv/.dev ## Choose versions anew after a change of requirements/*.in or package.json: UPGRADE=1 for newer ones
	@scripts/lock

clean: ## Remove what set-up made; the data folder stays
	rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache "$(DATA)/cache"

.venv/.run: $(LOCKS) requirements/run.txt
	@scripts/setup run

.venv/.dev: $(LOCKS) requirements/run.txt requirements/dev.txt
	@scripts/setup dev
