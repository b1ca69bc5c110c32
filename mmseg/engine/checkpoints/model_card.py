"""What is told beside weights that are passed on: filled in where the checkpoint knows, open elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmseg.config.leaves import leaves
from mmseg.engine.provenance import saved_config
from mmseg.models.weights.download import sha256_of
from mmseg.writing import write_text

OPEN = '*to be filled in*'
TEMPLATE = """# {name}

| | |
| --- | --- |
| file | `{file}`, {megabytes:.1f} MB |
| SHA-256 | `{sha256}` |
| written by | mmseg {version} |
| network | {network} |
| method | {method} |
| trained on | {source} |
| adapted to | {target} |
| iterations | {iterations} |
| weights | {weights} |
| classes | {classes} |
| licence of the weights | {open} |
| licences of the data | {open} |

## Results

{open}: on which data set and split, mIoU of which seeds, by which command (`mmseg test`).

## Use

    mmseg predict photos/ CONFIG {file} --out predictions

`CONFIG` is the config that it was trained with. The file holds one network and loads without trust in its origin.

## Limits

{open}: places, weather, cameras and groups of people that the training data do not show; classes that fail.
"""


def write_card(path: Path, *, meta: Mapping[str, Any], public: Mapping[str, Any], weights: str) -> Path:
    """Write the model card of the published file ``path`` beside it.

    Args:
        path: of the file.
        meta: of the checkpoint that it was made of; paths in it are not told.
        public: what the file says of itself.
        weights: 'student' or 'teacher'.

    Returns:
        Where it is.
    """
    config = saved_config(meta.get('config')) or {}
    train = (config.get('data') or {}).get('train') or {}
    pair = 'source' in train and 'target' in train
    card = path.with_suffix('.md')
    text = TEMPLATE.format(
        name=path.stem,
        file=path.name,
        megabytes=path.stat().st_size / 1e6,
        sha256=sha256_of(path),
        version=public['mmseg_version'],
        network=_network(config.get('model') or {}),
        method=(config.get('uda') or {}).get('type') or ('supervised training' if config else OPEN),
        source=_data_sets(train['source'] if pair else train),
        target=_data_sets(train['target']) if pair else 'nothing: one domain' if config else OPEN,
        iterations=public.get('iter', OPEN),
        weights=weights,
        classes=', '.join(public.get('CLASSES', [OPEN])),
        open=OPEN,
    )
    write_text(card, text)
    return card


def _network(model: Mapping[str, Any]) -> str:
    parts: Sequence[Any] = [model.get('type'), *((model.get(part) or {}) for part in ('backbone', 'decode_head'))]
    named = [part if isinstance(part, str) else part.get('type') for part in parts if part]
    return ', '.join(map(str, filter(None, named))) or OPEN


def _data_sets(described: Any) -> str:
    found = dict.fromkeys(str(leaf['type']) for leaf in leaves(described) if 'type' in leaf) if described else {}
    return ', '.join(found) or OPEN
