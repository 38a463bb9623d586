#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command in a clone of this checkout on a machine that has nothing: a minimal Debian root, made with debootstrap,
# with make and git added (what a newcomer clones and starts with). Shows that the two commands of the README are enough.
# Needs root and debootstrap; writes only below OCTET_BARE_ROOTS.
#
#   scripts/try_in_bare_root.sh bookworm make demo       Debian 12
#   scripts/try_in_bare_root.sh trixie make test         Debian 13
#
# The clone holds what is committed. Root and clone are kept between calls, so that `make test` finds what `make demo`
# built; --fresh first makes both anew. All output is also appended to OCTET_BARE_ROOTS/SUITE.log.
#
#   OCTET_BARE_ROOTS       where the roots go (/tmp/octet-bare-roots)
#   OCTET_DEBIAN_MIRROR    where the packages come from (http://deb.debian.org/debian)
set -euo pipefail

roots=${OCTET_BARE_ROOTS:-/tmp/octet-bare-roots}
mirror=${OCTET_DEBIAN_MIRROR:-http://deb.debian.org/debian}

fresh=no
if [[ ${1:-} == --fresh ]]; then
  fresh=yes
  shift
fi
if [[ $# -lt 2 || $EUID -ne 0 ]] || ! command -v debootstrap >/dev/null; then
  sed -n '3,15s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
suite=$1
shift
root=$roots/$suite
checkout=$(cd "$(dirname "$0")/.." && pwd)

mkdir -p "$roots"
exec > >(tee -a "$roots/$suite.log") 2>&1

# A mount namespace of its own: /proc and /dev in the root vanish with the command, whatever ends it.
in_root() {
  unshare --mount --propagation private bash -euc '
    root=$1
    shift
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"' in_root "$root" "$@"
}

say() {
  printf '[%s %s] %s\n' "$(date +%H:%M:%S)" "$suite" "$*"
}

[[ $fresh == no ]] || rm -rf --one-file-system "$root"
if [[ ! -e $root/.octet-ready ]]; then
  say "debootstrap --variant=minbase $suite $mirror"
  debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$roots/$suite.debootstrap.log" 2>&1
  # The root reaches its packages the way this machine does (proxy, clock).
  apt-config dump | grep -E '^Acquire::(http|https|Check)' >"$root/etc/apt/apt.conf.d/99host" || true
  cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
  say "apt-get install -y --no-install-recommends git make"
  in_root apt-get -qq update
  in_root apt-get -qq install -y --no-install-recommends git make >/dev/null
  touch "$root/.octet-ready"
fi

say "git clone, at $(git -C "$checkout" rev-parse --short HEAD)"
if [[ -d $root/root/octet ]]; then
  git -C "$root/root/octet" fetch -q "$checkout" HEAD
  git -C "$root/root/octet" reset -q --hard FETCH_HEAD
else
  git clone -q --no-hardlinks "$checkout" "$root/root/octet"
fi
say "$*"
status=0
in_root sh -c 'cd /root/octet && exec "$@"' sh "$@" || status=$?
say "exit code $status"
exit "$status"
