"""HRDA: keys that published configs copy into its head, and training crops that its detail crop fits into."""

from collections.abc import Iterator
from typing import Any

from mmseg.config.rules import across_sections, dead_key, value_at

for _key in ('scales', 'enable_hr_crop', 'hr_slide_inference'):
    dead_key('model.decode_head', _key, "a copy of the segmentor's")


@across_sections
def _detail_crop_fits(values: dict[str, Any]) -> Iterator[str]:
    """Said here rather than in the first iteration, when all data have been indexed and all weights loaded."""
    crop, divisible = value_at(values, 'model.hr_crop_size'), value_at(values, 'model.crop_coord_divisible') or 8
    outer, place = training_crop(values)
    if not (_is_size(crop) and _is_size(outer) and isinstance(divisible, int)):
        return
    if any(side % divisible for side in outer):
        yield (
            f'{place}={tuple(outer)} has to be two multiples of model.crop_coord_divisible={divisible}: edges of the '
            'detail crop are edges of cells of all maps.'
        )
    elif any(inner > side for inner, side in zip(crop, outer, strict=True)):
        yield f'model.hr_crop_size={tuple(crop)} is larger than {place}={tuple(outer)}, the images it is cut from.'


def training_crop(values: dict[str, Any]) -> tuple[Any, str]:
    """(height, width) of the images that are learnt from, and the key that says so; None where no key does."""
    synchronised = value_at(values, 'data.train.sync_crop_size')
    if synchronised is not None:
        return synchronised, 'data.train.sync_crop_size'
    for key in ('data.train.source.pipeline', 'data.train.pipeline'):
        for number, step in enumerate(value_at(values, key) or ()):
            if isinstance(step, dict) and step.get('type') == 'RandomCrop':
                return step.get('crop_size'), f'{key}.{number}.crop_size'
    return None, ''


def _is_size(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(side, int) for side in value)
