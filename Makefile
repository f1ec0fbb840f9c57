# The work is in tools/ (Python, standard library only); this file only names it.
PYTHON ?= python3
CORE = .venvs/core-3.11/bin/python
AIRFLOW3 = .venvs/airflow-3.3.2/bin/python
HOST ?= airflow3
HOST_ENVIRONMENT = $(if $(filter airflow2,$(HOST)),airflow-2.11.2,airflow-3.3.2)
# RELEASE=X.Y.Z chooses the host, too.
RELEASE_HOST = $(if $(RELEASE),$(if $(filter 2.%,$(RELEASE)),airflow2,airflow3),$(HOST))
RELEASE_ENVIRONMENT = $(if $(RELEASE),airflow-$(RELEASE),$(HOST_ENVIRONMENT))
# The releases of `make upgrades`, and the commit of its older build of the plugin.
UPGRADED = 2.11.2 3.1.8 3.3.2
OLDER ?= 6f9b858
MINUTES ?= 10
PAGES_SECONDS ?= 60
SEEDS ?= 5
DATABASE ?= postgresql

.DEFAULT_GOAL := help
.PHONY: help demo debian test test-releases lint releases host-tests test-unit end-to-end upgrades certify pages watch wake figures-airflow3 figures-airflow2 fuzz chaos options starts trouble flood ends undecodable two-schedulers simple-dag bench planted targets clean forks

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# As root, what is missing is installed and said; without it, the tests concerned skip, or fail where CI is set.
DEBIAN = if [ "$$(id -u)" = 0 ]; then $(PYTHON) -m tools debian $(1) || echo "going on without them"; fi

demo: ## a small cluster in one process, then Airflow 3 without and with the plugin; some minutes the first time
	@$(call DEBIAN,--venv)
	@$(PYTHON) -m tools environment demo
	@.venvs/demo/bin/sched-cache demo
	@echo
	@$(PYTHON) -m tools environment airflow-3.3.2
	@$(AIRFLOW3) -m sched_cache_airflow.demo

debian: ## install the Debian packages that the tests need: servers, Chromium, python3-venv; needs root
	@$(PYTHON) -m tools debian

test: ## everything CI runs: style, types, layers, tests on every Python and host, the wheel
	@$(call DEBIAN)
	@$(PYTHON) -m tools test

test-releases: ## the short tests on every other Airflow release that is called tested; 15 minutes
	@$(call DEBIAN)
	@CI=true $(PYTHON) -m tools test-releases

lint: ## style, types and layers only
	@$(PYTHON) -m tools test "ruff check" "ruff format" "mypy" "layers"

test-unit: ## the fast tests only, on Python 3.11
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m pytest tests/unit

releases: ## read the code of every Airflow release from its package, and list changes to code that the plugin rests on
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m tools.releases $(RELEASE)

host-tests: ## Airflow's own tests from a checkout, SOURCE=FOLDER, without and with the plugin, compared; TESTS="models ti_deps" for some; an hour
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m tools.host_tests $(if $(RELEASE),--release $(RELEASE)) "$(SOURCE)" $(TESTS)

end-to-end: ## a whole Airflow (HOST=airflow3 or airflow2, or RELEASE=X.Y.Z), its schedulers and Redis killed, DAGs edited; 10 minutes
	@$(PYTHON) -m tools environment $(RELEASE_ENVIRONMENT)
	@CI=true SCHED_CACHE_END_TO_END=1 .venvs/$(RELEASE_ENVIRONMENT)/bin/python -m pytest $(wildcard tests/$(RELEASE_HOST)/test_end_to_end.py tests/$(RELEASE_HOST)/test_edit_storm.py)

upgrades: ## a database upgraded from 2.11 to 3.3 with runs under way, and two builds of the plugin (OLDER=COMMIT), beside stock; half an hour
	@$(PYTHON) -m tools environment core-3.11
	@for version in $(UPGRADED); do $(PYTHON) -m tools environment airflow-$$version || exit 1; done
	@CI=true SCHED_CACHE_UPGRADES=1 SCHED_CACHE_OLDER=$(OLDER) $(CORE) -m pytest tests/upgrades

certify: ## `sched-cache certify` on HOST or RELEASE=X.Y.Z, and each mutant with SEEDS=5 seeds; half an hour
	@$(PYTHON) -m tools environment $(RELEASE_ENVIRONMENT)
	@CI=true SCHED_CACHE_CERTIFY_SEEDS=$(SEEDS) .venvs/$(RELEASE_ENVIRONMENT)/bin/python -m pytest -s tests/$(RELEASE_HOST)/test_certification.py

pages: ## four workers of HOST serve pages for PAGES_SECONDS=60 while their DAG is edited every second; reports the age of the pages
	@$(PYTHON) -m tools environment $(HOST_ENVIRONMENT)
	@CI=true SCHED_CACHE_PAGES_SECONDS=$(PAGES_SECONDS) .venvs/$(HOST_ENVIRONMENT)/bin/python -m pytest tests/$(HOST)/test_pages.py

watch: ## the time until a scheduler uses a saved file, with `sched-cache watch` and on stock; 6 minutes
	@$(PYTHON) -m tools environment airflow-3.3.2
	@CI=true SCHED_CACHE_END_TO_END=1 $(AIRFLOW3) -m pytest tests/airflow3/test_watch.py -k used_by_the_scheduler

wake: ## the time from the end of a task to the next one queued: stock, Redis, LISTEN, neither; 6 minutes
	@$(PYTHON) -m tools environment airflow-3.3.2
	@CI=true SCHED_CACHE_END_TO_END=1 $(AIRFLOW3) -m pytest tests/airflow3/test_wake.py

