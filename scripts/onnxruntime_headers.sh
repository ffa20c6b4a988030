#!/usr/bin/env bash
# Unpacks ONNX Runtime's C++ headers into FOLDER/onnxruntime, from Debian 13's package: the Python package has only the
# library, which must be at least as new as the headers (1.21). Nothing is installed, and the system's package sources
# stay as they are. Takes some seconds.
#
#     scripts/onnxruntime_headers.sh FOLDER
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2,6p' "$0"; exit 2; }
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial,sources}
cat > "$work/sources/debian.sources" <<'SOURCES'
Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/sources" -o "Dir::State=$work/state"
    -o "Dir::Cache=$work/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
"${apt[@]}" update
(cd "$work" && "${apt[@]}" download libonnxruntime-dev && dpkg-deb --extract libonnxruntime-dev_*.deb unpacked)
mkdir -p "$1"
cp -r "$work/unpacked/usr/include/onnxruntime" "$1/"
