#!/bin/sh
# Evaluate a work directory and write its predictions to WORK_DIR/preds/.
#
#   sh test.sh WORK_DIR [options of tools/test.py]

root=$(dirname "$0")
packages='import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, ("torch", "mmengine"))))'
for python in "$root/.venv/bin/python" python python3; do
    if command -v "$python" >/dev/null && "$python" -c "$packages" 2>/dev/null; then
        exec "$python" "$root/tools/test.py" "$@"
    fi
done
echo 'error: no Python with the packages that are needed; run make install first' >&2
exit 2
