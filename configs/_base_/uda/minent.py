"""MinEnt (arXiv 1811.12833): predictions of the target shall be certain.

For the runs of tables 41 and 81; the method is not part of this version, which says so when such a run is started.
"""

uda = dict(type='MinEnt')
