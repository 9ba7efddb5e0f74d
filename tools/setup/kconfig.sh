# What our Kconfig tool is compared with: three real trees, each with its own C `conf`, and kconfiglib.
# Read by tools/setup.sh.
#
# Results, in $cache/kconfig:
#   linux/      Linux 6.12 (6.1 where Debian's backports do not answer): Kconfig files, configurations, scripts
#   u-boot/     Debian's U-Boot: the same parts
#   busybox/    Debian's busybox, whole, with the Config.in files that its build makes from its sources
#   */scripts/kconfig/conf   built from that tree
#   venv/       a Python environment with pytest and kconfiglib
#   SHA256SUMS, PACKAGES     what was taken from where
# What tests/kconfig remembers between runs lies there too and is kept.
#
# apt fetches the sources with lists and settings of its own, as for the guests; it checks Debian's signature over the lists
# and the lists' checksum over each file. Installed are only flex, bison, a C compiler and what unpacks, where they are missing.

readonly kconfig_release=bookworm
# Of Linux and U-Boot only this is unpacked or kept; the rest of a gigabyte says nothing about configurations.
readonly kconfig_parts="Makefile Kconfig* scripts/* */Kconfig* arch/*/configs/* arch/*/Makefile* arch/*/tools/*.sh kernel/configs/*"

setup_kconfig() {
    local result=$cache/kconfig
    if [ "$(cat "$result/stamp" 2>/dev/null)" = "$(kconfig_recipe)" ] && (cd "$result" && sha256sum --quiet -c SHA256SUMS); then
        say "kconfig: unchanged, checksums verified"
    else
        make_kconfig "$result"
    fi
    CAESURA_KCONFIG=$result
}

kconfig_recipe() { cksum <"$root/tools/setup/kconfig.sh"; }

make_kconfig() {
    local result=$1 work=$cache/kconfig.new log=$cache/kconfig.log kept
    : >"$log"
    kconfig_tools
    rm -rf "$work" "$cache/apt"
    mkdir -p "$work/packages"
    open_sources
    unpack_linux "$work"
    unpack_source u-boot "$work"
    unpack_source busybox "$work"
    find "$work/u-boot" -type f ! -name 'Kconfig*' ! -name Makefile ! -path "$work/u-boot/configs/*" ! -path "$work/u-boot/scripts/*" -delete
    find "$work/u-boot" -depth -type d -empty -delete
    build_confs "$work"
    say "installing kconfiglib and pytest into an environment of their own"
    # An environment does not work after it was moved: it is made where it stays.
    rm -rf "$result/venv"
    mkdir -p "$result"
    python3 -m venv "$result/venv" >>"$log" 2>&1 && "$result/venv/bin/pip" install --quiet kconfiglib pytest >>"$log" 2>&1 9>&- ||
        { tail -n 15 "$log" >&2; fail "cannot install kconfiglib and pytest; the whole log is $log"; }
    echo "kconfiglib $("$result/venv/bin/pip" show kconfiglib 2>/dev/null | sed -n 's/^Version: //p')" >>"$work/PACKAGES"
    rm -rf "$work/packages" "$cache/apt"
    (cd "$work" && find linux u-boot busybox -type f -print0 | sort -z | xargs -0 sha256sum >SHA256SUMS)
    for kept in linux u-boot busybox SHA256SUMS PACKAGES; do
        rm -rf "${result:?}/$kept"
        mv "$work/$kept" "$result/$kept"
    done
    kconfig_recipe >"$result/stamp"
    rm -rf "$work"
    say "kconfig: $(tr '\n' ',' <"$result/PACKAGES" | sed 's/,$//; s/,/, /g')"
}

