#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that Octet needs; does nothing where all of them are there. Debian 12 and 13 name them
# alike.
#
#   scripts/install_dependencies.sh            to build, run and test
#   scripts/install_dependencies.sh --dev      also the formatter, the fuzzers' compiler and ccache
#   scripts/install_dependencies.sh --python   also Python, for scripts that run the command and read what it wrote
#   scripts/install_dependencies.sh --bench    also PyTorch, which the training benchmark is compared with
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config
  libdnnl-dev ocl-icd-opencl-dev # Debian 12's oneDNN package asks for OpenCL, but does not bring it
  libprotobuf-dev protobuf-compiler
  libyaml-cpp-dev nlohmann-json3-dev libstb-dev libjpeg62-turbo-dev zlib1g-dev libcli11-dev libfmt-dev
  libonnx-dev libprotobuf-dev protobuf-compiler
  libgtest-dev libgmock-dev
  dataset-fashion-mnist
)
dev_packages=(clang-format clang libclang-rt-dev ccache)
bench_packages=(python3 python3-venv python3-torch)

usage() {
  sed -n '3,9s/^# \{0,1\}//p' "$0"
}

for argument in "$@"; do
  case "$argument" in
    --dev) packages+=("${dev_packages[@]}") ;;
    --python) packages+=(python3) ;;
    --bench) packages+=("${bench_packages[@]}") ;;
    --help) usage && exit 0 ;;
    *) printf 'install_dependencies.sh: unknown option %s\n' "$argument" >&2 && usage >&2 && exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  printf 'install_dependencies.sh: this is no Debian or Ubuntu; install by its own means what they call:\n  %s\n' \
    "${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  # One line per architecture that the package is known for.
  states=$(dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null || true)
  [[ $'\n'$states$'\n' == *$'\ninstalled\n'* ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    printf 'install_dependencies.sh: packages are missing, and there is neither root nor sudo to install them. As root:\n' >&2
    printf '  apt-get install -y --no-install-recommends %s\n' "${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

printf 'Installing: %s\n' "${missing[*]}"
# The lists of a new machine are empty, those of an old one may name versions that are gone: fetch them only then.
apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1 || {
  apt_get update
  apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null
}
