PYTHON ?= python3
BIN = .venv/bin

.PHONY: run test check benchmarks defaults screenshots browser clean

run: .venv/app
	$(BIN)/streamlit run app.py

test: check browser
	$(BIN)/pytest -n 2
	node --test tests/player/*.test.mjs

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmarks: .venv/dev
	$(BIN)/python -m benchmarks

# The fitted models that come with the package: after any change of what a fit is.
defaults: .venv/app
	$(BIN)/python -m gmviz.experiments.defaults

screenshots: .venv/dev browser
	$(BIN)/python -m tests.screenshots

.venv/app: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	touch $@

.venv/dev: .venv/app requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@

# The browser tests drive Debian's Chromium; the player's pure parts are tested under node.
browser:
	@command -v chromium >/dev/null && command -v node >/dev/null || { \
	  SUDO=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq chromium nodejs; }

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