# What unpacking and building needs from the system.
kconfig_tools() {
    local missing=() pair
    command -v apt-get >/dev/null || by_hand "the Kconfig trees come from Debian's source packages, and there is no apt-get to fetch them with"
    for pair in flex:flex bison:bison gcc:gcc xz:xz-utils dpkg-source:dpkg-dev patch:patch; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
    done
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    [ -f $keyring ] || missing+=(debian-archive-keyring)
    [ ${#missing[@]} = 0 ] || install "to unpack the Kconfig trees and build their C conf" "${missing[@]}"
}

# Makes apt ready to fetch sources, into the cache.
open_sources() {
    local mirror suite
    mkdir -p "$cache"/apt/{state/lists/partial,cache/archives/partial}
    : >"$cache/apt/status"
    mirror=$(debian_mirror)
    for suite in $kconfig_release $kconfig_release-backports; do
        echo "deb [signed-by=$keyring] $mirror $suite main"
    done >"$cache/apt/sources.list"
    echo "deb-src [signed-by=$keyring] $mirror $kconfig_release main" >>"$cache/apt/sources.list"
    say "fetching Debian $kconfig_release's lists of sources (into the cache)"
    guest_apt apt-get -o APT::Update::Error-Mode=any update >>"$cache/kconfig.log" 2>&1 9>&- ||
        { tail -n 5 "$cache/kconfig.log" >&2; fail "cannot fetch $mirror's lists"; }
}

# The parts of Linux that a configuration hangs on, from the newest linux-source there is.
unpack_linux() {
    local work=$1 package version="" file archive part wildcards=()
    for package in linux-source-6.12 linux-source-6.1; do
        version=$(guest_field $package Version)
        [ -z "$version" ] || break
    done
    [ -n "$version" ] || fail "Debian $kconfig_release has neither linux-source-6.12 nor linux-source-6.1"
    say "fetching $package $version (150 MB)"
    (cd "$work/packages" && guest_apt apt-get download "$package" >>"$cache/kconfig.log" 2>&1 9>&-) ||
        { tail -n 5 "$cache/kconfig.log" >&2; fail "cannot fetch $package"; }
    file=$(compgen -G "$work/packages/$package*.deb")
    echo "$(guest_field "$package" SHA256)  $file" | sha256sum --quiet -c || fail "$package is not what Debian's list says"
    say "unpacking its Kconfig files, configurations and scripts"
    dpkg -x "$file" "$work/packages/linux"
    archive=$(compgen -G "$work/packages/linux/usr/src/$package.tar.*")
    set -f
    for part in $kconfig_parts; do wildcards+=("$package/$part"); done
    set +f
    mkdir "$work/linux"
    xz -T0 -dc "$archive" | tar -x -C "$work/linux" --strip-components=1 --wildcards "${wildcards[@]}" ||
        fail "$archive does not hold what is expected of Linux's source"
    rm -rf "$file" "$work/packages/linux"
    echo "$package $version" >>"$work/PACKAGES"
}

# A source package with Debian's patches. apt has verified the .dsc, and dpkg-source verifies the rest against it.
unpack_source() {
    local name=$1 work=$2 dsc
    say "fetching the source of $name"
    (cd "$work/packages" && guest_apt apt-get source --download-only "$name" >>"$cache/kconfig.log" 2>&1 9>&-) ||
        { tail -n 5 "$cache/kconfig.log" >&2; fail "cannot fetch the source of $name"; }
    dsc=$(compgen -G "$work/packages/${name}_*.dsc")
    # --no-check is about the maintainer's signature, for which we have no key; checksums are compared all the same.
    dpkg-source --no-check -x "$dsc" "$work/$name" >>"$cache/kconfig.log" 2>&1 ||
        { tail -n 5 "$cache/kconfig.log" >&2; fail "cannot unpack $dsc"; }
    dsc=${dsc##*/"${name}"_}
    echo "$name ${dsc%.dsc}" >>"$work/PACKAGES"
}

# Every tree's own `conf`, from the files and with the parts that its scripts/kconfig/Makefile names.
build_confs() {
    local work=$1 file
    say "building each tree's C conf"
    {
        (cd "$work/linux/scripts/kconfig" && flex -o lexer.lex.c -L lexer.l && bison -o parser.tab.c --defines=parser.tab.h -t -l parser.y &&
            gcc -O2 -w -I. -I../include -o conf conf.c confdata.c expr.c menu.c preprocess.c symbol.c util.c lexer.lex.c parser.tab.c) &&
            (cd "$work/u-boot/scripts/kconfig" && flex -o zconf.lex.c -L zconf.l && bison -o zconf.tab.c -t -l zconf.y &&
                gcc -O2 -w -I. -o conf conf.c zconf.tab.c) &&
            (cd "$work/busybox" && printf 'config PLATFORM_LINUX\n\tbool\n\tdefault y\n' >.platform.in && sh scripts/gen_build_files.sh . . && cd scripts/kconfig &&
                for file in lex.zconf.c zconf.hash.c zconf.tab.c; do cp "${file}_shipped" "$file" || exit 1; done &&
                gcc -O2 -w -I. -DKBUILD_NO_NLS -o conf conf.c zconf.tab.c)
    } >>"$cache/kconfig.log" 2>&1 || { tail -n 15 "$cache/kconfig.log" >&2; fail "cannot build a tree's conf; the whole log is $cache/kconfig.log"; }
}
