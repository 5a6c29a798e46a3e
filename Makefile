# Two commands: `make repro` runs the pipeline to the paper, `make test` the tests. Both set .venv up first.
PROFILE ?= default
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# One BLAS thread per process: parallelism is over phantoms, and torch is told its threads by the notebooks.
export OMP_NUM_THREADS ?= 1

.PHONY: repro test lab

repro: .venv/ready params/$(PROFILE).yaml
	@ln -sfn params/$(PROFILE).yaml params.yaml
	@test -d data || test -n "$$DIME_REFERENCE" || dvc pull -q data.dvc 2>/dev/null || \
		echo "Measured slices cannot be fetched: continuing without them, and the paper will say so."
	dvc repro
	@dime summary --readme README.md && echo "The paper: paper/dime.pdf"

test: .venv/ready
	pytest -n 2 --dist loadfile --no-loadscope-reorder

lab: .venv/ready
	jupyter lab

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade pip  # the one that Python brings may be too old for the lock
	.venv/bin/pip install --quiet -r requirements.lock
	.venv/bin/pip install --quiet --no-deps --editable .
	@touch $@
