"""The number of bands of the images, said once: by the mean of Normalize."""

from collections.abc import Iterator, Mapping
from typing import Any

from mmseg.config.leaves import leaves, parts_of_training
from mmseg.registry import MODELS, accepted_arguments

RGB = 3
NAMES = ('in_chans', 'in_channels')


def with_channels(values: dict[str, Any]) -> str | None:
    """Let the encoder take as many channels as the images are normalised for, if the config does not say how many.

    Changes ``values`` in place; returns what was set, or None.
    """
    backbone = (values.get('model') or {}).get('backbone')
    if not isinstance(backbone, dict) or any(name in backbone for name in NAMES):
        return None
    counts = {len(mean) for mean in _means(values.get('data') or {})}
    if len(counts) != 1 or counts == {RGB}:
        return None
    kind = MODELS.get(str(backbone.get('type')))
    accepted = accepted_arguments(kind) if kind is not None else None
    name = next((name for name in NAMES if accepted and name in accepted), None)
    if name is None:
        return None
    (backbone[name],) = counts
    return f'model.backbone.{name}={backbone[name]}, as Normalize has so many means'


def _means(data: Mapping[str, Any]) -> Iterator[Any]:
    """The means of Normalize in all pipelines."""
    for part in [*parts_of_training(data.get('train')), data.get('val'), data.get('test')]:
        for leaf in leaves(part) if part else ():
            for step in _steps(leaf):
                if step.get('type') == 'Normalize' and isinstance(step.get('mean'), list | tuple):
                    yield step['mean']


def _steps(leaf: Any) -> Iterator[Mapping[str, Any]]:
    pipeline = leaf.get('pipeline') if isinstance(leaf, Mapping) else None
    for step in pipeline if isinstance(pipeline, list | tuple) else ():
        if isinstance(step, Mapping):
            yield step
            inner = step.get('transforms')
            yield from (one for one in (inner if isinstance(inner, list | tuple) else ()) if isinstance(one, Mapping))
