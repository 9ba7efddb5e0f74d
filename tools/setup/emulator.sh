# QEMU, new enough, and dtc. Read by tools/setup.sh.

qemu_release() { "$1" --version 2>/dev/null | sed -n '1s/.*version \([0-9.]*\).*/\1/p'; }

find_qemu() {
    CAESURA_QEMU=$(command -v qemu-system-aarch64) || return 1
    at_least "$(qemu_release "$CAESURA_QEMU")" $min_qemu
}

setup_qemu() {
    local version
    if ! find_qemu; then
        apt_update
        version=$(upstream "$(candidate qemu-system-arm)")
        if [ -n "$version" ] && at_least "$version" $min_qemu; then
            install "QEMU >= $min_qemu, to run the image" qemu-system-arm
        elif [ "$(. /etc/os-release && echo "${VERSION_CODENAME-}")" = bookworm ]; then
            add_backports
            install "QEMU >= $min_qemu from bookworm-backports; bookworm's own is ${version:-missing}" -t bookworm-backports qemu-system-arm
        else
            by_hand "this system's packages have QEMU ${version:-none}, and we need >= $min_qemu"
        fi
        find_qemu || fail "QEMU was installed but is older than $min_qemu"
    fi
    command -v dtc >/dev/null || install "to look at device trees" device-tree-compiler
    CAESURA_DTC=$(command -v dtc)
    say "QEMU $(qemu_release "$CAESURA_QEMU"), $CAESURA_QEMU"
}

# The Debian mirror to fetch from: the one that is named, else the one that this system uses already.
debian_mirror() {
    local mirror=${CAESURA_DEBIAN_MIRROR-}
    [ -n "$mirror" ] || mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -n 's/^deb .*\(https\{0,1\}:[^ ]*\/debian\/\{0,1\}\) .*/\1/p; s/^URIs: *\(https\{0,1\}:[^ ]*\/debian\/\{0,1\}\) *$/\1/p' | head -n 1)
    [ -n "$mirror" ] || fail "apt's sources name no Debian mirror; set CAESURA_DEBIAN_MIRROR to the URL of one (it ends in /debian)"
    printf '%s' "$mirror"
}

add_backports() {
    local list=/etc/apt/sources.list.d/caesura-backports.list
    if apt-cache policy | grep -q 'n=bookworm-backports'; then return 0; fi
    say "adding bookworm-backports to apt's sources ($list): its QEMU is new enough"
    local mirror
    mirror=$(debian_mirror)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" |
        as_root tee "$list" >/dev/null
    apt_updated=no
    apt_update
}
