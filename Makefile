# make atlas   set up, build an atlas of the bundled corpora and publish it
# make serve   serve what `make atlas` published
# make test    everything that is checked
# make test-next  the database of activations on the newest alpha of Datasette 1.0
# make test-ray   the engine for many machines, on two nodes of this one; installs Ray
# make bench   speed and memory, each against the obvious way, into tests/bench/RESULTS.md
# make faults  kills, full and read-only disks, little memory, bad input, cron lines, by the hundred and thousand (about an hour)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
NEXT   := .venv-next
NEXT_READY := $(NEXT)/.ready
NEXT_DATASETTE := 1.0a41
ATLAS  := atlas.duckdb
SITE   := site
PAGES  := README.md atlas/README.md ingest/README.md queries/README.md schema/README.md
EXPLAINED := --documents medical --documents control

# In one process, so that the packages that run models are imported once.
define BUILD
ingest $(ATLAS) bundled:medical bundled:control
contrast $(ATLAS) medical --positive medical --control control --null 200
explain token $(ATLAS) $(EXPLAINED)
explain token $(ATLAS) --documents medical --limit 8 --study
explain feature $(ATLAS) $(EXPLAINED) --contrast medical --best 10
explain logit $(ATLAS) $(EXPLAINED) --contrast medical --best 5 --pairs 16
circuit patch $(ATLAS) --clean medical --corrupted control --contrast medical --best 1 --limit 12
circuit direct $(ATLAS) --documents medical --contrast medical --best 1
circuit attention $(ATLAS) --contrast medical
circuit steer $(ATLAS) --documents medical --contrast medical --best 1 --limit 16 --words-of medical --generate 12
circuit ablate $(ATLAS) --contrast medical --best 3 --positive medical --control control
evaluate $(ATLAS) --corpus medical
neighbours $(ATLAS)
cluster $(ATLAS) --by decoder --by jaccard
label make $(ATLAS)
label score $(ATLAS)
ingest $(ATLAS) bundled:medical --sae pocket/blocks.1.hook_resid_pre
circuit graph $(ATLAS) --documents medical --contrast medical --best 1 --limit 4
publish $(ATLAS) $(SITE)
endef
export BUILD

# Else each of the hundred processes that tests start, and each that collects them, compiles every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: atlas serve test test-next test-ray bench faults lint readme fix clean

atlas: $(READY)
	@echo "$$BUILD" | $(BIN)/atlas batch
	@echo
	@echo "The first ten candidates for a medical feature of the embedded model:"
	$(BIN)/atlas query $(ATLAS) candidates -p limit=10 -c feature,auroc_confirmed,lift,q,label,label_auroc,example
	@echo
	@echo "What the best of them does to the next token, a dose being its largest activation, beside random features:"
	$(BIN)/atlas query $(ATLAS) steering_by_dose -c feature,dose,kl,kl_random,mean_kl_rank,words_before,words_after,words_random

serve: $(READY)
	$(BIN)/atlas serve $(SITE)

test: $(READY) lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-next: $(NEXT_READY)
	$(NEXT)/bin/python -m pytest -p no:cacheprovider tests/atlas/site/duckdb/test_activations_*.py tests/atlas/publish/test_activations_publish.py

test-ray: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt 'ray[data]'
	$(BIN)/python -m pytest -p no:cacheprovider -m ray tests/ingest/engines

bench: $(READY)
	$(BIN)/python -m tests.bench

faults: $(READY)
	$(BIN)/python -m tests.faults

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cog --check $(PAGES)

readme: atlas
	RENEW_README=1 $(BIN)/cog -r $(PAGES)
	$(BIN)/python -m tests.picture

fix: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/cog -r $(PAGES)

clean:
	rm -rf $(ATLAS) $(ATLAS).wal $(SITE) dist build

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV): this takes a few minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[model,dev]'
	touch $(READY)

# Only what these tests import: the package itself is read from this folder, and asks for Datasette 0.65.
$(NEXT_READY): constraints.txt
	$(PYTHON) -m venv $(NEXT)
	grep -v -i '^datasette' constraints.txt > $(NEXT)/constraints.txt
	$(NEXT)/bin/python -m pip install --quiet --disable-pip-version-check -c $(NEXT)/constraints.txt \
		datasette==$(NEXT_DATASETTE) duckdb duckdb-engine hypothesis pyarrow pytest pyyaml sqlalchemy
	touch $(NEXT_READY)
