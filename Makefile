# Each target sets up all that it needs in .venv and may be run any number of times.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
SITE_SCRIPTS := $(VENV)/node/site

# The tests start many Python processes; without the compiled files each would compile the package anew.
export PYTHONDONTWRITEBYTECODE :=
# Material for MkDocs prints a page about another program at each build.
export NO_MKDOCS_2_WARNING := 1

.PHONY: help demo test coverage lint docs console mutants
.DEFAULT_GOAL := help

help: ## List the targets.
	@echo 'Each target installs what it needs into $(VENV); the first one takes about half a minute for it.'
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/  make \1#\2/p' Makefile | while IFS='#' read -r name what; do printf '%-16s %s\n' "$$name" "$$what"; done
	@echo 'Afterwards `. $(VENV)/bin/activate` puts the command vmss-jenkins on your PATH.'

demo: $(STAMP) ## Play a canary deployment on the emulator: half a minute.
	$(VENV)/bin/python -m vmss_jenkins.demo

test: $(STAMP) ## Run all tests, in parallel: about ten minutes on two cores.
	$(VENV)/bin/python -m pytest -n auto --dist worksteal

# Apart from the tests, since it takes them twice the time.
coverage: $(STAMP) ## Run all tests with line and branch coverage: twice as long.
	$(VENV)/bin/python -m pytest -n auto --dist worksteal --cov --cov-report=term:skip-covered

lint: $(STAMP) ## Run ruff and mypy.
	$(VENV)/bin/python -m pip install --quiet --editable '.[lint]'
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

docs: $(STAMP) $(SITE_SCRIPTS) ## Write the generated pages and build the site into site/.
	$(VENV)/bin/python docs/make_reference.py
	$(VENV)/bin/python -m vmss_jenkins.emulator.front.reference > docs/emulator-reference.md
	$(VENV)/bin/python -m pip install --quiet --editable '.[docs]'
	$(VENV)/bin/python -m mkdocs build --quiet --strict

console: $(STAMP) ## Type every command line of README and docs, and write its output into the pages.
	$(VENV)/bin/python -m tests.docs.update

# Two at a time, and behind all other work: it takes long.
mutants: $(STAMP) ## Break the code that decides, line by line, and count what the tests find: half an hour at least.
	$(VENV)/bin/python -m pip install --quiet --editable '.[mutants]'
	PATH="$(abspath $(VENV)/bin):$$PATH" nice -n 15 $(VENV)/bin/mutmut run --max-children 2
	$(VENV)/bin/python -m benchmarks.mutants

$(STAMP): setup.cfg pyproject.toml
	@command -v $(PYTHON) > /dev/null || { echo '$(PYTHON) is not installed: install Python 3.10 or later, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "$$($(PYTHON) --version 2>&1) is too old: install Python 3.10 or later, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.10" >&2; exit 1; }
	@$(PYTHON) -c 'import venv' 2> /dev/null || { echo '$(PYTHON) has no module venv: install it (Debian, Ubuntu: sudo apt-get install python3-venv)' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2> /dev/null || { echo '$(PYTHON) has no pip for virtual environments: install it (Debian, Ubuntu: sudo apt-get install python3-venv)' >&2; exit 1; }
	@echo 'Installing into $(VENV): pip takes about half a minute.'
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	@touch $@

# Scripts of others that the site has of its own, so that it asks no other host for them.
$(SITE_SCRIPTS): $(STAMP)
	@mkdir -p $@
	@cd $@ && npm pack --silent mermaid@11 iframe-worker@1 > /dev/null \
	    && tar -xzOf mermaid-11.*.tgz package/dist/mermaid.min.js > mermaid.js \
	    && tar -xzOf iframe-worker-1.*.tgz package/shim/index.js > iframe-worker.js \
	    || echo 'without npm, diagrams of the site show as code, and its search wants a server' >&2
	@rm -f $@/*.tgz
