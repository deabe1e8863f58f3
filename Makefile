# Everything a developer types. `make help` says what there is.

NEEDS := .test-needs
DENY := $(NEEDS)/bin/cargo-deny

.PHONY: help demo quick test soak bench lint deny doc sql

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

demo: ## a whole account synced from a sandbox, tokens expiring, faults on, compared with the truth
	cargo run --quiet -- demo

quick: ## after a small change: format, clippy and the tests that need no server, in about a minute once all is built
	cargo fmt --check
	cargo clippy --lib -- -D warnings
	cargo test --profile dev --lib

test: ## every test; installs what they need (python3, node, PostgreSQL, Java, packages) when it is missing and it may
	tests/support/needs.sh
	cargo test --no-fail-fast
	cargo test --no-fail-fast --no-default-features --features csv --lib

soak: ## the seeded tests with many seeds (SEEDS=50, of which the moving lists make 2,000 runs): hours, not minutes
	tests/support/needs.sh
	SOAK_SEEDS=$${SEEDS:-50} cargo test --no-fail-fast -- drift moving kill generated nightly deletions feed warehouse closing year any_input any_answer

bench: ## measurements, as ratios where a machine matters (ROWS=10000000 for the mirror and a delivery at full size)
	tests/support/needs.sh
	cargo bench --bench bench

lint: $(DENY) ## format, clippy (pedantic), documentation, licences and sources of dependencies
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	cargo clippy --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --quiet
	$(DENY) check --hide-inclusion-graph bans licenses sources

deny: $(DENY) ## the same and known advisories (network)
	$(DENY) check

sql: ## sql/warehouse/ anew, from the streams and the templates
	for engine in $(notdir $(wildcard src/warehouse/templates/*)); do \
		cargo run --quiet -- warehouse sql --engine $$engine --out sql/warehouse/$$engine || exit 1; \
	done

doc: ## the documentation, in a browser
	cargo doc --no-deps --document-private-items --open

$(DENY):
	cargo install cargo-deny --version 0.20.2 --locked --debug --quiet --root $(NEEDS)
