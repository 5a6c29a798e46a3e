# Two commands: `make repro` runs the pipeline to the paper, `make test` the tests. Both set .venv up first.
#   make repro                       the core (simulate, train, compare, in vivo, cohort), the figures and the paper
#   make repro PART=studies          one part: mre, methods, studies, authors; PART=all: everything
#   make repro PROFILE=smoke         the same in minutes; its numbers mean nothing
#   make test PART=fem               the tests of one room of dime/
#   make publish                     writes the results of the last run into README.md and docs/results.md
PROFILE ?= default
PART ?= core
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# One BLAS thread per process: parallelism is over phantoms, and torch is told its threads by the notebooks.
export OMP_NUM_THREADS ?= 1

.PHONY: repro test publish lab

repro: .venv/ready params/$(PROFILE).yaml
	@ln -sfn params/$(PROFILE).yaml params.yaml
	@test -d data || test -n "$$DIME_REFERENCE" || dvc pull -q data.dvc 2>/dev/null || \
		echo "Measured slices cannot be fetched: continuing without them, and the paper will say so."
	@dime inputs
ifeq ($(PART),core)
	dvc repro notebooks/mre/dvc.yaml
	dvc repro --single-item quickstart figures paper
	@dime summary && echo "The paper: paper/dime.pdf"
else ifeq ($(PART),all)
	dvc repro dvc.yaml $(wildcard notebooks/*/dvc.yaml)
	@dime summary && echo "The paper: paper/dime.pdf"
else
	dvc repro notebooks/$(PART)/dvc.yaml
endif

test: .venv/ready
	pytest -n 2 --dist loadfile --no-loadscope-reorder $(if $(filter-out core,$(PART)),tests/$(PART))

publish: .venv/ready
	dime publish

lab: .venv/ready
	JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" jupyter lab

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade pip  # the one that Python brings may be too old for the lock
	.venv/bin/pip install --quiet -r requirements.lock
	.venv/bin/pip install --quiet --no-deps --editable .
	@touch $@
