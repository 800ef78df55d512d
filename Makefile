# What a person runs. Snakemake does everything else: .venv/bin/snakemake --cores N results/submission.csv

CORES ?= all
PYTHON ?= python3
INSTALLED := .venv/installed

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(INSTALLED) ## draw the demo's photos and decide them: results/submission.csv, report.html
	.venv/bin/snakemake --cores $(CORES)

TEST := .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test: $(INSTALLED) ## run the quick tests, a file per core, at most four at a time
	$(TEST)

test-slow: $(INSTALLED) browser ## run the tests that `make test` leaves out, except those on a cluster
	$(TEST) -m slow

test-all: test test-slow test-cluster ## run all tests

browser: ## install Debian's Chromium for tests that look at pages; without it they are skipped
	command -v chromium > /dev/null || { timeout 300 apt-get update --quiet && timeout 600 apt-get install --yes --quiet \
		--no-install-recommends chromium; } || echo "Chromium cannot be installed here"

test-cluster: $(INSTALLED) ## run the workflow on a Slurm of one node, which Debian's root can install
	test -x /usr/sbin/slurmctld || { timeout 300 apt-get update --quiet && timeout 600 apt-get install --yes --quiet --no-install-recommends \
		slurm-wlm slurmctld slurmd slurm-client munge; } || echo "Slurm cannot be installed here"
	.venv/bin/python -m pytest -rs -m slow tests/cluster

faults: $(INSTALLED) ## hit the workflow with 100 faults at random moments: an hour and more
	.venv/bin/python tests/faults/campaign.py

fuzz: $(INSTALLED) ## try ten thousand hostile inputs: CASES=10500, SEED=... repeats a draw
	.venv/bin/python tests/fuzz/campaign.py --cases $(or $(CASES),10500) $(if $(SEED),--seed $(SEED))

lint: $(INSTALLED) ## check format, style, types and spelling
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/snakefmt --check Snakefile rules
	.venv/bin/python rules/lint.py
	.venv/bin/ty check
	.venv/bin/codespell

format: $(INSTALLED) ## format the code
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .
	.venv/bin/snakefmt Snakefile rules

docs: $(INSTALLED) ## write the pages and the picture that are made from code
	.venv/bin/python docs/configuration.py page > docs/configuration.md
	.venv/bin/python docs/configuration.py schema > docs/configuration.schema.json
	.venv/bin/python docs/artefacts.py page > docs/artefacts.md
	.venv/bin/python docs/artefacts.py picture > docs/rulegraph.svg

site: $(INSTALLED) ## build a site of the documents in site/ (`.venv/bin/python -m pip install mkdocs` first)
	.venv/bin/python -m mkdocs build --strict --quiet

UV_COMPILE = $(UV) pip compile --universal --generate-hashes --python-version 3.11 $(UPGRADE) \
	--custom-compile-command "make lock" --quiet
lock: ## pin new packages of envs/requirements.in, and uv (needs uv); UPGRADE=--upgrade moves all pins
	$(UV_COMPILE) envs/requirements.in -o envs/requirements.lock
	echo uv | $(UV_COMPILE) - -o envs/uv-requirements.txt

setup: $(INSTALLED) ## make .venv from the locked requirements

# The system's certificates, which pip also accepts: a company's own is among them. (Two names: uv changed it.)
UV = PATH=".venv/bin:$$PATH" UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true uv
PIP_INSTALL = .venv/bin/python -m pip install --quiet --require-hashes --disable-pip-version-check
# uv does not read pip's settings, and gets pip's index here. If another setting is missing, uv fails and pip installs all.
$(INSTALLED): envs/requirements.lock envs/uv-requirements.txt
	rm -rf .venv
	$(PYTHON) -m venv .venv
	uv --version > /dev/null 2>&1 || $(PIP_INSTALL) -r envs/uv-requirements.txt
	@echo "Installing envs/requirements.lock"; \
	index=$$(.venv/bin/python -m pip config list | sed -nE "s/^(:env:|global|install)\.index-url='(.*)'/\2/p" | head -n 1); \
	UV_DEFAULT_INDEX=$${UV_DEFAULT_INDEX:-$$index} $(UV) pip sync --quiet --require-hashes --compile-bytecode \
		--python .venv/bin/python envs/requirements.lock || { \
		echo "uv could not install them; pip tries, and takes minutes"; $(PIP_INSTALL) -r envs/requirements.lock; }
	@# `python -m stylevote` finds the library.
	.venv/bin/python -c "import pathlib, site; \
		pathlib.Path(site.getsitepackages()[0], 'stylevote.pth').write_text('../../../../workflow_scripts')"
	touch $@

.PHONY: help demo test test-slow test-all browser test-cluster faults fuzz lint format docs site lock setup
