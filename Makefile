# The commands of this repository. `make demo` and `make test` set up what they need.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
HW ?= mnist_lenet
# one more than there are processors, since tests wait
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# modules with tests that depend on the clock
WALL_CLOCK = $(shell grep -rlw wall_clock tests --include="test_*.py")
PYTEST := $(BIN)/python -m pytest

# real data, where a folder beside the clone holds it; else the embedded sample
ifneq ($(wildcard ../shared/data),)
export GRADEPROP_DATA ?= $(abspath ../shared/data)
endif

.PHONY: demo test check matrix coverage hostile nbgrader-attacks fuzz chaos mutants setup release diagrams field-guide reference-docs verify reference bench bench-cold bench-scale bench-train bench-notebooks bench-formgrader pictures site hub lock clean help
help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

demo: setup ## release the first assignment, grade a handful of submissions, write the pages
	$(BIN)/gradeprop demo $(HW)

test: setup ## run the tests, with a part of the known answers and attacks
	$(PYTEST) $(PARALLEL) -m "not wall_clock" --durations=15
	$(PYTEST) -m wall_clock $(WALL_CLOCK)

check: setup ## format, lint, types, releases, and every test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/gradeprop release --check
	ALL_TESTS=1 $(PYTEST) $(PARALLEL) -m "not wall_clock"
	ALL_TESTS=1 $(PYTEST) -m wall_clock $(WALL_CLOCK)

matrix: setup ## the quick tests on every Python from 3.11 to 3.14, and with the oldest torch (ROWS=3.13 for one)
	$(BIN)/python -m tests.campaigns.matrix $(ROWS)

coverage: setup ## run the tests under coverage; print what is covered of each subpackage (see docs/developer.md)
	rm -rf .cache/coverage && mkdir -p .cache/coverage
	-$(BIN)/coverage run -m pytest $(PARALLEL) --ignore tests/hostile --ignore tests/browser
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet --directory .cache/coverage/html
	$(BIN)/python -m tests.campaigns.coverage_table

hostile: setup ## submit every attack, under both tiers, as root and as an ordinary user; write docs/results/
	$(BIN)/python -m tests.hostile.report
	$(BIN)/python -m tests.campaigns.forgery

nbgrader-attacks: setup ## submit what scores on plain nbgrader, to plain nbgrader and to ours; write docs/results/
	$(BIN)/python -m tests.autograding.attacks

release: setup ## make release/ from source/
	$(BIN)/gradeprop release

diagrams: setup ## draw the diagrams of the notebooks
	$(BIN)/python source/diagrams/draw.py

field-guide: setup ## train the bugs of docs/field-guide.toml, and write the page with their curves
	rm -f docs/results/field_guide.json
	$(BIN)/python -m benchmarks.field_guide

reference-docs: setup ## write docs/reference/ from the help of the commands, the records of the configuration, and docstrings
	$(BIN)/python -m tests.reference

verify: setup ## prove the hidden checks on known answers and on junk
	$(BIN)/gradeprop verify $(HW)

reference: setup ## train the references on real data, write docs/results/
	$(BIN)/python benchmarks/reference.py $(HW) --seeds 0 1 2

bench: setup ## the same submissions and checks through ours and through nbgrader autograde
	$(BIN)/python benchmarks/nbgrader_ratio.py

bench-cold: setup ## how long a command takes from a shell, as a multiple of import torch
	$(BIN)/python benchmarks/cold.py $(HW)

bench-scale: setup ## workers side by side, a class of thousands with hostile code, and grading again
	$(BIN)/python benchmarks/scale.py workers
	$(BIN)/python benchmarks/scale.py mooc
	$(BIN)/python benchmarks/scale.py again

bench-train: setup ## images per second in training: torchvision's way, ours, and the ceiling
	$(BIN)/python benchmarks/train.py

bench-notebooks: setup ## how long each notebook takes from top to bottom, with the solution, on the sample
	$(BIN)/python benchmarks/notebooks.py

mutants: setup ## change the solution in small ways; which changes does no check notice?
	$(BIN)/python -m tests.campaigns.mutants $(HW)

pictures: setup ## go through the whole loop in Chromium, formgrader and JupyterLab; write its pictures to docs/images
	PATH=$(abspath $(BIN)):$$PATH $(BIN)/python -m tests.browser.loop
	$(BIN)/python -m tests.browser.readme_pictures

hub: setup ## JupyterHub's proxy, as pinned in deploy/jupyterhub; needs Node.js and npm
	npm ci --prefix deploy/jupyterhub --omit-lockfile-registry-resolved --no-audit --no-fund

bench-formgrader: setup ## how long formgrader keeps others waiting while it autogrades: nbgrader's way, and ours
	$(BIN)/python -m benchmarks.formgrader_waits

fuzz: setup ## a million changed frames through all that reads what the jail sends (FRAMES, SEED)
	$(BIN)/python -m tests.campaigns.fuzz_wire --frames $(or $(FRAMES),1000000) $(if $(SEED),--seed $(SEED))

chaos: setup ## kill the grader and all below it, over 300 times, and see that every grade comes out right
	$(BIN)/python -m tests.campaigns.chaos

setup: $(READY) ## make .venv with everything in it

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed, and $(PYTHON) is older: name another, make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear .venv >/dev/null || { \
	  echo "Python here cannot make virtual environments: that needs Debian's package python3-venv."; \
	  test "$$(id -u)" = 0 || { echo "Install it (as root: apt-get install python3-venv), then run make again."; exit 1; }; \
	  apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv --clear .venv; }
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	@install -D -m 644 -t .venv/etc/jupyter/jupyter_server_config.d etc/jupyter/jupyter_server_config.d/gradeprop.json  # not in an editable install
	@touch $@

.venv/.docs: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[docs]'
	@touch $@

site: .venv/.docs ## build the documentation site in site/; a broken link fails
	$(BIN)/zensical build --clean --strict

lock: setup ## pin the versions for every Python and system; UPGRADE=--upgrade takes the newest ones
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --all-extras --no-annotate \
	  --no-emit-index-url --custom-compile-command "make lock" $(UPGRADE) pyproject.toml --output-file requirements.lock

clean: ## remove .venv and caches; grades and the gradebook stay
	rm -rf .venv .cache
