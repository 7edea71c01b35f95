# make demo   the whole loop in a local sandbox, no account needed
# make test   the tests
# Both need only Python 3.11 or newer, make and a C compiler; everything else goes into .venv, pinned by hash.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
# pip comes with the repository because Debian's python3 has neither pip nor ensurepip.
PIP_WHEEL := $(wildcard deploy/bootstrap/pip-*.whl)

.PHONY: demo test check coverage mutation bench trust gameday serve lock clean

demo: .venv/runtime
	$(BIN)/runbookctl sandbox

test: .venv/development
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: .venv/development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/runbookctl lint
	$(BIN)/runbookctl test --quiet

# Guards, approval and digest code, each line and branch; about a minute on two idle cores.
APPROVAL_TESTS := $(addprefix tests/bot/stages/test_,$(addsuffix .py,asking by_itself difference kept permission question reminding voting))
coverage: .venv/development
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term tests/guards $(APPROVAL_TESTS) tests/bot/store/test_approvals.py tests/bot/test_plan.py tests/runbooks/test_digest.py

# Every small change of guards/ must turn a test red; about a quarter of an hour on two idle cores.
mutation: .venv/development
	$(BIN)/python -m trust mutation

bench: .venv/development
	$(BIN)/python -m bench

# The proofs in their long form, mutants included: one to three hours on two idle cores (docs/proof.md).
trust: .venv/development
	$(BIN)/python -m trust

# Every fault scenario that can be played here, one after the other; five to ten minutes.
gameday: .venv/runtime
	$(BIN)/runbookctl gameday --all

serve: .venv/runtime
	$(BIN)/runbookctl serve

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit("Countersign needs Python 3.11 or newer; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv --without-pip --clear .venv
	$(BIN)/python $(PIP_WHEEL)/pip install --quiet --no-index --no-deps $(PIP_WHEEL)

.venv/runtime: requirements.lock pyproject.toml | .venv/bin/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/development: requirements-dev.lock .venv/runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@

# Pinned versions with hashes and without index addresses, for every platform.
lock: .venv/development
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock

clean:
	rm -rf .venv build dist *.egg-info state .pytest_cache .mypy_cache .ruff_cache .hypothesis
