# Every target sets up what it needs in a virtual environment of its own, .venv, from Python >= 3.11, pip and make.

PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python,\
	$(shell $(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
VENV := .venv
RUN := $(VENV)/bin/python
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
PIP_DOWNLOAD := -m pip download --quiet --disable-pip-version-check

.PHONY: help demo test accuracy lint format generate docs bench bench-peers bench-report oldest dist check-dist clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## see fastround at work
	$(RUN) -m fastround demo

test: $(VENV)/.test  ## run the tests, on all cores
	$(RUN) -m pytest -n auto

accuracy: $(VENV)/.test  ## measure every error bound anew, and write docs/accuracy-table.md
	$(RUN) tests/accuracy.py

lint: $(VENV)/.test $(VENV)/.bench $(VENV)/.docs $(VENV)/.lint  ## check style and types
	$(RUN) -m ruff check
	$(RUN) -m mypy

generate: $(VENV)/.docs  ## write what is generated: type stubs, pictures, tables, the diagram of modules
	$(RUN) tests/stubs.py
	$(RUN) docs/architecture.py
	$(RUN) docs/pictures.py
	$(RUN) docs/tables.py

docs: $(VENV)/.docs  ## build the documentation
	$(RUN) -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo docs/_build/html/index.html

# Other tools in a process of their own: after the other benchmarks, PyTorch and JAX take up to five times as long.
bench: $(VENV)/.bench  ## compare the speed with a copy, with NumPy, numexpr and Numba
	$(RUN) -m pytest bench --ignore bench/test_peers.py
	$(RUN) -m pytest bench/test_peers.py

bench-peers: $(VENV)/.bench-peers bench  ## the same, and with PyTorch and JAX, which are large

bench-report: $(VENV)/.bench  ## write the speed tables and plots of the documentation, from the last runs
	$(RUN) bench/report.py

# The oldest numba and numpy that pyproject.toml admits: its own lower bounds, as pins.
OLDEST_TESTS := $(addprefix tests/test_,ufuncs.py rows.py nopython.py threads.py cache.py \
	$(addprefix accuracy.py::test_errors_are_within_the_promised_bounds,[float32-density_round] [float64-sigmoid_round]))

oldest: $(VENV)-oldest/.test  ## run the main tests with the oldest supported numba and numpy
	$(VENV)-oldest/bin/python -m pytest -n auto -k 'not ceil' $(OLDEST_TESTS:%='%')

dist: $(VENV)/.dist  ## build the sdist, and from it the wheel
	rm -rf dist
	$(RUN) -m build --no-isolation --outdir dist .

# What pip needs is fetched beforehand, so that the installation itself shows that it works offline.
check-dist: dist  ## install the wheel in a new environment with numba and numpy alone, and use it
	$(PYTHON) -m venv --clear $(VENV)-dist
	$(RUN) $(PIP_DOWNLOAD) --dest $(VENV)-dist/wheels dist/*.whl
	$(VENV)-dist/bin/python $(PIP_INSTALL) --no-index --find-links $(VENV)-dist/wheels fastround
	cd $(VENV)-dist && bin/python -I -W error ../tests/installed.py

clean:  ## remove environments and everything built
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-dist build dist docs/_build .pytest_cache .mypy_cache .ruff_cache .benchmarks .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# A stamp for each set of extras, so that pip runs only when the dependencies have changed.
$(VENV)/.%: pyproject.toml | $(RUN)
	$(RUN) $(PIP_INSTALL) --editable '.[$*]'
	@touch $@

$(VENV)-oldest/.%: pyproject.toml | $(VENV)-oldest/bin/python
	$(VENV)-oldest/bin/python -c 'import re, tomllib; [print(re.sub(">=([^,]+),.*", r"==\1", d)) for d in \
		tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]]' > $(VENV)-oldest/pins.txt
	$(VENV)-oldest/bin/python $(PIP_INSTALL) --constraint $(VENV)-oldest/pins.txt --editable '.[$*]'
	@touch $@

$(RUN) $(VENV)-oldest/bin/python:
	@test -n "$(PYTHON)" || { echo "fastround needs Python 3.11 or later: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(@D)/..
