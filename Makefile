# All commands for users and maintainers. Each command creates the environment that it needs from a lock file.

PYTHON   ?= python3
IMAGE    ?= tests/data/astronaut.jpg
PORT     ?= 5000
EVENT    ?= events/predict_multipart_http_api.json
FUNCTION ?= $(if $(findstring s3_,$(EVENT)),S3UploadFunction,PredictFunction)
DATA     ?= ../shared/faces
MINUTES  ?= 10
SBOM     ?= sbom.json
DIR      ?= tests/data
AUTH     ?= NONE
KEEP     ?= 10
OUT      ?= audit-report

export PYTHONPATH := layers/inference/python:functions:.
export PYTHONDONTWRITEBYTECODE :=

LOCAL := .venv/local/bin
DEV   := .venv/dev/bin
SAM   := SAM_CLI_TELEMETRY=0 $(DEV)/sam
TRAIN := .venv/train/bin
UV    := .venv/uv/bin/uv


.PHONY: $(shell sed -n 's/^\([a-z0-9-]*\):.*\#\# .*/\1/p' $(MAKEFILE_LIST))

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

predict: $(LOCAL)/.ready ## Classify IMAGE=photo.jpg through the Lambda handler; prints the response
	@$(LOCAL)/python -m scripts.predict "$(IMAGE)"

serve: $(LOCAL)/.ready ## Serve the API on localhost, PORT=5000
	@$(LOCAL)/ethnicity serve --port $(PORT)

audit: $(LOCAL)/.ready ## Audit the face pictures in DIR; OUT=folder, ARGS=options
	@$(LOCAL)/ethnicity audit "$(DIR)" --out "$(OUT)" $(ARGS)

test: $(DEV)/.ready $(LOCAL)/.ready ## Run the tests with coverage, on all cores
	$(DEV)/python -m pytest

test-training: $(TRAIN)/.ready ## Run the training tests, which need TensorFlow
	$(TRAIN)/python -m pytest tests/training -n 2 -o addopts= -W default

lint: $(DEV)/.ready .venv/checkov/bin/.ready words ## Check format, style, types, wording and the stack
	$(DEV)/ruff format --check .
	$(DEV)/ruff check .
	$(DEV)/lint-imports
	$(DEV)/mypy
	rm -rf .venv/stacks && $(DEV)/python -m tests.stack .venv/stacks
	$(DEV)/cfn-lint --append-rules cfn_lint_serverless.rules --regions eu-west-1 -- .venv/stacks/*.json
	.venv/checkov/bin/checkov --skip-download --compact --quiet --framework cloudformation --directory .venv/stacks

# codespell looks single words up in its own list and in ours; the expression lets it see our phrases too.
words: $(DEV)/.ready ## Check spelling, and the words and phrases of .ci/wording.txt
	@$(DEV)/codespell --dictionary .ci/wording.txt \
	    --regex "(?i:\b(?:$$(sed 's/->.*//' .ci/wording.txt | paste -sd'|' -))\b)|[\w'’-]+" $(or $(FILES),. .ci/* .github/*)

format: $(DEV)/.ready ## Correct format and style where ruff can
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

events: $(LOCAL)/.ready ## Rewrite events/ from the pictures in tests/data
	$(LOCAL)/python -m scripts.events

screenshots: $(DEV)/.ready ## Take the documentation's screenshots; needs Chromium
	$(DEV)/python -m scripts.screenshots

base: ## Pull the base image by its digest; PLATFORM=linux/arm64 for another architecture
	@image=$$(sed -n 's/^FROM //p' functions/base/Dockerfile); tag=$${image%@*}; \
	if docker pull --quiet $(if $(PLATFORM),--platform $(PLATFORM)) "$$image"; then docker tag "$$image" "$$tag"; \
	elif docker image inspect "$$tag" >/dev/null 2>&1; then echo "WARNING: the pinned base image cannot be pulled; building on the local $$tag" >&2; \
	else exit 1; fi

image: base $(DEV)/.ready ## Build the functions' images with SAM and print the size of their layers
	$(SAM) build --cached
	$(SAM) build --config-env audit
	@for function in predict s3upload auditworker; do \
	    docker history --human=false --format '{{.Size}} {{.CreatedBy}}' $${function}function:latest \
	    | awk -v name=$$function '{size = $$1; $$1 = ""; printf "%-12s%7.1f MB %s\n", name, size / 1e6, substr($$0, 1, 90)}'; \
	done

local: image ## Serve the API from its image with sam local start-api; PORT=5000
	$(SAM) local start-api --skip-pull-image --port $(PORT)

invoke: image ## Invoke FUNCTION in its image with EVENT=events/....json
	$(SAM) local invoke $(FUNCTION) --skip-pull-image --event "$(EVENT)" \
	    $(if $(filter S3%,$(FUNCTION)),--parameter-overrides EnableS3Variant=true)

