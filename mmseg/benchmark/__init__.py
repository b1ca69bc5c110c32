"""Measurements of this code base: ``mmseg benchmark --help``. ``options`` lists them, each is a file."""
