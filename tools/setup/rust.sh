# The Rust side: a cargo for the tools, a compiler for EL2 and a linker, clippy and rustfmt.
# Read by tools/setup.sh.
#
# The kernel needs core, alloc and compiler_builtins for aarch64-unknown-none-softfloat. Two routes: rustup
# fetches them where its server answers; otherwise the distribution's compiler and its library source, from
# which they are built once, into a sysroot in the cache. Either way every later build is an ordinary stable one.

# How long rustup may take (seconds): a server that does not answer must not stop us.
readonly rustup_patience=180

release_of() { "$1" -V 2>/dev/null | sed -n 's/^[a-z]* \([0-9.]*\).*/\1/p'; }

# Sets found_cargo and found_rustc to real programs (not rustup's proxies), new enough; fails if there are none.
find_host_rust() {
    local cargo rustc dir
    for dir in "" "$HOME/.cargo/bin/" /usr/bin/; do
        if [ -z "$dir" ] || [ -x "${dir}rustup" ]; then
            cargo=$("${dir}rustup" which cargo 2>/dev/null) && rustc=$("${dir}rustup" which rustc 2>/dev/null) || cargo=
            if [ -n "$cargo" ] && at_least "$(release_of "$rustc")" $min_rust; then break; fi
        fi
        cargo=$(command -v "${dir}cargo") && rustc=$(command -v "${dir}rustc") || cargo=
        if [ -n "$cargo" ] && at_least "$(release_of "$rustc")" $min_rust; then break; fi
        cargo=
    done
    [ -n "$cargo" ] || return 1
    found_cargo=$cargo found_rustc=$rustc
}

# The distribution's Rust: installs it if its version will do. Sets found_cargo and found_rustc.
distribution_rust() {
    local why=$1 flavour version packages
    if [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] && at_least "$(release_of /usr/bin/rustc)" $min_rust; then
        packages=
    else
        apt_update
        packages=
        # Debian's stable releases carry a newer compiler for their browsers under the name -web.
        for flavour in -web ""; do
            version=$(upstream "$(candidate rustc$flavour)")
            if [ -n "$version" ] && at_least "$version" $min_rust; then
                packages="rustc$flavour cargo$flavour"
                break
            fi
        done
        [ -n "$packages" ] || by_hand "no Rust >= $min_rust here and none in this system's packages"
        install "$why" $packages
    fi
    found_cargo=/usr/bin/cargo found_rustc=/usr/bin/rustc
}

# The name that a distribution package has in the flavour of the installed compiler (-web or none).
distribution_flavour() { if dpkg -s rustc-web >/dev/null 2>&1; then echo -web; fi; }

setup_host() {
    if ! command -v cc >/dev/null; then
        install "Cargo links the tools with a C compiler driver, and there is no cc" gcc libc6-dev
    fi
    if ! find_host_rust; then
        local rustup
        rustup=$(command -v rustup || true)
        if [ -n "$rustup" ] && ! rustup which cargo >/dev/null 2>&1; then
            say "rustup is here but has no toolchain; asking it for stable (at most $rustup_patience s)"
            timeout $rustup_patience rustup toolchain install stable --profile minimal >"$cache/rustup.log" 2>&1 9>&- || true
        fi
    fi
    if ! find_host_rust; then
        distribution_rust "there is no cargo >= $min_rust for the tools"
        find_host_rust || fail "the packages' cargo was installed but does not run"
    fi
    CAESURA_HOST_CARGO=$found_cargo CAESURA_HOST_RUSTC=$found_rustc
    say "tools: $("$found_cargo" -V), $found_cargo"
}

has_target() { compgen -G "$("$1" --print sysroot)/lib/rustlib/$target/lib/libcore-*.rlib" >/dev/null; }

setup_kernel() {
    CAESURA_CARGO=$CAESURA_HOST_CARGO CAESURA_RUSTC=$CAESURA_HOST_RUSTC CAESURA_SYSROOT=
    if has_target "$CAESURA_RUSTC"; then
        say "kernel: $("$CAESURA_RUSTC" -V), which has $target"
    elif rustup_target; then
        say "kernel: $("$CAESURA_RUSTC" -V), $target fetched with rustup"
    else
        distribution_rust "rustup cannot give us $target"
        CAESURA_CARGO=$found_cargo CAESURA_RUSTC=$found_rustc
        build_sysroot
        say "kernel: $("$CAESURA_RUSTC" -V), $target built from its library source into $CAESURA_SYSROOT"
    fi
    setup_linker
}

# Asks rustup for the target; false where there is no rustup, it does not manage this compiler, or it cannot fetch.
rustup_target() {
    local toolchain
    command -v rustup >/dev/null || return 1
    toolchain=$(basename "$(dirname "$(dirname "$CAESURA_RUSTC")")")
    rustup toolchain list 2>/dev/null | grep -q "^$toolchain" || return 1
    say "asking rustup for $target (at most $rustup_patience s)"
    if timeout $rustup_patience rustup target add --toolchain "$toolchain" $target >"$cache/rustup.log" 2>&1 9>&- &&
        has_target "$CAESURA_RUSTC"; then
        return 0
    fi
    say "rustup could not: $(grep -m 1 -i error "$cache/rustup.log" || echo "no answer in $rustup_patience s")"
    say "so the distribution's compiler will build it from its library source"
    return 1
}

