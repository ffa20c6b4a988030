#!/usr/bin/env bash
# Packs an extension that cargo has built as a wheel, as `maturin build` does, which would build it anew:
#     scripts/wheel.sh target/debug/lib_anoseg.so FOLDER
# ANOSEG_PYTHON (otherwise python3) needs the packages maturin and wheel.
set -euo pipefail

extension=$(realpath "$1")
folder=$(realpath -m "$2")
python=$(command -v "${ANOSEG_PYTHON:-python3}")
export PATH="${python%/*}:$PATH"
content=$(mktemp -d)
trap 'rm -rf "$content"' EXIT

cd "$(dirname "$0")/../crates/anoseg-python"
maturin pep517 write-dist-info --metadata-directory "$content" >/dev/null 2>&1
cp -R python/anoseg "$content"
find "$content" -name __pycache__ -prune -exec rm -rf {} +
strip -o "$content/anoseg/_anoseg.abi3.so" "$extension"
mkdir -p "$folder"
"$python" -m wheel pack --dest-dir "$folder" "$content"
