# Shortcuts; each is the command that README.md, CONTRIBUTING.md and .ci/run use. `make` itself is optional.
PYTHON ?= .venv/bin/python
ARGS ?=

.PHONY: help setup train test lint format type bench lock wheel clean
help:   ## list the verbs
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup:  ## .venv with everything for development
	python3 -m agents.setup dev $(ARGS)

train:  ## the main job; make train ARGS="env=Hopper reward=env"
	$(PYTHON) -m agents.train $(or $(ARGS),env=Humanoid reward=vlm)

test:   ## the tests; make test ARGS="tests/envs -k vector"
	$(PYTHON) -m pytest -n auto --maxprocesses 4 $(ARGS)

lint:   ## ruff: rules and formatting
	$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .

format: ## let ruff repair what it can
	$(PYTHON) -m ruff check --fix . && $(PYTHON) -m ruff format .

type:   ## mypy
	$(PYTHON) -m mypy

bench:  ## every performance figure
	$(PYTHON) -m benchmarks $(ARGS)

lock:   ## refresh constraints.txt, keeping pins that still fit; make lock ARGS="--upgrade-package numpy"
	uv pip compile -q pyproject.toml --all-extras --universal --python-version 3.11 --annotation-style line \
	  --custom-compile-command "make lock" -o constraints.txt $(ARGS)

wheel:  ## build the wheel into dist/
	$(PYTHON) -m pip wheel --no-deps -w dist .

clean:  ## remove what tools leave behind (not runs/, not .venv/)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache outputs multirun
	find agents envs reward_designers tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
