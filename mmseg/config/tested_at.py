"""At which size images are tested: results of one checkpoint differ by two points through that alone."""

from collections.abc import Mapping
from typing import Any

from mmseg.config.leaves import leaves


def tested_at(dataset: Any, model: Mapping[str, Any] | None) -> str:
    """How a network of ``model`` sees the images of a description of test data, in words.

    For example ``at 1024x512 (width x height), whole images`` or ``at 2048x1024, windows of 1024x1024 every 512x512``.
    """
    sizes = list(dict.fromkeys(_size(leaf) for leaf in leaves(dataset)))
    return f'{" and ".join(sizes)}, {_windows((model or {}).get("test_cfg") or {})}'


def _size(leaf: Mapping[str, Any]) -> str:
    """Of the last step of the pipeline that says a size."""
    found = 'at their own size'
    steps: Any = leaf.get('pipeline')
    for step in steps if isinstance(steps, list | tuple) else ():
        if isinstance(step, Mapping) and step.get('type') in ('MultiScaleFlipAug', 'Resize'):
            found = _scales(step) + (', mirrored too' if step.get('flip') else '')
    return found


def _scales(step: Mapping[str, Any]) -> str:
    scale, ratios = step.get('img_scale'), step.get('img_ratios')
    ratios = ratios if isinstance(ratios, list | tuple) else [1.0 if ratios is None else ratios]
    if isinstance(scale, list | tuple) and scale and isinstance(scale[0], list | tuple):
        return f'at {" and ".join(_side(one) for one in scale)} (width x height)'
    size = f'{_side(scale)} (width x height)' if isinstance(scale, list | tuple) else 'their own size'
    factors = '' if list(ratios) == [1.0] else f'{", ".join(f"{ratio:g}" for ratio in ratios)} times '
    return f'at {factors}{size}'


def _windows(settings: Mapping[str, Any]) -> str:
    if settings.get('mode') != 'slide':
        return 'whole images'
    crop, stride = (_pair(settings.get(key)) for key in ('crop_size', 'stride'))
    return f'windows of {_side(crop[::-1])} every {_side(stride[::-1])}'


def _pair(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value, value]


def _side(size: Any) -> str:
    return 'x'.join(str(side) for side in size)