e2e-docker: base $(DEV)/.ready ## Test the images; needs a Docker daemon
	$(DEV)/python -m pytest tests/docker -o addopts=--import-mode=importlib

arm64: $(DEV)/.ready ## Install and trim the arm64 wheels as an arm64 image does, on any machine
	$(DEV)/python -m scripts.arm64

repositories: $(DEV)/.ready ## Scan STACK's images on push and keep the last KEEP=10 of each function
	@$(DEV)/python -m scripts.repositories "$(STACK)" "$(KEEP)"

smoke: $(DEV)/.ready ## Check every answer of a deployment; URL=… AUTH=AWS_IAM or STACK="name ..."
	@$(DEV)/python -m scripts.smoke --url "$(URL)" --auth "$(AUTH)" --stack $(STACK)

fuzz: .venv/fuzz/bin/.ready ## Fuzz the service for MINUTES=10; findings go to .fuzz
	.venv/fuzz/bin/python -m tests.fuzz.seeds
	.venv/fuzz/bin/python -m tests.fuzz .fuzz $$((60 * $(MINUTES)))

audit-dependencies: $(DEV)/.ready ## Check the run-time packages for known vulnerabilities
	$(DEV)/python -m scripts.vulnerabilities

sbom: $(DEV)/.ready ## Write the run-time packages as a CycloneDX SBOM to SBOM=sbom.json
	cat requirements/functions.txt requirements/predict.txt requirements/s3.txt requirements/serve.txt \
	| $(DEV)/cyclonedx-py requirements --output-reproducible --output-file "$(SBOM)" -

train: $(TRAIN)/.ready ## Train, calibrate, export and evaluate on DATA=folder (hours; QUICK=1 for a short trial)
	$(if $(QUICK),rm -rf .training/quick)
	$(TRAIN)/python -m training "$(DATA)" $(if $(QUICK),--quick --work .training/quick --out .training/quick)

evaluate: $(TRAIN)/.ready ## Evaluate the served model on DATA's test pictures; writes report, plots and card
	$(TRAIN)/python -m training.evaluate "$(DATA)"

bench: $(DEV)/.ready .venv/bench/bin/.ready .venv/deepface/bin/.ready ## Measure speed, memory and cost against other systems; writes benchmarks/RESULTS.md
	$(DEV)/python -m benchmarks.speed

bench-photos: $(TRAIN)/.ready ## Measure detection, false alarms and accuracy on DATA, FACELESS and STRANGERS photos
	$(TRAIN)/python -m benchmarks.photos "$(DATA)" $(if $(FACELESS),--faceless "$(FACELESS)") $(if $(STRANGERS),--strangers "$(STRANGERS)")

bench-hostile: $(DEV)/.ready ## Measure time and memory of the most expensive files we could construct
	$(DEV)/python -m benchmarks.hostile

reference: $(TRAIN)/.ready ## Fit the audit's reference on evaluation/selections.npz (after make evaluate)
	OPENBLAS_NUM_THREADS=1 $(TRAIN)/python -m training.reference

bench-audit: $(TRAIN)/.ready ## Measure the audit's error on sets of known composition and outcome; writes benchmarks/AUDIT.md
	OPENBLAS_NUM_THREADS=1 $(TRAIN)/python -m benchmarks.audit

notebook: $(DEV)/.ready ## Execute docs/teaching.ipynb, in place
	PYTHONPATH="$(CURDIR)/layers/inference/python" $(DEV)/jupyter execute --inplace docs/teaching.ipynb

lock: $(UV) ## Pin the newest versions of requirements/*.in, with hashes
	for name in uv functions predict s3 serve local dev train checkov fuzz bench deepface; do $(UV) pip compile --quiet --universal \
	    --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade \
	    --override requirements/overrides.txt --custom-compile-command "make lock" \
	    requirements/$$name.in -o requirements/$$name.txt || exit 1; done

clean: ## Remove the environments and all files left by tools
	rm -rf .venv .aws-sam .bench .coverage .fuzz .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# uv installs ten times as fast as pip. Bytecode is compiled here, so that no start has to do it.
$(UV): requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 ...")'
	@$(PYTHON) -m venv .venv/uv
	@.venv/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt >&2
	@touch $@

.venv/%/bin/.ready: requirements/%.txt | $(UV)
	@echo "Installing .venv/$* ..." >&2
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv/$*
	@$(UV) pip sync --quiet --compile-bytecode --require-hashes --python .venv/$* $< >&2
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/.venv/$*/bin/python" -m ethnicity "$$@"\n' \
	    "$(CURDIR)/layers/inference/python:$(CURDIR)/functions:$(CURDIR)" "$(CURDIR)" > .venv/$*/bin/ethnicity
	@chmod +x .venv/$*/bin/ethnicity
	@touch $@
