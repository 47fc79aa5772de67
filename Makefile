# Lakesynth: `make demo` shows it, `make test` proves it; both set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
LIGHT := .venv-light
LIGHT_STAMP := $(LIGHT)/.ready
DEMO := build/demo
DEMO_CONFIG := conf/tables/patients_demo.yaml

export PYSPARK_PYTHON := $(CURDIR)/$(BIN)/python
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

.PHONY: setup
setup: java $(STAMP) ## set up Java, the virtual environment and the Horovod wheel (idempotent)

.PHONY: java
java:
	@deploy/java.sh

# torch first: another package must not choose its build. Horovod last: it is built against that torch.
$(STAMP): requirements/build.txt requirements/lock.txt deploy/horovod/build.sh deploy/venv.sh pyproject.toml
	deploy/venv.sh $(PYTHON) $(VENV)
	@touch $@

.PHONY: demo
demo: setup ## make a lake table, and a private synthetic copy of it, stage by stage through spark-submit
	deploy/demo.sh $(DEMO) $(DEMO_CONFIG)

.PHONY: test
test: setup ## everything that CI runs, two suites at a time
	$(MAKE) --jobs=2 --output-sync=target e2e unit lint arch light ledger spark conformance-met train

.PHONY: check
check: setup lint arch unit ## what to run before every commit

.PHONY: lint
lint: setup ## ruff and mypy
	ruff check .
	ruff format --check .
	mypy

.PHONY: arch
arch: setup ## who may import whom
	lint-imports

.PHONY: light
light: $(LIGHT_STAMP) ## unit tests of what needs no Spark, torch or Horovod, in an environment without them
	$(LIGHT)/bin/python -m pytest tests/unit/test_light.py tests/unit/core tests/unit/privacy tests/unit/config tests/unit/prepare tests/unit/scan

$(LIGHT_STAMP): requirements/lock.txt pyproject.toml
	$(PYTHON) -m venv --clear $(LIGHT)
	grep -vE '^(torch|opacus|pyspark|mlflow|pandas|scikit-learn|matplotlib|nvidia)' requirements/lock.txt > $(LIGHT)/constraints.txt
	$(LIGHT)/bin/python -m pip install --quiet --constraint $(LIGHT)/constraints.txt --editable . pytest pytest-timeout hypothesis python-stdnum
	@touch $@

.PHONY: unit
unit: setup ## unit and statistical tests
	python -m pytest tests/unit tests/statistical

# Without a server the tests say that they skip, or fail where CI=true.
.PHONY: postgresql
postgresql:
	@deploy/postgresql.sh >/dev/null || true

.PHONY: ledger
ledger: setup postgresql ## tests of the book on SQLite and on a real PostgreSQL server, by real processes
	python -m pytest tests/ledger

.PHONY: spark
spark: setup ## tests on a real Spark
	python -m pytest tests/spark

.PHONY: conformance
conformance: setup ## every type and spelling there and back, and the page of the docs that lists them
	python -m pytest tests/conformance

.PHONY: conformance-met
conformance-met: setup ## the conformance that is met: all but what is marked unsettled
	python -m pytest tests/conformance -m "not unsettled"

.PHONY: train
train: setup ## tests on real Horovod ranks
	python -m pytest tests/train

.PHONY: e2e
e2e: setup ## whole runs, as a user would start them
	python -m pytest tests/e2e

.PHONY: format
format: setup ## format the code
	ruff format .
	ruff check --fix .

.PHONY: mlflow
mlflow: setup ## look at the demo's runs
	mlflow ui --backend-store-uri sqlite:///$(DEMO)/work/mlflow.db

.PHONY: clean
clean: ## remove the demo and built files; keeps the environment
	rm -rf build dist
