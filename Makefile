# What a developer does here. `make setup` runs by itself where it is needed.

.PHONY: setup demo test bench torture

# Installs what the machine lacks; quick when nothing is missing.
setup:
	@tests/setup

# Builds Orrery and shows it at work: publish, call, view, kill -9, start again.
demo: setup
	@tests/demo.sh

# Everything that must hold before a change is kept.
test: setup
	cargo fmt --all --check
	cargo fmt --all --check --manifest-path tests/modules/Cargo.toml
	cargo fmt --all --check --manifest-path tests/fuzz/Cargo.toml
	cargo clippy --workspace --all-targets -- -D warnings
	@tests/licences
	npm test --silent --prefix sdk-ts -- --test-reporter=dot
	tests/modules-ts/node_modules/.bin/tsc -p tests/modules-ts
	tests/modules-ts/node_modules/.bin/tsc -p tests/modules-ts/tsconfig.orrery.json
	@tests/build-modules >/dev/null
	cargo test --workspace
	cargo run --quiet -p orrery-tests --bin torture -- --rounds 20

# The speed table. Takes some minutes and wants the machine for itself.
bench: setup
	@tests/setup bench
	@tests/build-modules >/dev/null
	cargo bench -p orrery-tests

# The long crash test, and a minute of each fuzz target.
torture:
	@tests/setup torture
	@tests/build-modules >/dev/null
	cargo run --release --quiet -p orrery-tests --bin torture -- --rounds 200
	tests/fuzz/run 60
