# shellcheck shell=bash disable=SC2034
# What the scripts share. Source it; it runs nothing by itself.

# The root of the package, wherever the script was called from.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
me="Scripts/$(basename "$0")"

# Debian packages and how to tell that what they bring is there.
build_packages=(pkg-config zlib1g-dev liblz4-dev libsnappy-dev libzstd-dev)
isal_packages=(libisal-dev)
test_packages=(nginx curl wrk openssl mandoc chromium systemd python3)

say() { printf '%s: %s\n' "$me" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Stops with directions if there is no Swift, or one that is too old.
require_swift() {
    command -v swift > /dev/null ||
        fail "Swift is not installed, or not on the PATH. Get 6.3 or later from https://www.swift.org/install/linux/."
    local version
    version=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    [[ -n $version && $(printf '%s\n' 6.3 "$version" | sort -V | head -n 1) == 6.3 ]] ||
        fail "Swift 6.3 or later is needed; this is ${version:-unknown}. See https://www.swift.org/install/linux/."
}

has_command() { PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin" command -v "$1" > /dev/null; }

has_library() { [[ -e /usr/include/$2 ]] || { has_command pkg-config && pkg-config --exists "$1"; }; }

is_there() {
    case $1 in
        zlib1g-dev) has_library zlib zlib.h ;;
        liblz4-dev) has_library liblz4 lz4.h ;;
        libsnappy-dev) has_library snappy snappy-c.h ;;
        libzstd-dev) has_library libzstd zstd.h ;;
        libisal-dev) has_library libisal isa-l.h ;;
        binutils) has_command objcopy ;;
        systemd) has_command systemd-socket-activate ;;
        python3) [[ -x /usr/bin/python3 ]] ;;
        *) has_command "$1" ;;
    esac
}

# ensure PACKAGE…: installs those that are missing, unless `install` is "no": then it fails, naming them.
install=yes
ensure() {
    local package missing=() as_root=()
    for package in "$@"; do
        is_there "$package" || missing+=("$package")
    done
    (( ${#missing[@]} > 0 )) || return 0
    [[ $install == yes ]] || fail "missing: ${missing[*]}. Install them, or run without --no-install."
    has_command apt-get || fail "missing: ${missing[*]}. There is no apt-get here; install what these Debian packages hold."
    if (( EUID != 0 )); then
        has_command sudo || fail "missing: ${missing[*]}. Installing them needs root: run this as root, or install sudo."
        as_root=(sudo)
    fi
    say "installing ${missing[*]} with apt-get …"
    # What is installed for tests must not start serving.
    local policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        # shellcheck disable=SC2064
        trap "${as_root[*]} rm -f $policy" EXIT
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" > /dev/null
        "${as_root[@]}" chmod 755 "$policy"
    fi
    local status=0
    { "${as_root[@]}" apt-get update -qq &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}"; } < /dev/null >&2 || status=$?
    # The trap has to go before `exec` does away with it.
    [[ -z $(trap -p EXIT) ]] || "${as_root[@]}" rm -f "$policy"
    trap - EXIT
    (( status == 0 )) || fail "apt-get could not install ${missing[*]}."
    for package in "${missing[@]}"; do
        is_there "$package" || fail "$package was installed, but what it should bring is not found."
    done
    # Nor at the next boot.
    if [[ " ${missing[*]} " == *" nginx "* ]] && has_command systemctl; then
        "${as_root[@]}" systemctl disable nginx > /dev/null 2>&1 || true
    fi
}

# What another build of a package needs: its traits, and a folder of its own, so that the builds do not undo each other.
isal_build=(--traits default,ISAL --scratch-path .build/isal)

# build_release FOLDER PRODUCT…: builds executables of the package in a folder of ours, with the progress shown, and goes
# there. With the options in `build_options`: the Swift runtime comes inside, so that they start anywhere, and as calls into
# it cost a tenth of the CPU less then.
build_options=(--static-swift-stdlib)
# What is measured is optimised as a whole when it is linked: a call costs 7 % less CPU then, for minutes more of linking.
whole_program=(--experimental-lto-mode=full -Xswiftc -use-ld=lld)
build_release() {
    cd "$root/$1" || exit
    shift
    if [[ ! -d $(swift build -c release "${build_options[@]}" --show-bin-path) ]]; then
        say "building the release; the first time that takes minutes, most of them for BoringSSL …"
    else
        say "building the release …"
    fi
    local product
    for product in "$@"; do
        swift build -c release "${build_options[@]}" --product "$product" < /dev/null >&2
    done
}
