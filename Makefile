# make            build the module: target/release/libpam_logonbox.so
# make demo       real logins against a simulated tenant; PHONE=page: you answer in a browser
# make test       everything, from a clean clone; needs no root
# make lint       formatting, clippy, and what the dependencies may be
# make install    put the module and an example configuration in place (as root)

CARGO ?= cargo
DESTDIR ?=
# Where the distribution keeps PAM modules.
PAMDIR ?= $(shell ls -d /lib/*-linux-gnu/security /lib64/security /usr/lib64/security /lib/security 2>/dev/null | head -n 1)
MODULE = target/release/libpam_logonbox.so

.PHONY: all build demo test lint install

all: build

build:
	$(CARGO) build --release --locked --package pam_logonbox

demo:
	@tests/demo.sh

# The logins are tested with the module as it is installed, built without the tests' features.
test: build
	PAM_LOGONBOX_SO=$(CURDIR)/$(MODULE) $(CARGO) test --workspace --locked
	tests/demo.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	$(CARGO) deny --workspace --locked check bans licenses sources

install: build
	@test -n "$(PAMDIR)" || { echo "say where PAM modules are: make install PAMDIR=/lib/security" >&2; exit 1; }
	install -D -m 0644 $(MODULE) "$(DESTDIR)$(PAMDIR)/pam_logonbox.so"
	@if test -e "$(DESTDIR)/etc/security/pam_logonbox.toml"; then \
		echo "/etc/security/pam_logonbox.toml is there already, and stays as it is"; \
	else \
		install -D -m 0600 conf/pam_logonbox.toml "$(DESTDIR)/etc/security/pam_logonbox.toml"; \
	fi
