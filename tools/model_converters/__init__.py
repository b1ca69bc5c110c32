"""Commands: python tools/model_converters/NAME2mmseg.py SRC DST."""
