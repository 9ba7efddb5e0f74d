# Stock guests for the system tests and for `make run`, from Debian's packages. Read by tools/setup.sh.
#
# Results, in $cache/guests:
#   linux/Image, linux/Image.gz       Debian's cloud kernel for arm64
#   linux/initrd-shell.cpio.gz        busybox and tools/setup/init-shell: a shell on the console
#   linux/initrd-check.cpio.gz        busybox and tools/setup/init-check: checks the machine, powers off
#   u-boot/u-boot.bin                 U-Boot for QEMU's virt machine
#   SHA256SUMS, PACKAGES              what was taken from where
#
# Always Debian 12's packages, whatever this system is, so that everyone's guests are the same. apt fetches them
# with lists and settings of its own below the cache: nothing is installed, the system's sources and
# architectures stay as they are, root is not needed. apt checks Debian's signature over the lists and the lists'
# checksum over each package.

readonly guest_release=bookworm
readonly guest_results="linux/Image linux/Image.gz linux/initrd-shell.cpio.gz linux/initrd-check.cpio.gz u-boot/u-boot.bin"
# Whose packages apt offers, the first by default; the others as NAME:ARCHITECTURE.
guest_architectures=arm64
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# apt with our own lists, cache and sources, as if this were an arm64 machine with nothing installed.
guest_apt() {
    local tool=$1 dir=$cache/apt
    shift
    "$tool" -q -o Dir::State="$dir/state" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" \
        -o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin \
        -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Architecture=arm64 -o APT::Architectures="$guest_architectures" -o APT::Sandbox::User= -o Acquire::Languages=none "$@"
}

guest_field() { guest_apt apt-cache show --no-all-versions "$1" | sed -n "s/^$2: //p" | head -n 1; }

setup_guests() {
    local guests=$cache/guests
    if given_by_hand "$guests"; then
        say "guests: using the files that were put into $guests"
    elif [ "$(cat "$guests/stamp" 2>/dev/null)" = "$(guest_recipe)" ] && (cd "$guests" && sha256sum --quiet -c SHA256SUMS); then
        say "guests: unchanged, checksums verified"
    else
        make_guests "$guests"
    fi
    CAESURA_GUESTS=$guests
}

guest_recipe() { cat "$root"/tools/setup/{guests.sh,init-{shell,check}} | cksum; }

# All results are there, but no record that we made them.
given_by_hand() {
    local file
    [ ! -e "$1/SHA256SUMS" ] || return 1
    for file in $guest_results; do [ -f "$1/$file" ] || return 1; done
}

make_guests() {
    local guests=$1 work=$cache/guests.new kernel
    guest_architectures=arm64
    rm -rf "$work"
    mkdir -p "$work"/{linux,u-boot,unpacked}
    open_archive
    # The package without a version only depends on the current one.
    kernel=$(guest_field linux-image-cloud-arm64 Depends | grep -o 'linux-image-[0-9][^ ,]*' || true)
    [ -n "$kernel" ] || fail "linux-image-cloud-arm64 does not say which kernel it stands for"
    fetch_package "$kernel" "$work"
    fetch_package busybox-static "$work"
    fetch_package u-boot-qemu "$work"
    cp "$work"/unpacked/boot/vmlinuz-* "$work/linux/Image"
    cp "$work/unpacked/usr/lib/u-boot/qemu_arm64/u-boot.bin" "$work/u-boot/u-boot.bin"
    # The arm64 Image header's magic number, at offset 56 (Documentation/arch/arm64/booting.rst).
    [ "$(dd if="$work/linux/Image" bs=1 skip=56 count=4 2>/dev/null)" = "$(printf 'ARM\144')" ] ||
        fail "$kernel's kernel is not a plain arm64 Image"
    gzip -n -6 -c "$work/linux/Image" >"$work/linux/Image.gz"
    make_initrd "$work" shell
    make_initrd "$work" check
    rm -rf "$work/unpacked"
    # shellcheck disable=SC2086 # a list of files
    (cd "$work" && sha256sum $guest_results >SHA256SUMS)
    guest_recipe >"$work/stamp"
    rm -rf "$guests" "$cache/apt"
    mv "$work" "$guests"
    say "guests: $(tr '\n' ',' <"$guests/PACKAGES" | sed 's/,$//; s/,/, /g')"
}

# Makes apt ready to fetch.
open_archive() {
    command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
        by_hand "the guests come from Debian packages, and there is no apt-get to fetch them with"
    [ -f $keyring ] || install "to verify Debian's packages" debian-archive-keyring
    command -v cpio >/dev/null || install "to write the guests' initramfs" cpio
    rm -rf "$cache/apt"
    mkdir -p "$cache"/apt/{state/lists/partial,cache/archives/partial,packages}
    : >"$cache/apt/status"
    local mirror
    mirror=$(debian_mirror)
    echo "deb [signed-by=$keyring] $mirror $guest_release main" >"$cache/apt/sources.list"
    say "fetching Debian $guest_release's package lists for $guest_architectures (into the cache; nothing is installed)"
    # Without the setting, apt calls it a success when no list could be fetched.
    guest_apt apt-get -o APT::Update::Error-Mode=any update >"$cache/guests.log" 2>&1 9>&- || { tail -n 5 "$cache/guests.log" >&2; fail "cannot fetch $mirror's lists"; }
}

# Fetches one package (apt verifies it), compares its checksum with the list once more, unpacks it.
fetch_package() {
    local name=$1 work=$2 file version
    version=$(guest_field "$name" Version)
    say "fetching $name $version"
    (cd "$cache/apt/packages" && rm -f -- *.deb && guest_apt apt-get download "$name" >>"$cache/guests.log" 2>&1 9>&-) ||
        { tail -n 5 "$cache/guests.log" >&2; fail "cannot fetch $name"; }
    file=$(compgen -G "$cache/apt/packages/*.deb")
    echo "$(guest_field "$name" SHA256)  $file" | sha256sum --quiet -c || fail "$name is not what Debian's list says"
    dpkg -x "$file" "$work/unpacked"
    echo "$name $version" >>"$work/PACKAGES"
}

# A busybox root with tools/setup/init-$2 as /init, and the files that follow in its root. Byte for byte the same each time: fixed times, order and owner.
make_initrd() {
    local work=$1 name=$2 tree=$1/tree applet
    shift 2
    rm -rf "$tree"
    mkdir -p "$tree"/{bin,dev,etc,proc,root,sys,tmp}
    cp "$work/unpacked/bin/busybox" "$tree/bin/busybox"
    for applet in ash awk cat chmod clear cp cttyhack cut date dd df dmesg echo env false find free getty grep gunzip gzip \
        head hostname hwclock kill ln ls mkdir mknod more mount mv nproc ping poweroff printf ps reboot rm sed seq setsid sh \
        sha256sum sleep sort stty sync tail taskset tee test top touch tr true umount uname uptime usleep vi wc which xargs yes zcat; do
        ln -s busybox "$tree/bin/$applet"
    done
    cp "$root/tools/setup/init-$name" "$tree/init"
    [ $# = 0 ] || cp "$@" "$tree/"
    chmod 755 "$tree/init" "$tree/bin/busybox"
    find "$tree" -exec touch -h -d @0 {} +
    (cd "$tree" && find . | sort | cpio -o -H newc -R 0:0 --reproducible --quiet) | gzip -n -9 >"$work/linux/initrd-$name.cpio.gz"
    rm -rf "$tree"
}
