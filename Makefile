# make lab, make book and make test each make their own environment first.
#   PY=python3.12      the Python to make it from        VENV=.venv          where it goes
#   EXTRAS=dev,bench   with the rivals of benchmarks/    JOBS=2              pytest workers
#   TORCH_INDEX=       the CUDA build of torch without an NVIDIA driver on this machine
#   ARGS='-x -k bits'  more words for the command of lab, book or test
PY     ?= python3
VENV   ?= .venv
EXTRAS ?= dev
JOBS   ?= 2

BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY  := $(VENV)/.done-$(EXTRAS)
CPU_INDEX := https://download.pytorch.org/whl/cpu
# Linux without an NVIDIA driver: PyTorch's own index has the CPU build, a tenth of the size of the default one.
TORCH_INDEX ?= $(if $(filter Linux,$(shell uname -s)),$(if $(shell command -v nvidia-smi),,$(CPU_INDEX)))
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Only torch itself may come from that index.
TORCH  := torch $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.DEFAULT_GOAL := help
.PHONY: help lab book serve offline pdf test lint format refresh lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@$(PY) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, and $(PY) is " + sys.version.split()[0] + ". Name another: make PY=python3.12 ...")'
	@echo "Making the environment $(VENV) (once; a few minutes)"
	$(PY) -m venv $(VENV)
	$(PIP) -c constraints.txt $(TORCH)
	$(PIP) -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

lab: $(READY) ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks $(ARGS)

book: $(READY) ## build the book into _build/html
	$(BIN)/jupyter-book build . -n -W --keep-going $(ARGS)

serve: book ## build the book and show it at http://localhost:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

offline: book ## one archive for a USB stick: book, notebooks, package (WHEELS=--wheels: all packages)
	$(BIN)/python .ci/offline.py $(WHEELS) $(if $(TORCH_INDEX),--torch-index $(TORCH_INDEX))

pdf: book ## print chapters as handouts and as slides (CHAPTERS=01_ngram SOLUTIONS=open)
	$(BIN)/python .ci/pdf.py $(if $(SOLUTIONS),--solutions $(SOLUTIONS)) $(CHAPTERS)

# One thread a worker: two workers of two threads each on two cores are slower than one.
test: $(READY) ## run every test: code, notebooks, book, browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) $(ARGS)

lint: $(READY) ## check style and formatting, notebooks too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY) ## mend style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

refresh: $(READY) ## run the notebooks and store their outputs (NOTEBOOKS=... for some)
	$(BIN)/python .ci/refresh.py $(NOTEBOOKS)

lock: ## write constraints.txt anew from the newest of everything (make it with Python 3.11)
	rm -rf $(VENV)-lock && $(PY) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet torch --extra-index-url $(CPU_INDEX)
	$(VENV)-lock/bin/python -m pip install --quiet -e '.[dev,bench,pretrained]'
	$(VENV)-lock/bin/python -m pip check
	{ echo '# The versions that were tested together, written by make lock. Bounds are in pyproject.toml.'; \
	  $(VENV)-lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt

clean: ## remove what was built, but not the environment
	rm -rf _build .pytest_cache .ruff_cache .hypothesis
	find lmcourse tests benchmarks .ci -name __pycache__ -type d -exec rm -rf {} + 2>/dev/null || true
