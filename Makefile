# make            build the module, target/release/libpam_logonbox.so, and the command,
#                 target/release/logonbox
# make demo       real logins against a simulated tenant; PHONE=page: you answer in a browser;
#                 MODE=airlock: through Airlock IAM, with the QR code of a hardware token
#                 MODE=sshd: a real sshd in a container, to log in by hand; needs docker or podman
# make test       everything, from a clean clone; needs no root, but for test-hosts
# make test-crates the tests of all crates, and logins through libpam; a part of make test
# make test-browser  the pages and the redirect, in a headless Chromium; a part of make test where
#                 chromium and chromedriver are there
# make test-hosts real sshd, sudo, su and login, in containers; a part of make test where docker or
#                 podman works
# make test-machines  logins in virtual machines, with systemd, SELinux, a directory and power cuts; as
#                 root, with qemu and debootstrap; not a part of make test; MACHINES="trixie selinux/": less
# make test-aws-lc-rs  the clients and the module with aws-lc-rs in place of ring
# make publish-check  pack the crates for other programs, and test each from its package
# make tenant     the simulated tenant as a static binary, target/tenant/logonbox-tenant
# make test-tenant  use that binary in an empty directory, in a container and from pytest; a part of make test
# make soak       ten thousand logins of each kind in one process, and some under valgrind: ten minutes;
#                 LOGINS=300: fewer
# make generate   write conf/pam_logonbox.toml and the settings in docs/man/pam_logonbox.toml.5.md, from the
#                 table in crates/login/src/config/settings.rs; and packaging/man, from docs/man
# make picture    docs/login.svg, from the first login of make demo
# make site       the documents as pages, in target/site, with mdBook; checks their links
# make lint       formatting, clippy, scripts, manual pages, public APIs, and what the dependencies may be
# make bench      what a login costs, beside the least that any client could do: docs/performance.md;
#                 BENCH="cost size": a part of it; ROUNDS=1000: more often
# make crowd      two thousand logins at once
# make fuzz       each parser of foreign bytes against FUZZ_RUNS made-up inputs (50000); docs/fuzzing.md
# make audit      known weaknesses of the dependencies; fetches the RustSec database
# make install    put what `make` built, and an example configuration, in place (as root)
# make uninstall  take the module away again; first take it out of /etc/pam.d
# make packages   a .deb and an .rpm, in target/packages; make deb, make rpm: one of them
#                 ARCH=aarch64: for that architecture, with rustup target add aarch64-unknown-linux-gnu
# make test-packages  look into them, and build them a second time: the same bytes; also with ARCH=aarch64
# make release    the packages of both architectures, the sources, and their checksums: RELEASING.md
# make test-arm64 build those for aarch64 twice, and log in with them, in an emulator; needs root, docker or podman,
#                 debootstrap and qemu-user-static

