# The work is in tools/ (Python, standard library only); this file only names it.
PYTHON ?= python3
CORE = .venvs/core-3.11/bin/python
AIRFLOW3 = .venvs/airflow-3.3.2/bin/python
MINUTES ?= 10
DATABASE ?= postgresql

.DEFAULT_GOAL := help
.PHONY: help demo test lint test-unit end-to-end figures-airflow3 fuzz chaos simple-dag bench targets clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## install into an environment of its own and run the main job
	@$(PYTHON) -m tools environment demo
	@.venvs/demo/bin/sched-cache demo

test: ## everything CI runs: style, types, layers, tests on every Python and host, the wheel
	@$(PYTHON) -m tools test

lint: ## style, types and layers only
	@$(PYTHON) -m tools test "ruff check" "ruff format" "mypy" "layers"

test-unit: ## the fast tests only, on Python 3.11
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m pytest tests/unit

end-to-end: ## a whole Airflow 3, while its schedulers and Redis are killed and DAGs are edited; 10 minutes
	@$(PYTHON) -m tools environment airflow-3.3.2
	@CI=true SCHED_CACHE_END_TO_END=1 $(AIRFLOW3) -m pytest tests/airflow3/test_end_to_end.py tests/airflow3/test_edit_storm.py

fuzz: ## damaged bytes and documents against the decoder, for MINUTES=10
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m tests.fuzz --minutes $(MINUTES)

chaos: ## a cluster on real servers that is hurt for MINUTES=10 (DATABASE=postgresql or mariadb)
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m tests.chaos --minutes $(MINUTES) --database $(DATABASE)

simple-dag: ## a scheduler of 1.10 on the simple classes, hurt for MINUTES=10 (DATABASE=postgresql or mariadb)
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m tests.simple_scheduler --minutes $(MINUTES) --database $(DATABASE)

bench: ## the format against Airflow's own code and other codecs, with a report page
	@$(PYTHON) -m tools environment core-3.11
	@$(PYTHON) -m tools environment airflow-3.3.2
	@$(CORE) -m bench run format
	@$(CORE) -m bench report

targets: ## what the tiers promise, measured on PostgreSQL and Redis; fails where a promise is not kept
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m bench.targets

clean: ## remove every environment, cache and build product
	rm -rf .venvs build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
