#!/usr/bin/env bash
# Makes sure that what a target needs is there, then runs the project's tool.
#
#   tools/setup.sh [--verify] [GROUP...] [-- ARGUMENT...]
#
# Groups: host (a cargo for the tools), kernel (host, a Rust for EL2, a linker), lint (host, clippy, rustfmt),
# qemu (QEMU >= 10, dtc), guests (a Debian kernel, a busybox initramfs, U-Boot), module (guests, and an initramfs with a
# kernel module that makes hypercalls), kconfig (the Kconfig trees of Linux, U-Boot and busybox with their own C `conf`).
# Without a group and without `--`: all but module and kconfig, which only what uses them asks for. --verify looks at everything again, checksums included, even if nothing seems to be due.
# After `--` stand arguments for the tool (tools/cli), which is built and run.
#
# What it finds or fetches is written down in ${CAESURA_CACHE:-~/.cache/caesura}/env as KEY=VALUE lines. Beside
# it lies a stamp per group: as long as this script and the programs found are the same files as then, there is
# nothing to do and nothing is run. It says what it does and why, asks for root only to install packages,
# and can be run again at any time, also twice at once.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${CAESURA_CACHE:-$HOME/.cache/caesura}
# The oldest Rust our dependencies and edition accept, and the QEMU that has the machines we test on.
readonly min_rust=1.88 min_qemu=10.0
readonly target=aarch64-unknown-none-softfloat
# What the env file holds, in this order. The kernel's Rust may be another than the tools'.
readonly keys="HOST_CARGO HOST_RUSTC CARGO RUSTC SYSROOT LINKER QEMU DTC GUESTS KCONFIG"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

read_env() {
    local key value
    for key in $keys; do printf -v "CAESURA_$key" '%s' ''; done
    [ -f "$cache/env" ] || return 0
    while IFS='=' read -r key value; do
        case " $keys " in *" ${key#CAESURA_} "*) printf -v "$key" '%s' "$value" ;; esac
    done <"$cache/env"
}

write_env() {
    local key name
    for key in $keys; do name=CAESURA_$key; printf '%s=%s\n' "$name" "${!name}"; done >"$cache/env.new"
    mv "$cache/env.new" "$cache/env"
}

# What a group's result hangs on: this script, the toolchain asked for, and the files found.
fingerprint() {
    local files=()
    case $1 in
        host) files=("$CAESURA_HOST_CARGO" "$CAESURA_HOST_RUSTC" cc) ;;
        kernel) files=("$CAESURA_CARGO" "$CAESURA_RUSTC" "$CAESURA_LINKER" "${CAESURA_SYSROOT:-/}") ;;
        lint) files=("$CAESURA_HOST_CARGO" "${CAESURA_HOST_CARGO%/*}"/cargo-{clippy,fmt}) ;;
        qemu) files=("$CAESURA_QEMU" "$CAESURA_DTC") ;;
        guests) files=("${CAESURA_GUESTS:-/nowhere}"/{linux/{Image{,.gz},initrd-{shell,check}.cpio.gz},u-boot/u-boot.bin}) ;;
        module) files=("${CAESURA_GUESTS:-/nowhere}"/linux/{Image,initrd-calls.cpio.gz} "$root"/tests/linux/*) ;;
        kconfig) files=("${CAESURA_KCONFIG:-/nowhere}"/{{linux,u-boot,busybox}/scripts/kconfig/conf,venv/bin/{python3,pytest}}) ;;
    esac
    local file
    for file in "${files[@]}"; do
        [ "$file" != cc ] || file=$(command -v cc) || return 1
        [ -n "$file" ] && [ -e "$file" ] || return 1
    done
    [ "$1" != host ] || files[2]=$(command -v cc)
    echo "toolchain ${RUSTUP_TOOLCHAIN:-default}"
    # A folder's times change with what lies in it, so of folders only the name counts.
    stat -L -c '%n %F' "${files[@]}" | grep -v ' regular file$' || true
    stat -L -c '%F %n %s %Y' "${files[@]}" | grep '^regular' || true
    cat "$root/tools/setup.sh" "$root"/tools/setup/* | cksum
}

up_to_date() {
    local now
    [ -f "$cache/stamp.$1" ] && now=$(fingerprint "$1") && [ "$now" = "$(<"$cache/stamp.$1")" ]
}

verify=no groups=() tool=no
while [ $# -gt 0 ]; do
    case $1 in
        --verify) verify=yes ;;
        --) tool=yes; shift; break ;;
        host | kernel | lint | qemu | guests | module | kconfig) groups+=("$1") ;;
        -h | --help) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) fail "unknown group '$1' (there are: host kernel lint qemu guests module kconfig)" ;;
    esac
    shift
done
if [ ${#groups[@]} = 0 ] && [ $tool = no ]; then groups=(host kernel lint qemu guests); fi
# The module is for the guests' kernel.
case " ${groups[*]-} " in
    *" guests "*) ;;
    *" module "*) groups=(guests "${groups[@]}") ;;
esac
# The tool itself needs a host Rust, and so do the kernel's build scripts and the linters.
case " ${groups[*]-} " in
    *" host "*) ;;
    *) if [ $tool = yes ] || [[ " ${groups[*]-} " =~ \ (kernel|lint)\  ]]; then groups=(host "${groups[@]}"); fi ;;
esac

read_env
due=()
for group in "${groups[@]}"; do
    if [ $verify = yes ] || ! up_to_date "$group"; then due+=("$group"); fi
done

if [ ${#due[@]} -gt 0 ]; then
    mkdir -p "$cache"
    # One set-up at a time; the second then finds the first one's work done.
    exec 9>"$cache/lock"
    if command -v flock >/dev/null; then flock 9; read_env; fi
    for part in packages rust emulator guests module kconfig; do . "$root/tools/setup/$part.sh"; done
    for group in "${due[@]}"; do
        if [ $verify = no ] && up_to_date "$group"; then continue; fi
        "setup_$group"
        write_env
        fingerprint "$group" >"$cache/stamp.$group" || fail "$group: something just found is gone again"
    done
    exec 9>&-
    say "done: ${due[*]} (results in $cache/env)"
fi

[ $tool = yes ] || exit 0
cd "$root"
for key in $keys; do export "CAESURA_$key"; done
export CAESURA_CACHE=$cache
# make hands on its variables also when nobody set them: empty means not set.
for key in BOARD MODEL SYSTEM FRAGMENTS CPUS ICOUNT GDB TIMEOUT FILTER; do [ -n "${!key-}" ] || unset "$key"; done
# The user's flags are for the user's own programs; the tools build the same everywhere.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET
export RUSTC=$CAESURA_HOST_RUSTC
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
"$CAESURA_HOST_CARGO" build --quiet --locked --package cli --bin caesura
exec "$CARGO_TARGET_DIR/debug/caesura" "$@"
