"""Training on the source alone: it was a switch of DACS."""

from fnmatch import fnmatchcase
from typing import Any

from mmseg.config.rules import dead_key, old_spelling

dead_key('uda', 'source_only', 'False is what there is', lambda uda: not uda['source_only'])

#: settings of DACS that it has no use for
OF_ADAPTATION = ('alpha', 'pseudo_*', 'imnet_*', 'mix', 'mix_*', 'blur', 'color_jitter_*')


@old_spelling
def _source_only(values: dict[str, Any]) -> list[str]:
    """``dict(type='DACS', source_only=True, ...)`` is a method of its own."""
    uda = values.get('uda')
    if not (isinstance(uda, dict) and uda.get('source_only') is True):
        return []
    del uda['source_only']
    uda['type'] = 'SourceOnly'
    for key in [key for key in uda if any(fnmatchcase(key, pattern) for pattern in OF_ADAPTATION)]:
        del uda[key]
    return ["uda.source_only=True is now uda.type='SourceOnly', without the settings of adaptation"]