figures-airflow3: ## memory and times of the Airflow 3 plugin beside stock, against what was promised; 8 minutes
	@$(PYTHON) -m tools environment airflow-3.3.2
	@$(AIRFLOW3) -m tests.airflow3.figures

figures-airflow2: ## the same on Airflow 2.11; 8 minutes
	@$(PYTHON) -m tools environment airflow-2.11.2
	@.venvs/airflow-2.11.2/bin/python -m tests.airflow2.figures

forks: ## 1000 children for each object, forked while threads use it, of the core and of both hosts; 2 hours
	@$(PYTHON) -m tools environment core-3.11
	@$(PYTHON) -m tools environment airflow-3.3.2
	@$(PYTHON) -m tools environment airflow-2.11.2
	@CI=true SCHED_CACHE_FORKS=1000 $(CORE) -m pytest tests/unit/test_forks.py
	@for database in postgresql sqlite; do \
		CI=true SCHED_CACHE_FORKS=1000 SCHED_CACHE_AIRFLOW_DB=$$database $(AIRFLOW3) -m pytest tests/airflow3/test_forks.py && \
		CI=true SCHED_CACHE_FORKS=1000 SCHED_CACHE_AIRFLOW_DB=$$database .venvs/airflow-2.11.2/bin/python -m pytest tests/airflow2/test_forks.py || exit 1; \
	done

fuzz: ## damaged bytes and documents against the decoder, for MINUTES=10
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m tests.fuzz --minutes $(MINUTES)

chaos: ## a cluster on real servers with faults for MINUTES=10 (DATABASE=postgresql or mariadb)
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m tests.chaos --minutes $(MINUTES) --database $(DATABASE)

trouble: ## loops of HOST's scheduler with Redis or our database slow, trickling, silent, resetting or lying; 40 minutes
	@$(PYTHON) -m tools environment $(HOST_ENVIRONMENT)
	@.venvs/$(HOST_ENVIRONMENT)/bin/python -m tests.trouble $(TROUBLE)

flood: ## loops of HOST's scheduler and real publications while Redis carries 10,000 forged messages a second; 5 minutes
	@$(PYTHON) -m tools environment $(HOST_ENVIRONMENT)
	@.venvs/$(HOST_ENVIRONMENT)/bin/python -m tests.flood $(FLOOD)

ends: ## the time until HOST's processes end with Redis and our database hung, beside stock; 15 minutes
	@$(PYTHON) -m tools environment $(HOST_ENVIRONMENT)
	@.venvs/$(HOST_ENVIRONMENT)/bin/python -m tests.ends $(ENDS)

options: ## 300 values of every option through the plugin's installation on HOST; an hour, OPTION=redis_url for one; continues where it was interrupted
	@$(PYTHON) -m tools environment $(HOST_ENVIRONMENT)
	@mkdir -p build
	@CI=true SCHED_CACHE_OPTION_VALUES=300 SCHED_CACHE_OPTION_RESULTS=build/options-$(HOST).txt .venvs/$(HOST_ENVIRONMENT)/bin/python -m pytest tests/$(HOST)/test_options.py -k "$(OPTION)"

starts: ## real processes of HOST started with wrong options, several at once, and ended; beside stock; 20 minutes
	@$(PYTHON) -m tools environment $(HOST_ENVIRONMENT)
	@.venvs/$(HOST_ENVIRONMENT)/bin/python -m tests.starts $(STARTS)

undecodable: ## every field that cannot be deserialized, at every place where HOST takes a DAG, beside stock; 2 hours
	@$(PYTHON) -m tools environment $(HOST_ENVIRONMENT)
	@CI=true SCHED_CACHE_UNDECODABLE=1 .venvs/$(HOST_ENVIRONMENT)/bin/python -m pytest -s tests/$(HOST)/test_undecodable_fields.py
	@.venvs/$(HOST_ENVIRONMENT)/bin/python -m tests.undecodable $(UNDECODABLE)

two-schedulers: ## a stock scheduler of HOST and one with the plugin for MINUTES=10, DAGs edited twice a second, runs created
	@$(PYTHON) -m tools environment $(HOST_ENVIRONMENT)
	@.venvs/$(HOST_ENVIRONMENT)/bin/python -m tests.edited_cluster --minutes $(MINUTES)

simple-dag: ## a scheduler of 1.10 on the simple classes, with faults for MINUTES=10 (DATABASE=postgresql or mariadb)
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m tests.simple_scheduler --minutes $(MINUTES) --database $(DATABASE)

bench: ## the standard set on PostgreSQL and Redis, 25 minutes, and a report page. BENCH=--quick: three minutes, on SQLite
	@$(PYTHON) -m tools environment core-3.11
	@$(PYTHON) -m tools environment airflow-3.3.2
	@$(PYTHON) -m tools environment airflow-2.11.2
	@$(CORE) -m bench run all $(BENCH)
	@$(CORE) -m bench report

planted: ## whether `bench compare` finds a planted slowdown of a fifth, and nothing else; 4 minutes
	@$(PYTHON) -m tools environment core-3.11
	@SCHED_CACHE_PLANTED=1 $(CORE) -m pytest tests/unit/bench/test_planted.py

targets: ## the promises of the tiers, measured on PostgreSQL and Redis; fails if one is not kept
	@$(PYTHON) -m tools environment core-3.11
	@$(CORE) -m bench.targets

clean: ## remove every environment, cache and build product
	rm -rf .venvs build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
