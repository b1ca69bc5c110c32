"""Trains a grid in a process of its own, so that a test can kill it: ``python -m tests.engine.run_grid CONFIG ...``."""

import sys

from mmseg.config.load import load_config
from mmseg.engine.grid import run_here

if __name__ == '__main__':
    sys.exit(run_here([load_config(path, trust=True) for path in sys.argv[1:]]))
