# Two commands on a new machine: `make demo` does the main job, `make test` tests it.
# Both need Python 3.11 or newer and make, and nothing else. For developers: CONTRIBUTING.md.

VENV := .venv
DEMO := demo
ifeq ($(OS),Windows_NT)
  PYTHON ?= python
  BIN := $(VENV)/Scripts
else
  PYTHON ?= python3
  BIN := $(VENV)/bin
endif
# The fixtures of a file are made once. The files' order is that of tests/conftest.py: the slowest first.
PARALLEL := --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: demo demo-look test check mutants docs dist lock clean

# What differs between the labels is how parts move: motion is needed.
demo: $(VENV)/installed
	$(BIN)/stillmotion make-demo-data $(DEMO)/motion --kind motion --videos 170
	$(BIN)/stillmotion compare $(DEMO)/motion --out $(DEMO)/motion-comparison --frames 8 --epochs 20 --split 0.7,0.1,0.2

# What differs is how they look: stills suffice.
demo-look: $(VENV)/installed
	$(BIN)/stillmotion make-demo-data $(DEMO)/look --kind look --videos 260
	$(BIN)/stillmotion compare $(DEMO)/look --out $(DEMO)/look-comparison --frames 4 --epochs 16 --split 0.4,0.05,0.55

# The suite on TensorFlow, then the tests marked jax on JAX.
test: $(VENV)/installed
	$(BIN)/python -m pytest $(PARALLEL) --durations=25
	KERAS_BACKEND=jax $(BIN)/python -m pytest $(PARALLEL) -m jax

check: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_house.py tests/test_packaging.py

# The documentation site: open site/index.html. The variable silences the theme's advertisement of its successor.
docs: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Wheel and sdist in dist/. The wheel is then installed and used in an empty environment.
dist: $(VENV)/installed
	$(BIN)/python -c 'import shutil; shutil.rmtree("dist", ignore_errors=True)'
	$(BIN)/python -m build
	$(BIN)/python tools/try_wheel.py dist/*.whl

# Kill rates of the tests, in docs/testing.md: all packages, or PACKAGE=clips, of a random sample with SAMPLE=60.
mutants: $(VENV)/installed
	PYTHONHASHSEED=0 $(BIN)/python tools/mutants.py $(PACKAGE) $(if $(SAMPLE),--sample $(SAMPLE))

# One constraints file for every Python and system.
lock: $(VENV)/installed
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-header --no-annotate \
	  --no-emit-index-url --output-file constraints.txt pyproject.toml

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "stillmotion needs Python 3.11 or newer: make PYTHON=python3.12")'
	@echo "Installing into $(VENV); this takes some minutes the first time."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[tensorflow,jax,onnx,openvino,litert,pretrained,anomaly,mqtt,ray,tensorboard,docs,dev]'
	touch $@

clean:
	rm -rf $(VENV) $(DEMO) dist site
