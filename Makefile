# Posthouse. `make run` and `make test` are all that a newcomer needs.

CARGO   ?= cargo
PREFIX  ?= /usr/local
SYSTEM  ?= $(PREFIX)/lib
STATIC  := x86_64-unknown-linux-gnu
# No library of the system; and random numbers from the kernel's call, never from /dev, which need not be there.
STATIC_FLAGS := -C target-feature=+crt-static --cfg getrandom_backend="linux_getrandom"
# Relocations in a packed form, which linkers for x86-64 write and glibc reads from 2.36 on: 1.5 MB less of binary, 2.7 MB
# less in memory. The static arm64 binary has none.
PACKED  := $(shell test "$$(uname -m)" = x86_64 && \
  printf 'glibc 2.36\n%s\n' "$$(getconf GNU_LIBC_VERSION 2>/dev/null)" | sort -VC && echo -C link-arg=-Wl,-z,pack-relative-relocs)
FUZZ    := tests/fuzz
FUZZ_SECONDS ?= 60
KILLS   ?= 50
SECONDS := 3600
SESSIONS := 1000
# Debian's package tool, with root's rights where we have not got them.
APT     := $(if $(filter 0,$(shell id -u)),,sudo) apt-get
TARGET  := $(or $(CARGO_TARGET_DIR),target)
BUILT    = $(shell ls -t $(TARGET)/$(STATIC)/release/posthouse $(TARGET)/release/posthouse 2>/dev/null | head -n 1)

# The arm64 build: a compiler unpacked in $(ARM), nothing of it installed.
ARM64   := aarch64-unknown-linux-gnu
ARM     := $(abspath $(TARGET))/arm64
ARM_BINARY := $(ARM)/$(ARM64)/release/posthouse
ARM_TOOLS  := gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static

.PHONY: run test check bench crash fuzz soak docs build static test-static static-arm64 test-arm64 install tools browser arm64-tools

run: build ## build and serve on built-in defaults, data in ./posthouse-data
	$(TARGET)/release/posthouse serve

test: tools browser ## all tests
	$(CARGO) test --locked --no-fail-fast

check: tools ## formatting, lints, dependencies, the systemd unit
	$(CARGO) fmt --check
	CLIPPY_CONF_DIR=$(CURDIR)/.ci $(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) test --locked --test layers --test dependencies --test conformance
	@command -v systemd-analyze >/dev/null || { $(APT) update -q && $(APT) install -qy --no-install-recommends systemd; }
	@# The program need not be installed here: one that is stands for it.
	@unit=$$(mktemp -d) && sed 's#^ExecStart=/usr/bin/posthouse#ExecStart=/bin/true#' systemd/posthouse.service > $$unit/posthouse.service && \
	  systemd-analyze verify --man=no --recursive-errors=no $$unit/posthouse.service; status=$$?; rm -r $$unit; exit $$status
	systemd-analyze security --offline=true --threshold=20 --no-pager systemd/posthouse.service

bench: tools ## speed and memory, against the targets
	$(CARGO) bench --locked --bench house

crash: tools ## the server killed $(KILLS) times in the middle of sixteen writers
	POSTHOUSE_KILLS=$(KILLS) $(CARGO) test --locked --test crash -- --nocapture

fuzz: tools ## every fuzz target for $(FUZZ_SECONDS) seconds
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	@for target in $$(cargo fuzz list --fuzz-dir $(FUZZ)); do \
	  echo "== $$target"; mkdir -p $(FUZZ)/corpus/$$target; \
	  seeds=$(FUZZ)/found/$$target; test $$target != mime || seeds="$$seeds tests/corpus"; \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir $(FUZZ) $$target $(FUZZ)/corpus/$$target $$seeds -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -rss_limit_mb=2048 || exit 1; \
	done

soak: tools ## $(SESSIONS) sessions of households for $(SECONDS) seconds: make soak SECONDS=120
	POSTHOUSE_SOAK_SECONDS=$(SECONDS) POSTHOUSE_SOAK_SESSIONS=$(SESSIONS) $(CARGO) test --release --locked --test soak

docs: tools ## the reference, the sample configuration and the code's own pages, in $(TARGET)/doc
	$(CARGO) doc --locked --no-deps --quiet
	$(CARGO) run --locked --quiet -- ops --markdown > $(TARGET)/doc/operations.md
	$(CARGO) run --locked --quiet -- config show --defaults > $(TARGET)/doc/posthouse.toml
	@echo "$(TARGET)/doc: operations.md, posthouse.toml, posthouse/index.html"

build: tools ## the binary, in $(TARGET)/release
	$(CARGO) rustc --release --locked --bin posthouse -- $(PACKED)

