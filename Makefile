# LLM memory, byte by byte: from a fresh checkout to the course. Needs Python 3.11 or newer, and make.
# PYTHON=/path/to/python chooses the interpreter, ARGS="…" is handed on to the program that a target starts.

PY := .venv/bin/python
READY := .venv/ready
REAL := .venv-verify
HUB := .venv-classroom
GRADER := .venv-nbgrader

# The environment of a checkout that was moved, or of a Python that is gone, is made anew.
CURRENT := $(shell $(PY) -c 'import importlib.util as u, os; \
	print(os.path.samefile(u.find_spec("vram").origin, "lib/vram/__init__.py"))' 2>/dev/null)
ifneq ($(CURRENT),True)
$(shell rm -f $(READY))
endif

# The folder may have any name and the programs any sign to print, whatever the locale knows.
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help lab test robust oldest newest notebooks links slides browser latency lint picture bench verify fuzz preflight site classroom nbgrader pins clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 12

lab: $(READY) ## open the course in JupyterLab; installs what is missing
	$(PY) -m vram.teach.authoring.lab $(ARGS)

test: $(READY) ## run every test, doctest, lesson, solution and deck
	$(PY) -m pytest -n 2 --dist loadfile $(ARGS)

robust: $(READY) ## run cells twice, out of order and after restarts, in a read-only folder, without a home, in a C locale
	$(PY) -m pytest -n 2 --dist loadgroup tests/robustness $(ARGS)

oldest: $(READY) ## run every test with the oldest versions that pyproject.toml allows
	$(call at,lowest-direct)

newest: $(READY) ## run every test with the newest versions that pyproject.toml allows
	$(call at,highest)

# The tests with uv's choice of versions. Two tests are about the pins, and here there are none.
define at
	$(PY) -m pip install --quiet uv
	$(PY) -m uv venv --quiet --clear --python $(or $(PYTHON),$(PY)) .venv-$@
	$(PY) -m uv pip install --quiet --python .venv-$@ --resolution $(1) -e . --group test
	.venv-$@/bin/python -m pytest -n 2 --dist loadfile \
		--deselect tests/test_packaging.py::test_pins_are_complete \
		--deselect tests/test_packaging.py::test_the_pins_are_what_is_installed $(ARGS)
endef

notebooks: $(READY) ## execute the notebooks and write them in canonical form (one: NB=notebooks/…; pictures anew: ARGS=--new-pictures)
	$(PY) -m vram.teach.authoring.notebooks $(ARGS) $(NB)

links: $(READY) ## write the address into all links (ADDRESS=https://github.com/…, or git's origin)
	$(PY) -m vram.teach.authoring.links $(ADDRESS)

slides: $(READY) ## build the decks into slides/_build (needs Node.js)
	cd slides && npm ci --no-audit --no-fund
	$(PY) slides/build.py

browser: $(READY) ## drive lessons in a real Chromium (keep pictures in tests/browser/screenshots: PICTURES=yes)
	$(PY) -m pip install --quiet -r pins-browser.txt
	$(PY) -m pytest -n 2 --dist loadfile tests/browser $(ARGS)

latency: $(READY) ## measure in a real Chromium: from a key press to the new picture of each panel (some: ARGS=04-kv-cache)
	$(PY) -m pip install --quiet -r pins-browser.txt
	$(PY) tests/browser/latency.py $(ARGS)

lint: $(READY) ## look for mistakes in the code without running it
	$(PY) -m ruff check

picture: $(READY) ## draw the picture of the README
	$(PY) -m vram.show.readme

bench: $(READY) ## measure: imports, totals, accelerate beside them, panels, lessons, the test suite
	$(PY) tests/bench.py $(ARGS)

# One thread, because some kernels of a CPU keep a buffer for each.
verify: $(REAL)/ready ## measure everything again with torch, transformers, peft and their kin (all of it: ARGS=--all)
	OMP_NUM_THREADS=1 PYTHONPATH=lib:tests $(REAL)/bin/python tests/oracle/verify.py $(ARGS)

fuzz: $(READY) ## ask 100,000 valid and hostile questions; every answer is right in kind or one clear error
	PYTHONPATH=tests $(PY) -m fuzz $(ARGS)

preflight: $(READY) ## look whether this machine is ready for a class
	$(PY) -m vram.teach.preflight

site: slides ## build the site of all lessons and decks into _site
	$(PY) -m vram.teach.authoring.site.build

classroom: $(HUB)/ready ## hold a class of thirty on a real JupyterHub and measure it (fewer: ARGS="--students 4")
	cd tests/classroom && npm ci --no-audit --no-fund
	$(HUB)/bin/python tests/classroom/run.py $(ARGS)

nbgrader: $(READY) $(GRADER)/ready ## write the lessons for nbgrader into _nbgrader, and grade students with it (one: ARGS="-k 04")
	$(PY) -m vram.teach.authoring.grading
	$(PY) -m pytest -n 2 tests/grading $(ARGS)

pins: $(READY) ## choose the newest versions that pyproject.toml allows, for all Pythons and systems
	$(PY) -m pip install --quiet uv
	$(PY) -m uv $(COMPILE) pyproject.toml --group test -o pins.txt
	$(PY) -m uv $(COMPILE) --group browser -c pins.txt -o pins-browser.txt
	$(PY) -m uv $(COMPILE) pyproject.toml --group classroom -c pins.txt -o pins-classroom.txt
	$(PY) -m uv $(COMPILE) pyproject.toml --group nbgrader -c pins.txt -o pins-nbgrader.txt
	$(PY) -m uv $(COMPILE) --group verify -c pins.txt -o pins-verify.txt
	sed -E '/^(cuda|nvidia|triton)/d' pins-verify.txt > .venv/pins  # torch pins these itself; its CPU build needs none
	mv .venv/pins pins-verify.txt

COMPILE := pip compile --universal --fork-strategy fewest --python-version 3.11 --upgrade --quiet \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make pins"

clean: ## remove everything that make made
	rm -rf .venv .venv-oldest .venv-newest $(REAL) $(HUB) $(GRADER) .cache .hypothesis .pytest_cache .ruff_cache _site slides/_build \
		slides/node_modules tests/classroom/node_modules

$(READY): pins.txt pyproject.toml .ci/venv.sh
	@.ci/venv.sh "$(PYTHON)"
	@touch $(READY)

$(REAL)/ready: pins-verify.txt .ci/venv.sh
	@.ci/venv.sh "$(PYTHON)" $(REAL) pins-verify.txt || { echo $(NO_REAL) >&2; exit 1; }
	@touch $@

$(HUB)/ready: pins-classroom.txt .ci/venv.sh
	@.ci/venv.sh "$(PYTHON)" $(HUB) pins-classroom.txt
	@touch $@

$(GRADER)/ready: pins-nbgrader.txt pyproject.toml .ci/venv.sh
	@.ci/venv.sh "$(PYTHON)" $(GRADER) pins-nbgrader.txt
	@$(GRADER)/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

NO_REAL := "The real libraries cannot be installed here; pip says why above. On Linux the usual index has torch with CUDA, \
	several GB; PyTorch\'s own index has a small build for CPUs: name it in the variable PIP_EXTRA_INDEX_URL."