# Builds core, alloc and compiler_builtins for the target into a sysroot of their own, named after the compiler.
build_sysroot() {
    local source host work name rlib
    name=$("$CAESURA_RUSTC" -vV | cksum | cut -d ' ' -f 1)
    CAESURA_SYSROOT=$cache/sysroot-$(release_of "$CAESURA_RUSTC")-$name
    [ ! -f "$CAESURA_SYSROOT/complete" ] || return 0
    source=$("$CAESURA_RUSTC" --print sysroot)/lib/rustlib/src/rust
    if [ ! -f "$source/library/Cargo.lock" ]; then
        install "the library source, to build core for $target" "rust$(distribution_flavour)-src"
    fi
    say "building core, alloc and compiler_builtins for $target (once, about a minute)"
    host=$("$CAESURA_RUSTC" -vV | sed -n 's/^host: //p')
    work=$cache/sysroot-work
    rm -rf "$work" "$CAESURA_SYSROOT"
    mkdir -p "$work/src" "$CAESURA_SYSROOT/lib/rustlib/$target/lib"
    printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2021"\n[profile.release]\nopt-level = 3\ncodegen-units = 1\npanic = "abort"\n[workspace]\n' >"$work/Cargo.toml"
    printf '#![no_std]\n' >"$work/src/lib.rs"
    # embed-bitcode: the kernel is linked with LTO, core included. The bootstrap variable opens -Z for this one build.
    (
        cd "$work"
        unset RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS
        RUSTC_BOOTSTRAP=1 RUSTC=$CAESURA_RUSTC CARGO_TARGET_DIR=$work/target \
            RUSTFLAGS="-Cembed-bitcode=yes --remap-path-prefix=$source=/rustc/library" \
            "$CAESURA_CARGO" build --release -Zbuild-std=core,alloc,compiler_builtins \
            -Zbuild-std-features=compiler-builtins-mem --target $target
    ) >"$cache/sysroot.log" 2>&1 9>&- || {
        tail -n 15 "$cache/sysroot.log" >&2
        fail "building the sysroot failed; the whole log is $cache/sysroot.log"
    }
    for name in core alloc compiler_builtins; do
        rlib=$(compgen -G "$work/target/$target/release/deps/lib$name-*.rlib") || fail "the build left no lib$name"
        cp "$rlib" "$CAESURA_SYSROOT/lib/rustlib/$target/lib/"
    done
    ln -s "$("$CAESURA_RUSTC" --print sysroot)/lib/rustlib/$host" "$CAESURA_SYSROOT/lib/rustlib/$host"
    rm -rf "$work"
    touch "$CAESURA_SYSROOT/complete"
}

# A linker for bare-metal Arm: the one inside a rustup toolchain, else LLVM's from the distribution.
find_linker() {
    local rustc path
    for rustc in "$CAESURA_RUSTC" "$CAESURA_HOST_RUSTC"; do
        path=$("$rustc" --print sysroot)/lib/rustlib/$("$rustc" -vV | sed -n 's/^host: //p')/bin/rust-lld
        if [ -x "$path" ]; then CAESURA_LINKER=$path; return 0; fi
    done
    # The full path of a versioned package's ld.lld: rustc takes the linker's dialect from the file name.
    for path in $(compgen -G "/usr/lib/llvm-*/bin/ld.lld" | sort -rV) "$(command -v ld.lld || true)"; do
        if [ -x "$path" ]; then CAESURA_LINKER=$path; return 0; fi
    done
    return 1
}

setup_linker() {
    local package=lld
    if ! find_linker; then
        apt_update
        [ -z "$(candidate lld-19)" ] || package=lld-19
        install "a linker for bare-metal Arm; this Rust has no rust-lld" $package
        find_linker || fail "$package was installed but has no ld.lld"
    fi
    say "linker: $CAESURA_LINKER"
}

# clippy and rustfmt of the tools' compiler, and clippy of the kernel's where that is another.
setup_lint() {
    local cargo rustc flavour missing=
    for cargo in "$CAESURA_HOST_CARGO" ${CAESURA_CARGO:+"$CAESURA_CARGO"}; do
        case $cargo in
            /usr/bin/*)
                flavour=$(distribution_flavour)
                [ -x /usr/bin/cargo-clippy ] || missing="$missing rust$flavour-clippy"
                [ -x /usr/bin/cargo-fmt ] || missing="$missing rustfmt$flavour"
                ;;
            *)
                rustc=$(dirname "$cargo")
                if [ ! -x "$rustc/cargo-clippy" ] || [ ! -x "$rustc/cargo-fmt" ]; then
                    say "asking rustup for clippy and rustfmt (at most $rustup_patience s)"
                    timeout $rustup_patience rustup component add clippy rustfmt --toolchain "$(basename "$(dirname "$rustc")")" \
                        >"$cache/rustup.log" 2>&1 9>&- || fail "rustup could not fetch clippy and rustfmt; see $cache/rustup.log"
                fi
                ;;
        esac
    done
    # shellcheck disable=SC2086 # a list of package names
    [ -z "$missing" ] || install "the linters" $(printf '%s\n' $missing | sort -u)
}
