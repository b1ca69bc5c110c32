#!/bin/sh
# Download the weights that training starts from, and the published DAFormer run, each to its place.
#
#   sh tools/download_checkpoints.sh [names of python -m tools.download]

cd "$(dirname "$0")/.." || exit 2
[ $# -gt 0 ] || set -- mit_b3 mit_b4 mit_b5 daformer_gta2cs
for python in .venv/bin/python python python3; do
    if command -v "$python" >/dev/null; then
        exec "$python" -m tools.download "$@"
    fi
done
echo 'error: no Python found; run make install first' >&2
exit 2
