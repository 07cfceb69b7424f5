# What one can do with this tree. Each target delegates; each does its own set-up.
#
#   make demo      walk through all kinds of namespace, in C and Python
#   make test      everything there is to test
#   make build     the C library (target/stage) and the Python module (target/venv)
#   make soak      those tests that find more the longer they run: ten minutes a parser, and hosts killed at any time
#   make bench     what the calls cost, against the kernel's floor
#   make lint      formats, lints and types
#   make install   the C library: DESTDIR= PREFIX= LIBDIR=
#   make install-tools   the examples that replace a command, statically linked: DESTDIR= PREFIX= BINDIR=
#   make clean

PYTHON ?= python3
VENV := target/venv
STAGE := target/stage

.PHONY: build demo test soak bench lint install install-tools clean

build: $(VENV)/built
	@$(MAKE) --no-print-directory -C bindings/c stage STAGE=$(abspath $(STAGE))

demo:
	@PYTHON=$(PYTHON) tests/prerequisites demo
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory -C examples/c STAGE=$(abspath $(STAGE)) OUT=$(abspath target/examples)
	@$(VENV)/bin/python examples/demo.py --c-dir target/examples --python $(VENV)/bin/python

test:
	@PYTHON=$(PYTHON) tests/prerequisites test
	@$(MAKE) --no-print-directory build
	@tests/run

soak:
	@PYTHON=$(PYTHON) tests/prerequisites test
	@NSISO_SOAK=1 cargo test --locked --release --test parsers --test host --test snapshot

bench:
	@PYTHON=$(PYTHON) tests/prerequisites bench
	@$(MAKE) --no-print-directory build
	@tests/bench/run

lint: build
	@tests/lint

install:
	@$(MAKE) --no-print-directory -C bindings/c install

install-tools:
	@$(MAKE) --no-print-directory -C bindings/c stage STAGE=$(abspath $(STAGE))
	@$(MAKE) --no-print-directory -C examples/c install-tools STAGE=$(abspath $(STAGE)) OUT=$(abspath target/examples)

clean:
	rm -rf target

# The module is made anew when a source of it is newer.
$(VENV)/built: $(shell find rust bindings/python Cargo.toml Cargo.lock -type f -not -name '*.so' -not -path '*/__pycache__/*')
	@PYTHON=$(PYTHON) tests/prerequisites build
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps ./bindings/python
	@touch $@
