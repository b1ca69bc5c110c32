#!/bin/sh
# Evaluate a work directory and write its predictions to WORK_DIR/preds/.
#
#   sh test.sh WORK_DIR [options of tools/test.py]

root=$(dirname "$0")
for python in "$root/.venv/bin/python" python python3; do
    if command -v "$python" >/dev/null; then
        exec "$python" "$root/tools/test_work_dir.py" "$@"
    fi
done
echo 'error: no Python found; run make install first' >&2
exit 2
