#!/usr/bin/env bash
# Installs a wheel into a fresh virtual environment, and runs the Python example of the documentation there:
#     scripts/check_wheel.sh anoseg-*.whl GOOD_IMAGES IMAGE
set -euo pipefail

wheel=$(realpath "$1")
good=$(realpath "$2")
image=$(realpath "$3")
document=$(realpath "$(dirname "$0")/../crates/anoseg-python/README.md")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${ANOSEG_PYTHON:-python3}" -m venv "$folder/fresh"
"$folder/fresh/bin/pip" install --quiet "$wheel"
"$folder/fresh/bin/anoseg" --version
cd "$folder"
cp -R "$good" good-parts
cp "$image" part.png
# Seconds in place of minutes.
sed -n '/^```python$/,/^```$/{/^```/!p}' "$document" | sed 's/minutes=10/minutes=0.1/' >example.py
grep -q 'minutes=0.1' example.py
echo 'print(inspection)' >>example.py
fresh/bin/python example.py
fresh/bin/python - <<'END'
import time
begun = time.perf_counter()
import anoseg
print(f"imported in {1e3 * (time.perf_counter() - begun):.0f} ms")
END
