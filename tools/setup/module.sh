# An initramfs for the Debian guest with tests/linux/caesura.ko, which makes hypercalls. Read by tools/setup.sh.
#
# Result: linux/initrd-calls.cpio.gz beside the guests of tools/setup/guests.sh: busybox, the module, and
# tools/setup/init-calls. calls.stamp says what it was made from; without that, the file was put there by hand and is used
# as it is.
#
# The module must fit the guests' kernel to the letter, so it is built against that kernel's own headers, with the compiler
# that they name, all from the same Debian release and fetched like the guests: unpacked below the cache, used from
# there, removed afterwards. Nothing is installed, and root is not needed. Only modpost and the compiler run here.

setup_module() {
    local guests=$CAESURA_GUESTS result=$CAESURA_GUESTS/linux/initrd-calls.cpio.gz
    if [ -f "$result" ] && [ ! -f "$guests/calls.stamp" ]; then
        say "module: using $result, which somebody put there"
    elif [ -f "$result" ] && [ "$(<"$guests/calls.stamp")" = "$(module_recipe)" ]; then
        say "module: unchanged"
    else
        make_module
    fi
}

# What it is made from: this, the sources, the kernel.
module_recipe() { cat "$root"/tools/setup/{module.sh,guests.sh,init-calls} "$root"/tests/linux/* "$CAESURA_GUESTS/PACKAGES" | cksum; }

# For those who cannot build it here.
no_module() {
    fail "$1. The system tests that make hypercalls from Linux cannot run without it; all others can. Elsewhere the module is
setup: built with tests/linux/Makefile; an initramfs with it goes to $CAESURA_GUESTS/linux/initrd-calls.cpio.gz"
}

make_module() {
    local guests=$CAESURA_GUESTS work=$cache/module.new host kernel headers compiler binary package packages tree log=$cache/module.log
    [ -f "$guests/PACKAGES" ] || no_module "the guests in $guests were put there by hand, and the module has to fit their kernel"
    command -v dpkg >/dev/null || no_module "building the module needs dpkg"
    host=$(dpkg --print-architecture)
    # The compiler's libraries too: this system may be another release.
    case $host in
        amd64) packages="binutils-aarch64-linux-gnu cpp-VERSION-aarch64-linux-gnu gcc-VERSION-aarch64-linux-gnu" ;;
        arm64) packages="binutils-aarch64-linux-gnu libbinutils cpp-VERSION gcc-VERSION libgcc-VERSION-dev" ;;
        *) no_module "Debian has no compiler from $host to arm64 that we know of" ;;
    esac
    guest_architectures=arm64,$host
    kernel=$(sed -n 's/^linux-image-\([^ ]*\) .*/\1/p' "$guests/PACKAGES")
    open_archive
    headers=linux-headers-$kernel
    if [ -z "$(guest_field "$headers" Version)" ]; then
        say "Debian has a newer kernel by now, and headers for that one only"
        make_guests "$guests"
        kernel=$(sed -n 's/^linux-image-\([^ ]*\) .*/\1/p' "$guests/PACKAGES")
        headers=linux-headers-$kernel
        guest_architectures=arm64,$host
        open_archive
        [ -n "$(guest_field "$headers" Version)" ] || no_module "Debian has no $headers for its own kernel"
    fi
    compiler=$(guest_field "$headers" Depends | grep -o 'gcc-[0-9]*' | head -n 1)
    [ -n "$compiler" ] || no_module "$headers does not say which compiler it needs"
    rm -rf "$work"
    mkdir -p "$work"/{linux,unpacked,module}
    fetch_package busybox-static "$work"
    fetch_package "$headers" "$work"
    for package in $(guest_field "$headers" Depends | grep -o 'linux-headers-[^ ,]*-common'); do fetch_package "$package" "$work"; done
    package=$(guest_field "$headers" Depends | grep -o 'linux-kbuild-[^ ,]*')
    for package in $package ${packages//VERSION/${compiler#gcc-}} libisl23 libmpc3 libmpfr6 libgmp10 zlib1g libzstd1; do
        fetch_package "$package:$host" "$work"
    done
    say "building caesura.ko for Linux $kernel"
    tree=$work/unpacked/usr
    binary=$tree/bin/aarch64-linux-gnu-$compiler
    # The headers know themselves by the path where the package would have been installed.
    sed -i "s|/usr/src/|$tree/src/|" "$tree/src/$headers/Makefile"
    cp "$root"/tests/linux/* "$work/module/"
    # Only what is named here: the user's variables for make and the compiler are for the user's own programs.
    env -i PATH="$tree/bin:$PATH" LC_ALL=C LD_LIBRARY_PATH="$(dirname "$(compgen -G "$tree/lib/*/libmpc.so.3")")" \
        KBUILD_BUILD_TIMESTAMP=@0 KCFLAGS="-ffile-prefix-map=$work=." \
        make -C "$tree/src/$headers" M="$work/module" ARCH=arm64 CROSS_COMPILE="$tree/bin/aarch64-linux-gnu-" \
        CC="$binary" W= modules >"$log" 2>&1 9>&- || {
        tail -n 15 "$log" >&2
        no_module "caesura.ko could not be built; the whole log is $log"
    }
    env LD_LIBRARY_PATH="$(dirname "$(compgen -G "$tree/lib/*/libmpc.so.3")")" \
        "$tree/bin/aarch64-linux-gnu-strip" --strip-debug -o "$work/caesura.ko" "$work/module/caesura.ko"
    make_initrd "$work" calls "$work/caesura.ko"
    mv "$work/linux/initrd-calls.cpio.gz" "$guests/linux/"
    module_recipe >"$guests/calls.stamp"
    rm -rf "$work" "$cache/apt"
}
