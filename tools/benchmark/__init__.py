"""Door to :mod:`mmseg.commands.benchmark`: python -m tools.benchmark."""