static: tools ## a binary without any library of the system
	CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS='$(STATIC_FLAGS)' \
	  $(CARGO) rustc --release --locked --target $(STATIC) --bin posthouse -- $(PACKED)
	@ldd $(TARGET)/$(STATIC)/release/posthouse 2>&1 | grep -Eq "statically linked|not a dynamic executable"
	@ls -l $(TARGET)/$(STATIC)/release/posthouse

test-static: static ## that binary with an empty root folder: a login, a message in and out
	POSTHOUSE_BINARY=$(abspath $(TARGET))/$(STATIC)/release/posthouse $(CARGO) test --locked --test empty_root -- --nocapture

static-arm64: tools arm64-tools ## the same for 64-bit ARM boards, in $(TARGET)/arm64
	RUSTC=$(ARM)/rustc CARGO_TARGET_DIR=$(ARM) \
	CC_aarch64_unknown_linux_gnu=aarch64-linux-gnu-gcc CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS='$(STATIC_FLAGS)' \
	  $(CARGO) build --release --locked --target $(ARM64)
	@LC_ALL=C aarch64-linux-gnu-readelf -l $(ARM_BINARY) | grep -q "Requesting program interpreter" && \
	  { echo "$(ARM_BINARY) wants libraries of the system" >&2; exit 1; } || ls -l $(ARM_BINARY)

test-arm64: static-arm64 ## that binary, emulated: an account, a login, a message in and out
	POSTHOUSE_BINARY=$(ARM_BINARY) POSTHOUSE_RUNNER=qemu-aarch64-static $(CARGO) test --locked --test other_binary -- --nocapture

install: ## the binary that was built last, and what systemd needs, below $(DESTDIR)
	@test -x "$(BUILT)" || { echo "nothing is built: make build or make static" >&2; exit 1; }
	install -Dm755 "$(BUILT)" $(DESTDIR)$(PREFIX)/bin/posthouse
	install -Dm644 systemd/posthouse.service $(DESTDIR)$(SYSTEM)/systemd/system/posthouse.service
	sed -i 's#/usr/bin/posthouse#$(PREFIX)/bin/posthouse#' $(DESTDIR)$(SYSTEM)/systemd/system/posthouse.service
	install -Dm644 systemd/posthouse.sysusers $(DESTDIR)$(SYSTEM)/sysusers.d/posthouse.conf
	install -Dm644 systemd/posthouse.tmpfiles $(DESTDIR)$(SYSTEM)/tmpfiles.d/posthouse.conf

tools: ## what building needs beside the Rust toolchain: a linker
	@command -v cc >/dev/null || { $(APT) update -q && $(APT) install -qy --no-install-recommends gcc libc6-dev; }

browser: ## what one test needs besides: a Chromium whose pages call each other
	@for name in "$$POSTHOUSE_CHROMIUM" chromium chromium-browser google-chrome; do command -v "$$name" >/dev/null && exit 0; done; \
	  { $(APT) update -q && $(APT) install -qy --no-install-recommends chromium; } || \
	  echo "no Chromium: the test of calls between browsers will fail; POSTHOUSE_CHROMIUM may name one" >&2

# Debian's own Rust for both processors. The package with the standard library carries a version in its name, which is
# asked for; both architectures must be at the same one.
arm64-tools: $(ARM)/rustc
$(ARM)/rustc:
	@command -v dpkg-deb >/dev/null || { echo "the arm64 build needs Debian's packages" >&2; exit 1; }
	$(if $(filter 0,$(shell id -u)),,sudo) dpkg --add-architecture arm64 && $(APT) update -q
	std=$$(apt-cache depends libstd-rust-web-dev | sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\)$$/\1/p') && \
	llvm=$$(apt-cache depends $$std | sed -n 's/.*Depends: \(libllvm[0-9.]*\)$$/\1/p') && \
	$(APT) install -qy --no-install-recommends $(ARM_TOOLS) $$llvm && \
	rm -rf $(ARM)/debs && mkdir -p $(ARM)/debs && cd $(ARM)/debs && \
	apt-get -q -o APT::Sandbox::User=root download rustc-web $$std libstd-rust-web-dev $$std:arm64 libstd-rust-web-dev:arm64 && \
	for deb in *.deb; do dpkg-deb -x $$deb $(ARM) || exit 1; done && rm -rf $(ARM)/debs
	printf '#!/bin/sh\nLD_LIBRARY_PATH=$(ARM)/usr/lib/x86_64-linux-gnu exec $(ARM)/usr/bin/rustc "$$@"\n' > $@ && chmod +x $@
