#!/usr/bin/env bash
# Builds web/anoseg.wasm. Needs `rustup target add wasm32-unknown-unknown`.
#   --without-simd   for browsers without vector instructions (before 2023); three times slower
set -euo pipefail
cd "$(dirname "$0")/.."

features="+simd128"
if [ "${1:-}" = "--without-simd" ]; then
    features="-simd128"
elif [ $# -gt 0 ]; then
    sed -n '2,3p' "$0" >&2
    exit 2
fi

RUSTFLAGS="-C target-feature=$features" \
    cargo build -p anoseg-web --locked --profile web --target wasm32-unknown-unknown
cp "${CARGO_TARGET_DIR:-target}/wasm32-unknown-unknown/web/anoseg_web.wasm" web/anoseg.wasm
du -b web/anoseg.wasm
