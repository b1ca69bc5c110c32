"""What a run measures of a target that has no labels, as its config asks."""

import logging
from collections.abc import Mapping
from typing import Any

from mmengine import Config
from mmengine.dist import get_dist_info
from mmengine.hooks import Hook
from mmengine.logging import print_log
from torch.utils.data import Subset

from mmseg.arithmetic import DTYPES
from mmseg.config.leaves import first_leaf, has_labels, named_sets
from mmseg.config.test_data import described_by_training, with_pipeline
from mmseg.datasets.check import spread
from mmseg.datasets.loader import build_dataset, build_test_loader, label_sets_of
from mmseg.datasets.uda_dataset import unlabelled
from mmseg.engine.hooks.target_monitor import Images, TargetMonitor
from mmseg.errors import InputError
from mmseg.evaluation.source import at_training_size

IMAGES = 64
HELD_OUT = 0.1


def tell_what_is_not_measured(cfg: Config) -> bool:
    """Whether nothing is measured on ``data.val``; one line says so where an evaluation is wanted.

    Raises:
        InputError: the best checkpoint shall be kept, which nothing tells; or one of several sets has no labels.
    """
    if not cfg.get('evaluation'):
        return True
    if has_labels(cfg.data.get('val')):
        return False
    silent = [name for name, one in named_sets(cfg.data.get('val')).items() if name and not has_labels(one)]
    if silent:
        raise InputError(f'data.val.{silent[0]} has no labels (ann_dir): nothing can be measured on it. Leave it out.')
    why = 'data.val has no labels (ann_dir)' if cfg.data.get('val') else 'there is no data.val'
    if cfg.evaluation.get('save_best'):
        raise InputError(f'evaluation.save_best={cfg.evaluation.save_best!r} needs a measured value, but {why}.')
    more = '' if cfg.get('target_monitor') else ' target_monitor=dict() logs how sure the network is of the target.'
    print_log(
        f'No mIoU is measured in this run: {why}. The last checkpoint counts; look at its predictions '
        f'(mmseg predict, mmseg test).{more}',
        'current',
        logging.WARNING,
    )
    return True


def held_out_share(cfg: Mapping[str, Any]) -> float:
    """The share of the labelled source images that training leaves out; 0 of a target without a source."""
    wanted, train = cfg.get('target_monitor'), cfg['data']['train']
    if wanted is None or (isinstance(train, Mapping) and train.get('target') and not train.get('source')):
        return 0.0
    return float(wanted.get('held_out', HELD_OUT))


def without_held_out(train: Any, share: float) -> Any:
    """The description of the training data, less the held-out part of the source.

    Raises:
        InputError: there is no source in it.
    """
    if not share:
        return train
    if not isinstance(train, Mapping) or 'source' not in train:
        raise InputError('target_monitor is for data.train=dict(type="UDADataset", source=..., target=...).')
    return {**train, 'source': _part(train['source'], share, 'training', each=train.get('source_weights') is not None)}


def _part(source: Any, share: float, part: str, *, each: bool) -> Any:
    """A part of the source; of ``each`` in a list, where they are drawn by weights."""
    if each and isinstance(source, list | tuple):
        return [_part(one, share, part, each=False) for one in source]
    return {'type': 'PartDataset', 'dataset': source, 'held_out': share, 'part': part}


def build_target_monitor(cfg: Config, *, pin_memory: bool) -> list[Hook]:
    """The hook that ``target_monitor`` asks for.

    Raises:
        InputError: the run has no target.
    """
    wanted = cfg.get('target_monitor')
    if wanted is None:
        return []
    train = cfg.data.train
    if not isinstance(train, Mapping) or not train.get('target'):
        raise InputError('target_monitor is for data.train=dict(type="UDADataset", source=..., target=...).')
    test = cfg.data.get('test') or cfg.data.get('val') or described_by_training(cfg.data)
    steps = first_leaf(test)['pipeline']
    share = held_out_share(cfg)
    held_out, label_set = None, None
    if train.get('source'):
        source = at_training_size(train['source'], steps)
        label_set = next(label_sets_of(source), None)
        if share:
            part = _part(source, share, 'held out', each=train.get('source_weights') is not None)
            held_out = build_dataset(part, {'test_mode': True})
            label_set = held_out.label_set
    target = build_dataset(with_pipeline(unlabelled(_one(train['target']), label_set), steps), {'test_mode': True})
    shown = Subset(target, spread(len(target), wanted.get('images', IMAGES)))
    how = {'workers_per_gpu': cfg.data.workers_per_gpu, 'pin_memory': pin_memory}
    how['rank'], how['world_size'] = get_dist_info()
    interval = wanted.get('interval') or (cfg.get('evaluation') or {}).get('interval') or cfg.runner.max_iters
    return [
        TargetMonitor(
            target=Images(shown, build_test_loader(shown, **how)),
            interval=interval,
            held_out=None if held_out is None else Images(held_out, build_test_loader(held_out, **how)),
            dtype=DTYPES[(cfg.get('evaluation') or {}).get('precision') or 'fp32'],
        )
    ]


def _one(target: Any) -> dict:
    return {'type': 'ConcatDataset', 'datasets': target} if isinstance(target, list | tuple) else dict(target)
