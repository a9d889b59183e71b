# Everything a user or maintainer runs. The environments are made, from the lock files, when needed.

PYTHON ?= python3
IMAGE  ?= tests/data/astronaut.jpg
PORT   ?= 5000
DATA   ?= ../shared/faces

export PYTHONPATH := layers/inference/python:functions:.
export PYTHONDONTWRITEBYTECODE :=

LOCAL := .venv/local/bin
DEV   := .venv/dev/bin
TRAIN := .venv/train/bin
UV    := .venv/uv/bin/uv

.PHONY: help predict serve test lint format events train lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

predict: $(LOCAL)/.ready ## Classify IMAGE=photo.jpg through the Lambda handler; prints the response
	@$(LOCAL)/python -m scripts.predict "$(IMAGE)"

serve: $(LOCAL)/.ready ## Serve the API on localhost, PORT=5000
	@$(LOCAL)/uvicorn predict.app:app --host 127.0.0.1 --port $(PORT) --no-access-log

test: $(DEV)/.ready $(TRAIN)/.ready ## Run every test, with coverage
	$(DEV)/python -m pytest
	$(TRAIN)/python -m pytest tests/training -o addopts= -W default

lint: $(DEV)/.ready ## Check format, style and types
	$(DEV)/ruff format --check .
	$(DEV)/ruff check .
	$(DEV)/mypy

format: $(DEV)/.ready ## Mend format and style
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

events: $(LOCAL)/.ready ## Write events/ anew from the pictures in tests/data
	$(LOCAL)/python -m scripts.events

train: $(TRAIN)/.ready ## Train, calibrate, export and evaluate on DATA=folder (hours)
	$(TRAIN)/python -m training "$(DATA)"

lock: $(UV) ## Pin the newest versions of requirements/*.in, with hashes
	for name in uv run s3_upload local dev train; do $(UV) pip compile --quiet --universal \
	    --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade \
	    --override requirements/overrides.txt --custom-compile-command "make lock" \
	    requirements/$$name.in -o requirements/$$name.txt || exit 1; done

clean: ## Remove the environments and all that tools left
	rm -rf .venv .aws-sam .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

# uv installs ten times as fast as pip. Bytecode is compiled here, or each start would do it again.
$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 ...")'
	@$(PYTHON) -m venv .venv/uv
	@.venv/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt >&2
	@touch $@

.venv/%/bin/.ready: requirements/%.txt | $(UV)
	@echo "Installing .venv/$* ..." >&2
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv/$*
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv/$* $< >&2
	@touch $@
