"""MIC: it was a set of switches of DACS, ``mask_*``."""

from typing import Any

from mmseg.config.rules import old_spelling
from mmseg.errors import InputError

TODAY = {
    'mask_mode': 'mode',
    'mask_alpha': 'alpha',
    'mask_pseudo_threshold': 'pseudo_threshold',
    'mask_lambda': 'weight',
}
OF_GENERATOR = {'mask_ratio': 'ratio', 'mask_block_size': 'block_size'}


@old_spelling
def _masks(values: dict[str, Any]) -> list[str]:
    """``uda.mask_mode`` and its companions are a further term of any method."""
    uda: Any = values.get('uda')
    if not isinstance(uda, dict):
        return []
    old = {key: uda.pop(key) for key in (*TODAY, 'mask_generator') if key in uda}
    if not old:
        return []
    if old.get('mask_mode') is None:
        return ['uda.mask_* dropped (there are no masks without uda.mask_mode)']
    term: dict[str, Any] = {'type': 'MaskedConsistency'}
    term |= {today: old[key] for key, today in TODAY.items() if key in old}
    generator = old.get('mask_generator') or {}
    if generator.get('type', 'block') != 'block':
        raise InputError(
            f"uda.mask_generator.type={generator['type']!r} is not known: masks are made of blocks ('block')."
        )
    term |= {OF_GENERATOR.get(key, key): value for key, value in generator.items() if key != 'type'}
    if uda.get('source_only'):  # whose settings of the mixed images go
        term |= {key: uda[key] for key in ('color_jitter_strength', 'color_jitter_probability') if key in uda}
    uda['terms'] = [*uda.get('terms', []), term]
    return ["uda.mask_* is now uda.terms=[dict(type='MaskedConsistency', ...)]"]
