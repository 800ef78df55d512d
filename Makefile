# What a person runs. Everything else is Snakemake's: .venv/bin/snakemake --cores N results/submission.csv

CORES ?= all
PYTHON ?= python3
INSTALLED := .venv/installed

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(INSTALLED) ## draw the demo's photos and decide them: results/submission.csv, report.html
	.venv/bin/snakemake --cores $(CORES)

TEST := .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test: $(INSTALLED) ## run the quick tests, as many files at a time as there are cores, but four at most
	$(TEST)

test-slow: $(INSTALLED) browser ## run the tests that `make test` leaves out, but for those on a cluster
	$(TEST) -m slow

test-all: test test-slow test-cluster ## run all tests

browser: ## install Debian's Chromium, in which tests look at pages; without it they are skipped
	command -v chromium > /dev/null || { timeout 300 apt-get update --quiet && timeout 600 apt-get install --yes --quiet \
		--no-install-recommends chromium; } || echo "Chromium cannot be installed here"

test-cluster: $(INSTALLED) ## run the workflow on a Slurm of one node, which Debian's root can install
	test -x /usr/sbin/slurmctld || { timeout 300 apt-get update --quiet && timeout 600 apt-get install --yes --quiet --no-install-recommends \
		slurm-wlm slurmctld slurmd slurm-client munge; } || echo "Slurm cannot be installed here"
	.venv/bin/python -m pytest -rs -m slow tests/cluster

faults: $(INSTALLED) ## hit the workflow with 100 faults at random moments: an hour and more
	.venv/bin/python tests/faults/campaign.py

fuzz: $(INSTALLED) ## try ten thousand hostile inputs: CASES=10500, SEED=... repeats what was drawn
	.venv/bin/python tests/fuzz/campaign.py --cases $(or $(CASES),10500) $(if $(SEED),--seed $(SEED))

lint: $(INSTALLED) ## check formatting and style
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/snakefmt --check Snakefile rules
	.venv/bin/python rules/lint.py

format: $(INSTALLED) ## format the code
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .
	.venv/bin/snakefmt Snakefile rules

docs: $(INSTALLED) ## write docs/configuration.md, and the JSON Schema for editors, from the models
	.venv/bin/python docs/configuration.py page > docs/configuration.md
	.venv/bin/python docs/configuration.py schema > docs/configuration.schema.json

UV_COMPILE = $(UV) pip compile --universal --generate-hashes --python-version 3.11 --upgrade \
	--custom-compile-command "make lock" --quiet
lock: ## pin envs/requirements.in anew, and uv (needs uv: this machine's, or the one that set-up brought)
	$(UV_COMPILE) envs/requirements.in -o envs/requirements.lock
	echo uv | $(UV_COMPILE) - -o envs/uv-requirements.txt

setup: $(INSTALLED) ## make .venv from the holdout requirements

# Certificates of this system, which pip accepts, too: a company's own is among them. (Two names: uv changed it.)
UV = PATH=".venv/bin:$$PATH" UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true uv
PIP_INSTALL = .venv/bin/python -m pip install --quiet --require-hashes --disable-pip-version-check
# uv does not read pip's settings and is told pip's index. Others may still be missing: then pip does all of it.
$(INSTALLED): envs/requirements.lock envs/uv-requirements.txt
	rm -rf .venv
	$(PYTHON) -m venv .venv
	uv --version > /dev/null 2>&1 || $(PIP_INSTALL) -r envs/uv-requirements.txt
	@echo "Installing envs/requirements.lock"; \
	index=$$(.venv/bin/python -m pip config list | sed -nE "s/^(:env:|global|install)\.index-url='(.*)'/\2/p" | head -n 1); \
	UV_DEFAULT_INDEX=$${UV_DEFAULT_INDEX:-$$index} $(UV) pip sync --quiet --require-hashes --compile-bytecode \
		--python .venv/bin/python envs/requirements.lock || { \
		echo "uv could not install them; pip tries, and takes minutes"; $(PIP_INSTALL) -r envs/requirements.lock; }
	touch $@

.PHONY: help demo test test-slow test-all browser test-cluster faults fuzz lint format docs lock setup
