# The front door. Every target says what it does and can be run again at any time.
.PHONY: help setup build demo test crash-test fault-test simulate gate-model rck interop race-test rebuild-test bench bench-bulk fuzz ci-full tidy clean bench-gates

help:            ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup:           ## install what is missing (system packages, Python environment, Arrow, DuckDB)
	@tools/bootstrap

build: setup     ## build the command and its library into build/dev
	@tools/build wh

demo: build      ## run the whole example: landing to a traced prediction
	@tools/demo

test: setup      ## build and run every test
	@tools/test

crash-test: build ## kill the daemon and the runner at every failpoint and at random; check what is left
	@tools/build wh_planted
	@.deps/venv/bin/python tests/crash/crash_test.py

fault-test: build ## kills, bit flips, failing calls and edits of the catalog, by the hundred; every outcome counted
	@.deps/venv/bin/python tests/faults/fault_test.py

simulate: setup  ## a minute of simulated lives: faults, deaths and power cuts drawn from seeds
	@tools/simulate --seconds 60

gate-model: setup ## gate verdicts against an independent model, NumPy, SciPy, Great Expectations
	@tools/gate-model

rck: setup       ## Iceberg's REST compatibility kit against the daemon, on SQLite and PostgreSQL
	@tools/rck

interop: setup   ## the matrix: DuckDB, pyiceberg, Spark and ours write and read the same tables
	@tools/interop

race-test: setup ## eight writers on three tables, answers lost, upkeep running; a serial history or not
	@tools/race-test

rebuild-test: build ## 2,000 random projects against a model and against their full rebuild
	@.deps/venv/bin/python tests/rebuild/rebuild_trial.py --projects 2000

bench: setup     ## measure, beside named peers, in one run
	@tools/bench

bench-bulk: setup ## millions of landed rows to sorted features, joins, windows, gates and arrival, beside their peers
	@tools/bench --only bulk join windows gates arrival small

bench-gates: setup ## judge 10 M rows by 21 checks, beside Great Expectations, Pandera and DuckDB
	@tools/bench --only gates

fuzz: setup      ## ten seconds of every fuzz target
	@tools/fuzz 10

ci-full: setup   ## the long run: Clang, plain and release builds, clang-tidy, sanitizers, long fuzzing
	@tools/ci-full

tidy:            ## check format, sizes and layers (tools/tidy --fix mends the format)
	@tools/tidy

clean:           ## remove what was built (not what was installed)
	rm -rf build demo
