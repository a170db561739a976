# The ways into the house. Each sets up what is missing first.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
WORKERS ?= 3
ONE_THREAD := OMP_WAIT_POLICY=PASSIVE OMP_NUM_THREADS=1
AS_USED := OMP_WAIT_POLICY=PASSIVE GOMP_SPINCOUNT=2000

.PHONY: run setup test test-all lint bench bench-codec bench-base bench-real bench-lora bench-transform bench-train screenshots base check clean

run: setup  ## start the studio in the browser
	$(BIN)/python studio.py

setup: $(READY)  ## the virtual environment with the tested versions

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else \
		"Python 3.11 to 3.13 is needed, this is %s; try: make PYTHON=python3.12" % sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

test: setup  ## the fast tests, in three processes of one thread each (a page waits now and then); WORKERS=8 on a larger machine
	$(ONE_THREAD) $(BIN)/python -m pytest -m 'not slow and not gpu' --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test-all: setup  ## all tests that this machine can run, one after the other
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .

bench: setup  ## how fast it is here
	$(AS_USED) $(BIN)/python tests/bench.py

bench-codec: setup  ## how near sounds come back, ours and others': on the demo kit, or SOUNDS=folder
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(ONE_THREAD) $(BIN)/python tests/bench_codec.py $(SOUNDS)

bench-base: setup  ## every figure of the embedded base or of BASE=folder; those with real drums where KITS=folder holds kits
	$(AS_USED) $(BIN)/python tests/bench_base.py $(BASE)
	$(if $(KITS),$(MAKE) bench-real)
	$(if $(KITS),for kit in "$(KITS)"/*/; do $(AS_USED) $(BIN)/python tests/bench_lora.py "$$kit" $(BASE:%=base=%); done)

bench-real: setup  ## real drums against a base: KITS=folder, and BASE=folder for another than the embedded one
	$(AS_USED) $(BIN)/python tests/bench_real.py "$(KITS)" $(BASE)

bench-lora: setup  ## how well a LoRA takes a kit: KIT=folder, and WITH="rank=4 --sweep --unlike folder …"
	$(AS_USED) $(BIN)/python tests/bench_lora.py "$(KIT)" $(WITH)

bench-transform: setup  ## sound to sound, seams of tracks and loops: SOUND=file
	$(AS_USED) $(BIN)/python tests/bench_transform.py "$(SOUND)"

bench-train: setup  ## how fast training is against a plain loop: WITH="--sd15 --device cuda" for a GPU
	$(ONE_THREAD) $(BIN)/python tests/bench_train.py $(WITH)

screenshots: setup  ## pictures of every tab, from the real studio, into docs/screens
	$(AS_USED) $(BIN)/python tests/screenshots.py

base: setup  ## train a base like the embedded one from nothing into build/, in hours on a CPU; goes on where it was interrupted
	$(ONE_THREAD) $(BIN)/python -m studio.engine.base --out build/embedded_base --work build/base-work $(WITH)

check: setup  ## what works here and what to mend
	$(BIN)/python studio.py check

clean:
	rm -rf .venv .pytest_cache .ruff_cache *.egg-info
