# The two commands of the README. Each makes its own virtual environment from nothing; a second call is quick.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types schemas check setup

demo: $(VENV)/.installed
	$(BIN)/aigc build examples/first-levels.yaml --out out/first-levels

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

schemas: $(VENV)/.installed-dev
	$(BIN)/aigc schema write --check

check: test lint types schemas

setup: $(VENV)/.installed-dev

$(VENV)/.installed: requirements.txt pyproject.toml plugins/levels/pyproject.toml plugins/digits/pyproject.toml plugins/sprites/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is needed (the package noise has no wheel): apt-get install gcc python3-dev"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e . -e plugins/levels -e plugins/digits -e plugins/sprites
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-train.txt requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-train.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
