# `make install` sets .venv up, `make repro` runs the pipeline to the paper, `make test` the tests; these two install first.
#   make install                     .venv from requirements.lock, by uv where it is there (make install UV= : by pip)
#   make repro                       the core (simulate, train, compare, in vivo, cohort), the figures, the paper and its supplement
#   make repro PART=studies          one part: mre, methods, studies, authors, liver, records, brain, diffusion; PART=all: everything
#   make repro PROFILE=smoke         the same in minutes, in a copy of the sources, scratch/smoke, because its numbers
#                                    mean nothing; the project's results, paper and params.yaml stay as they are
#   make test PART=fem               the tests of one room of dime/
#   make book                        a site of the executed notebooks, docs/, the API and the paper: scratch/book/index.html
#   make publish                     writes the results of the last run into README.md and docs/results.md
PROFILE ?= default
PART ?= core
PYTHON ?= python3
UV ?= $(shell command -v uv)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# One BLAS thread per process: parallelism is over phantoms, and torch is told its threads by the notebooks.
export OMP_NUM_THREADS ?= 1

# Where the pipeline runs. In a copy the commands use its package, not the installed one. A copy has no results of
# earlier runs, so that its figures and paper first need the other parts to run.
ifeq ($(PROFILE),smoke)
PLACE := scratch/smoke/
IN := cd $(PLACE) && PYTHONPATH="$$PWD$${PYTHONPATH:+:$$PYTHONPATH}"
ALONE :=
else
PLACE :=
IN :=
ALONE := --single-item
endif

# The survey's file with the stiffness, and where a copy may lie in or beside $DIME_REFERENCE.
SURVEY := LUX_J.XPT
ELSEWHERE := nhanes_2017_2018/$(SURVEY)

.PHONY: install repro test publish lab book

install: .venv/ready
	@echo "Installed in .venv. Next: source .venv/bin/activate, then dime demo"

repro: .venv/ready params/$(PROFILE).yaml
	@test -d data || test -n "$$DIME_REFERENCE" || dvc pull -q data.dvc 2>/dev/null || \
		echo "Measured slices cannot be fetched: continuing without them, and the paper will say so."
ifneq (,$(filter records all,$(PART)))
	@ls nhanes/$(SURVEY) "$$DIME_REFERENCE"/$(ELSEWHERE) "$$DIME_REFERENCE"/../$(ELSEWHERE) 2>/dev/null | grep -q . || \
		dvc pull -q -R nhanes 2>/dev/null || \
		echo "The survey NHANES cannot be fetched: continuing without it, and its notebook will say so."
endif
	@$(if $(PLACE),dime workspace $(PLACE) --profile $(PROFILE),ln -sfn params/$(PROFILE).yaml params.yaml)
	@$(IN) dime inputs
ifeq ($(PART),core)
	$(IN) dvc repro notebooks/mre/dvc.yaml
	$(IN) dvc repro $(ALONE) quickstart figures paper supplement
	@$(IN) dime summary && echo "The paper: $(PLACE)paper/dime.pdf, $(PLACE)paper/supplement.pdf"
else ifeq ($(PART),all)
	$(IN) dvc repro dvc.yaml $(wildcard notebooks/*/dvc.yaml)
	@$(IN) dime summary && echo "The paper: $(PLACE)paper/dime.pdf, $(PLACE)paper/supplement.pdf"
else
	$(IN) dvc repro notebooks/$(PART)/dvc.yaml
endif

test: .venv/ready
	pytest -n 2 --dist loadfile --no-loadscope-reorder $(if $(filter-out core,$(PART)),tests/$(PART))

publish: .venv/ready
	dime publish

lab: .venv/ready
	JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" jupyter lab

.venv/ready: requirements.lock pyproject.toml
ifeq ($(strip $(UV)),)
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade pip  # the one that Python brings may be too old for the lock
	.venv/bin/pip install --quiet -r requirements.lock
	.venv/bin/pip install --quiet --no-deps --editable .
else
	$(UV) venv --quiet --clear --seed --python $(if $(filter file,$(origin PYTHON)),3.11,$(PYTHON)) .venv
	$(UV) pip install --quiet --python .venv/bin/python $(addprefix --extra-index-url ,$(PIP_EXTRA_INDEX_URL)) -r requirements.lock
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --editable .
endif
	@touch $@

# Sphinx reads pages from a folder of its own, so that a notebook is shown as it was executed.
book: .venv/ready scratch/book-report.html
	python -m dime.reporting.book scratch/book-source
	sphinx-build -q -j auto -W --keep-going -b html -c docs -d scratch/book-trees scratch/book-source scratch/book
	@echo "The book: scratch/book/index.html, in a browser; its search works from file, too"

scratch/book-report.html: .venv/ready $(wildcard dime/reporting/examination_page* dime/data/demo/*)
	@mkdir -p scratch
	dime report dime/data/demo --mask dime/data/demo/mask.nii.gz -o $@
