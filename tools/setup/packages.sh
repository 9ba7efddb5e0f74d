# Installing distribution packages: what is asked for first, the package manager called once, root only then.
# Read by tools/setup.sh.

# What a person on a system we cannot install on has to bring along.
by_hand() {
    cat >&2 <<TEXT
setup: error: $1
setup: This script installs packages on Debian and systems derived from it (apt-get). Elsewhere, please install by hand:
  - Rust >= $min_rust with rustup, then: rustup target add $target; rustup component add clippy rustfmt
  - a C compiler driver named cc (for the tools' build scripts)
  - lld, if the Rust toolchain has no rust-lld
  - QEMU >= $min_qemu (qemu-system-aarch64) and dtc on the PATH
  - guests (for SYSTEM=linux and U-Boot): see tools/setup/guests.sh for the files expected under
    $cache/guests; files that you put there are used as they are
Then run this again: it uses what it finds.
TEXT
    exit 3
}

# $1 >= $2, both dotted numbers.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        say "root is needed to install packages; running: sudo $*"
        sudo "$@"
    else
        fail "root is needed, and there is no sudo. Run as root: $*"
    fi
}

apt_updated=no
apt_update() {
    [ $apt_updated = no ] || return 0
    command -v apt-get >/dev/null || by_hand "something is missing, and there is no apt-get to install it with"
    say "fetching package lists (apt-get update)"
    # A third-party source that fails is not our business; a package that is not found then is.
    as_root apt-get -q update >"$cache/apt-update.log" 2>&1 || say "apt-get update complained (see $cache/apt-update.log); going on"
    apt_updated=yes
}

# The version apt would install, empty if there is none.
candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -v '^(none)$' || true; }

# The upstream part of a Debian version: without epoch and revision.
upstream() { local version=${1#*:}; version=${version%%[-+~]*}; printf '%s' "$version"; }

# install WHY [-t RELEASE] PACKAGE...
install() {
    local why=$1
    shift
    apt_update
    say "installing $* ($why)"
    # --no-remove: what the system has is never taken away for our sake.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends --no-remove install "$@" \
        >"$cache/apt-install.log" 2>&1 9>&- || {
        tail -n 15 "$cache/apt-install.log" >&2
        fail "installing $* failed; the whole log is $cache/apt-install.log"
    }
}