CARGO ?= cargo
# How many inputs `make fuzz` tries on each parser.
FUZZ_RUNS ?= 50000
DESTDIR ?=
# Where the distribution keeps PAM modules.
PAMDIR ?= $(patsubst %/pam_unix.so,%,$(firstword $(wildcard $(addsuffix /security/pam_unix.so, \
	/lib/$(shell uname -m)-linux-gnu /lib64 /usr/lib64 /lib/*-linux-gnu /lib))))
SCRIPTS = .ci/run fuzz/run tests/bench/run tests/demo.sh site/build tests/picture tests/publish-check tests/tenant/check packaging/portable packaging/common.sh \
	packaging/debian-rustc packaging/third-party packaging/sbom packaging/release \
	packaging/deb/build packaging/rpm/build $(wildcard packaging/deb/debian/*.p*) $(wildcard tests/packages/*) \
	$(addprefix tests/hosts/,base-image demo demo-inside engine foreign-image prepare run) $(addprefix tests/machines/,image prepare run)
# The crates for other programs.
CLIENTS = bounded-https logonbox-authenticator airlock-iam pam-stack
TARGET = $(abspath $(or $(CARGO_TARGET_DIR),target))
MODULE = $(TARGET)/release/libpam_logonbox.so
COMMAND = $(TARGET)/release/logonbox
HELPER = $(TARGET)/release/pam-stack-helper
HELPERDIR = $(DESTDIR)$(PREFIX)/libexec/pam_logonbox
# Where the command goes, with its manual page and what completes it in shells.
PREFIX ?= /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
# Made by the command itself.
MADE = man/man8/logonbox.8 bash-completion/completions/logonbox zsh/site-functions/_logonbox \
	fish/vendor_completions.d/logonbox.fish
PAGES = $(wildcard packaging/man/*)
# Where they go: man5/pam_logonbox.toml.5 and so on.
INSTALLED_PAGES = $(foreach page,$(notdir $(PAGES)),man/man$(subst .,,$(suffix $(page)))/$(page))

ROUNDS = 200
BENCH =

.PHONY: all build demo test soak bench bench-check crowd fuzz audit generate picture site lint install uninstall portable deb rpm packages \
	tenant test-tenant publish-check release test-aws-lc-rs test-crates test-packages test-browser test-hosts test-machines test-arm64

all: build

# Builds of their own: in one, the command's features of a crate would get into the module.
build:
	$(CARGO) build --release --locked
	$(CARGO) build --release --locked --package logonbox
	$(CARGO) build --release --locked --package pam-stack

demo:
	@MODE="$(MODE)" tests/demo.sh

# The logins are tested with the module as it is installed, built without the tests' features.
test-crates: build
	PAM_LOGONBOX_SO=$(MODULE) $(CARGO) test --workspace --exclude browser --locked

test: test-crates
	tests/demo.sh
	MODE=airlock tests/demo.sh
	$(MAKE) test-tenant
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then $(MAKE) test-browser; \
	else echo "NOT TESTED: pages in a browser, because chromium and chromedriver are not both here"; fi
	@if tests/hosts/engine >/dev/null 2>&1; then $(MAKE) test-hosts; \
	else echo "NOT TESTED: real hosts, because neither docker nor podman works here"; fi

# Needs the C library to link with, libc.a: libc6-dev has it, Fedora and RHEL have glibc-static. The
# triple keeps the flag away from the compiler's plugins.
tenant: TRIPLE = $(shell $(or $(RUSTC),rustc) --version --verbose | sed -n 's/^host: //p')
tenant:
	RUSTFLAGS="$(RUSTFLAGS) -C target-feature=+crt-static" \
		$(CARGO) build --release --locked --package logonbox-tenant --target $(TRIPLE)
	install -D "$(TARGET)/$(TRIPLE)/release/logonbox-tenant" "$(TARGET)/tenant/logonbox-tenant"
	mkdir -p "$(TARGET)/tenant/state"

test-tenant: tenant
	tests/tenant/check

# Debug builds, so that target/release keeps the module with ring.
test-aws-lc-rs:
	$(CARGO) check --locked --package bounded-https --no-default-features --features https 2>&1 | \
		grep -q 'needs the feature `ring` or `aws-lc-rs`'
	$(CARGO) test --locked --features aws-lc-rs $(addprefix --package ,bounded-https logonbox-authenticator airlock-iam)
	$(CARGO) build --locked --no-default-features --features aws-lc-rs
	PAM_LOGONBOX_SO=$(TARGET)/debug/libpam_logonbox.so $(CARGO) test --package pam_logonbox --locked --test logins hostile::

publish-check:
	tests/publish-check

soak: build
	@command -v valgrind >/dev/null || { echo "valgrind is missing: apt-get install valgrind (Fedora, RHEL: dnf install valgrind)" >&2; exit 1; }
	@echo "Printed for each kind of end, when all are through: its word in the log, its code, mode and account; then memory of the process,"
	@echo "and bytes allocated, after a tenth, a half and all of the logins. Then what valgrind calls lost after six of each:"
	@echo "the same as after two, but for panics."
	PAM_LOGONBOX_SO=$(MODULE) LOGINS=$(or $(LOGINS),10000) $(CARGO) test --package pam_logonbox --locked --test logins \
		leaks:: -- --nocapture --include-ignored

test-browser:
	$(CARGO) test --package browser --locked

test-hosts: packages
	tests/hosts/run

test-machines: packages
	tests/machines/run $(MACHINES)

# Beside approve and decline, a code that the phone did not show.
ARM64_CASES = packages/ $(foreach program,sshd sudo,$(addprefix $(program)/,approve decline wrong-code))

test-arm64: export ARCH = aarch64
test-arm64:
	export RUSTC=$$(packaging/debian-rustc) && $(MAKE) packages && tests/packages/static && \
		tests/packages/reproducible && tests/hosts/run debian-13 $(ARM64_CASES)

bench: bench-check build
	$(CARGO) build --release --locked --package bench
	@tests/bench/run $(TARGET)/release/bench $(MODULE) $(ROUNDS) $(BENCH)

bench-check:
	@tests/bench/run --check "$(ROUNDS)" $(BENCH)

crowd: BENCH = crowd
crowd: bench

picture:
	tests/picture

site:
	site/build

generate:
	GENERATE=1 $(CARGO) test --quiet --locked --package login --test manual generated

# mandoc knows no pages but those that are installed here, so references are not its to judge.
lint:
	shellcheck -x $(SCRIPTS)
	mandoc -T lint -W warning $(PAGES)
	! mandoc -T lint -W style $(PAGES) 2>&1 | grep -v -e 'referenced manual not found' -e 'mandoc.db'
	$(CARGO) run --quiet --locked --package logonbox -- manual | mandoc -T lint -W style
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	RUSTDOCFLAGS=--deny=warnings $(CARGO) doc --no-deps --locked --all-features $(addprefix --package ,$(CLIENTS))
	for client in $(CLIENTS); do \
		$(CARGO) run --quiet --locked --package api-listing -- $$client || exit; \
		case $$client in logonbox-authenticator) features=ring;; *) features=;; esac; \
		$(CARGO) check --quiet --locked --package $$client --no-default-features --features "$$features" || exit; \
	done
	tests/publish-check --pack
	$(CARGO) deny --workspace --locked check bans licenses sources
	cd fuzz && $(CARGO) fmt --check
	cd fuzz && RUSTFLAGS="--cfg fuzzing" $(CARGO) clippy --all-targets --locked -- --deny warnings
	$(CARGO) deny --manifest-path fuzz/Cargo.toml --config fuzz/deny.toml --locked check bans licenses sources

# Needs g++, for libFuzzer.
fuzz:
	fuzz/run -runs=$(FUZZ_RUNS)

# Not a part of make lint: what it says changes without anything changing here.
audit:
	$(CARGO) deny --workspace --locked check advisories
	$(CARGO) deny --manifest-path fuzz/Cargo.toml --config fuzz/deny.toml --locked check advisories

# Without cargo: root need not have one.
install:
	@test -e "$(MODULE)" || { echo "$(MODULE) is missing: run make first" >&2; exit 1; }
	@test -x "$(COMMAND)" || { echo "$(COMMAND) is missing: run make first" >&2; exit 1; }
	@test -x "$(HELPER)" || { echo "$(HELPER) is missing: run make first" >&2; exit 1; }
	@test -n "$(PAMDIR)" || { echo "say where PAM modules are: make install PAMDIR=/lib/security" >&2; exit 1; }
	install -D -m 0644 "$(MODULE)" "$(DESTDIR)$(PAMDIR)/.pam_logonbox.so.new"
	mv -f "$(DESTDIR)$(PAMDIR)/.pam_logonbox.so.new" "$(DESTDIR)$(PAMDIR)/pam_logonbox.so"
	@if test -e "$(DESTDIR)/etc/security/pam_logonbox.toml"; then \
		echo "/etc/security/pam_logonbox.toml is there already, and stays as it is"; \
	else \
		install -D -m 0644 conf/pam_logonbox.toml "$(DESTDIR)/etc/security/pam_logonbox.toml"; \
	fi
	install -D -m 0755 "$(COMMAND)" "$(DESTDIR)$(PREFIX)/sbin/logonbox"
	install -D -m 0755 "$(HELPER)" "$(HELPERDIR)/pam-stack-helper"
	for file in $(MADE); do install -D -m 0644 /dev/null "$(SHARE)/$$file" || exit 1; done
	"$(COMMAND)" manual >"$(SHARE)/man/man8/logonbox.8"
	for page in $(INSTALLED_PAGES); do \
		install -D -m 0644 "packaging/man/$${page##*/}" "$(SHARE)/$$page" || exit 1; \
	done
	"$(COMMAND)" completions bash >"$(SHARE)/bash-completion/completions/logonbox"
	"$(COMMAND)" completions zsh >"$(SHARE)/zsh/site-functions/_logonbox"
	"$(COMMAND)" completions fish >"$(SHARE)/fish/vendor_completions.d/logonbox.fish"

# A service that names a module that is not there refuses everybody.
uninstall:
	@! grep -ls '^[^#]*pam_logonbox\.so' "$(DESTDIR)"/etc/pam.conf "$(DESTDIR)"/etc/pam.d/* || \
		{ echo "these still name the module: put them back as they were first" >&2; exit 1; }
	rm -f "$(DESTDIR)$(PAMDIR)/pam_logonbox.so" "$(DESTDIR)$(PREFIX)/sbin/logonbox"
	rm -f "$(HELPERDIR)/pam-stack-helper"
	-rmdir "$(HELPERDIR)"
	cd "$(SHARE)" && rm -f $(MADE) $(INSTALLED_PAGES)
	@echo "/etc/security/pam_logonbox.toml and pam_logonbox.keys are left as they are"

# For every Linux since glibc 2.28, and the same in both packages.
portable:
	CARGO_PROFILE_RELEASE_STRIP=symbols packaging/portable --release --locked
	CARGO_PROFILE_RELEASE_STRIP=symbols packaging/portable --release --locked --package logonbox
	CARGO_PROFILE_RELEASE_STRIP=symbols packaging/portable --release --locked --package pam-stack

deb: portable
	packaging/deb/build

rpm: portable
	packaging/rpm/build

packages: deb rpm

release:
	packaging/release

test-packages: packages
	tests/packages/static
	tests/packages/authselect
	tests/packages/pam.d-debian
	tests/packages/pam.d-fedora
	tests/packages/reproducible
