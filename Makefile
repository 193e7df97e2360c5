# Batch Normalization, Computed. `make help` lists what can be made.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PORT   ?= 8000
# What .venv holds: what builds the site, what runs notebooks, all that the project uses.
BOOK   := $(VENV)/.book
LAB    := $(VENV)/.lab
READY  := $(VENV)/.all
PIP    := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar on
# Two workers, one for each core; the tests of one file stay together.
JOBS   ?= 2
PYTEST := $(BIN)/pytest -n $(JOBS) --dist loadfile
NBVAL  := -p nbval --nbval --nbval-current-env --nbval-cell-timeout=300
CHAPTERS := $(wildcard chapters/*.ipynb book/sheets/*.ipynb)
PIP_TOOLS := pip-tools==7.6.2

# One thread: a sum in another order is another number. No bars in stored outputs.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export TQDM_DISABLE := 1
export PYTHONHASHSEED := 0
# Some containers switch this off; each start of Python would then compile its packages anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install book links live pdf serve check test coverage test-portable lab run elsewhere bench assignments exercises killrate mutants lint format requirements configure clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

install: $(READY)  ## make .venv with everything that the project uses, pinned

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(BOOK): requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing what builds the site into $(VENV) (a minute, once) ..."
	$(PIP) --no-compile -c requirements.txt -e ".[book]"
	@touch $@

$(LAB): requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing JupyterLab and PyTorch into $(VENV) (some minutes, once) ..."
	$(PIP) -c requirements.txt -e ".[lab]"
	@touch $@

$(READY): requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing the whole pinned environment into $(VENV) (some minutes, once) ..."
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $(BOOK) $(LAB) $@

book: $(BOOK)  ## build the site into _build/html; any warning is an error
	rm -rf _build/html _build/.doctrees
	$(BIN)/jupyter-book build . -n -W --keep-going
	@echo "The book stands in _build/html/index.html; 'make serve' shows it on http://127.0.0.1:$(PORT)"

links: $(BOOK)  ## ask every address outside the book whether it still answers
	$(BIN)/jupyter-book build . --builder linkcheck --path-output _build/links

live: $(BOOK)  ## gather what runs exercises in the page; the next `make book` takes it in
	$(BIN)/python book/tools/live.py

pdf: $(READY) book  ## print the whole book into _build/pdf; the next `make book` links it
	$(BIN)/python book/tools/pdf

serve: $(BOOK)  ## serve the built site on 127.0.0.1
	@test -f _build/html/index.html || $(MAKE) book
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

# Fewer random examples, and without what `make test` tries in whole classes and other libraries.
SLOW := tests/bnlib/fuzz tests/course/test_nbgrader.py tests/course/test_grading_gradebook.py \
  tests/course/test_grading_class.py tests/course/test_killrate.py \
  tests/bnlib/torch_layers/test_torch_export.py
check: lint  ## check style and types, and run the unit tests of bnlib and bncourse
	$(PYTEST) --hypothesis-profile=quick $(SLOW:%=--ignore=%) tests/bnlib tests/course bnlib bncourse

test: $(READY)  ## run every test: bnlib, chapters, house rules, site
	$(PYTEST) tests bnlib bncourse --durations=15
	$(PYTEST) $(NBVAL) chapters/*.ipynb book/sheets

# Apart from `make test`: counting lines doubles the time of these tests.
coverage: $(READY)  ## count which lines of bnlib and bncourse their tests run
	$(PYTEST) tests/bnlib tests/course bnlib bncourse --cov --cov-report=term

# Another processor's arithmetic: no AVX2, no FMA, other BLAS kernels.
test-portable: export ATEN_CPU_CAPABILITY := default
test-portable: export MKL_CBWR := COMPATIBLE
test-portable: export ONEDNN_MAX_CPU_ISA := SSE41
test-portable: export NPY_DISABLE_CPU_FEATURES := X86_V3
test-portable: export OPENBLAS_CORETYPE := Nehalem
test-portable: export GLIBC_TUNABLES := glibc.cpu.hwcaps=-AVX2,-FMA
test-portable: test  ## run every test with another processor's arithmetic

lab: export TQDM_DISABLE :=
lab: $(LAB)  ## open JupyterLab on the chapters
	$(BIN)/jupyter lab --notebook-dir=. --LabApp.default_url=/lab/tree/chapters

run: $(READY)  ## re-execute the chapters in place, byte-stable
	$(BIN)/python book/tools/run.py $(CHAPTERS)

configure: $(READY)  ## set the address: make configure REPO=owner/name; UNSET=1 removes it
	$(BIN)/python book/tools/configure.py $(if $(REPO),--repo "$(REPO)") \
	  $(if $(SITE),--site "$(SITE)") $(if $(UNSET),--unset)

# `make test` does this for one sheet only.
elsewhere: export BOOK_ELSEWHERE := all
elsewhere: $(READY)  ## run every chapter and sheet where bnlib is missing, as on Colab
	$(BIN)/pytest tests/text/test_elsewhere.py --durations=0 --durations-min=1

bench: $(READY)  ## measure speed, memory and accuracy beside PyTorch (THREADS=1)
	$(BIN)/python book/tools/bench --threads $(or $(THREADS),1)

mutants: $(READY)  ## change bnlib in small ways; tests must notice (MODULES="convert stats.merging")
	$(BIN)/python book/tools/mutants.py $(MODULES)

assignments: $(READY)  ## write an nbgrader course to _build/course (SHEETS="04_batch_norm", or all)
	$(BIN)/python book/tools/assignments.py $(SHEETS)

exercises: $(READY)  ## make the sheets in chapters/exercises from their sources in book/sheets
	$(BIN)/python book/tools/exercises.py

killrate: export BOOK_SEEDS := $(or $(SEEDS),50)
killrate: $(READY)  ## grade right and wrong answers with the exercises' checks (SEEDS=50)
	$(BIN)/pytest -n $(JOBS) tests/course/test_killrate.py

lint: $(READY)  ## check style, types and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/typos

format: $(READY)  ## let ruff format and repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements:  ## pin the environment anew from the ranges in pyproject.toml
	$(PYTHON) -m venv _build/pip-tools
	_build/pip-tools/bin/python -m pip install -q $(PIP_TOOLS)
	CUSTOM_COMPILE_COMMAND="make requirements" _build/pip-tools/bin/pip-compile --upgrade --quiet \
	  --strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --all-extras \
	  --output-file requirements.txt pyproject.toml
	sed -i.orig -E 's/^(torch==[0-9.]+)\+.*/\1/' requirements.txt && rm requirements.txt.orig

clean:  ## remove what was built (the environment stays)
	@test ! -e _build/course/submitted || { echo "_build/course holds submissions; move them first"; exit 1; }
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .coverage
