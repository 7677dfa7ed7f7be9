# shellcheck shell=bash
# What the packaging scripts share; sourced.

die() { printf '%s: %s\n' "$0" "$*" >&2; exit 1; }

# need PROGRAM DEBIAN-PACKAGE FEDORA-PACKAGE
need() {
    command -v "$1" >/dev/null ||
        die "$1 is missing: apt-get install $2 (Fedora, RHEL: dnf install $3)"
}

# shellcheck disable=SC2034 # for the scripts that source this
{
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit
need cargo cargo cargo
mkdir -p "${CARGO_TARGET_DIR:-target}"
target=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
host=$(${RUSTC:-rustc} -vV | sed -n 's/^host: //p')
# For which architecture to build and test, as `uname -m` says it: this machine's, or ARCH.
arch=${ARCH:-${host%%-*}}
triple=$arch-${host#*-}
case $arch in
x86_64) debian_arch=amd64 ;;
aarch64) debian_arch=arm64 ;;
*) die "ARCH is x86_64 or aarch64, and not $arch" ;;
esac
module=$target/$triple/release/libpam_logonbox.so
command=$target/$triple/release/logonbox
helper=$target/$triple/release/pam-stack-helper
out=$target/packages
# What people read on a host, beside the manual pages.
documents=(README.md docs/operating.md docs/lost-phone.md docs/automation.md docs/threat-model.md)
version=$(sed -n '/^\[workspace.package\]/,/^$/ s/^version = "\(.*\)"$/\1/p' Cargo.toml)
}

# made_by_command DIRECTORY: the command's manual page, and what completes it in shells.
made_by_command() {
    local runs=$command
    if [[ $triple != "$host" ]]; then
        # The command of another architecture does not run here.
        cargo build --quiet --locked --package logonbox
        runs=$target/debug/logonbox
    fi
    "$runs" manual >"$1/logonbox.8"
    "$runs" completions bash >"$1/logonbox.bash"
    "$runs" completions zsh >"$1/_logonbox"
    "$runs" completions fish >"$1/logonbox.fish"
}

# normalize DIRECTORY: no trace of when, and under which umask, the files came to be.
normalize() {
    find "$1" -type d -exec chmod 0755 {} +
    find "$1" -type f -exec chmod u=rwX,go=rX {} +
    find "$1" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
}
