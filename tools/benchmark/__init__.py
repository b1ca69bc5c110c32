"""Measurements of this code base; ``python -m tools.benchmark --help``.

Every module without a leading underscore is one measurement: ``add_arguments(parser)`` names its settings, and
``run(args)`` returns a dict that is plain JSON, in which ``rows`` (a list of dicts with the same keys) is the table.
"""
