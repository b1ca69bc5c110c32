"""What a config of the method of ``outside_method.py`` may say otherwise, and what it has to say elsewhere."""

from mmseg.config.rules import across_sections, old_spelling


@old_spelling
def _flip_weight(values):
    uda = values.get('uda') or {}
    if 'flip_weight' not in uda:
        return []
    uda['mirror_weight'] = uda.pop('flip_weight')
    return ['uda.flip_weight is now uda.mirror_weight']


@across_sections
def _needs_room(values):
    if (values.get('uda') or {}).get('type') == 'Mirrored' and values['data']['samples_per_gpu'] > 64:
        yield "uda.type='Mirrored' keeps three images of every sample: set data.samples_per_gpu to 64 at most."
