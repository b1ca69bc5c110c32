"""What the log says before the first iteration: the classes of the data, and what is about to happen."""

from pathlib import Path

from mmengine import Config
from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmseg.datasets.sense import pixels_by_class, warn_of_absent_classes
from mmseg.datasets.stream import TrainingSet
from mmseg.engine.param_groups import learning_share, rates_by_depth, unmatched_keys
from mmseg.engine.runner import TrainRunner
from mmseg.engine.schedule import LearningRate


def log_classes(train_set: Dataset, work_dir: Path) -> None:
    """Say what the data sets are, and how often each class is labelled, if that is known or some label maps lack one.

    Raises:
        InputError: no label map shows any class.
    """
    if not isinstance(train_set, TrainingSet):
        return
    for sentence in train_set.about_domains():
        print_log(sentence, 'current')
    counts = train_set.known_counts(work_dir)
    if counts is not None:
        print_log(pixels_by_class(counts, train_set.label_set), 'current')
        warn_of_absent_classes(counts, train_set.label_set, train_set.common_reader())


def _share(learning: int, everything: int) -> str:
    return f'{learning / 1e6:.2f} M of {everything / 1e6:.2f} M parameters ({learning / everything:.1%}) learn,'


def log_plan(runner: TrainRunner, cfg: Config, schedule: LearningRate, world_size: int) -> None:
    """Say what is about to happen, in the terms in which runs are compared."""
    groups = runner.optim_wrapper.param_groups
    learning, everything = learning_share(runner.model)
    parts = f'{learning / 1e6:.2f} M parameters' if learning == everything else _share(learning, everything)
    rates = ', '.join(sorted({f'{group["initial_lr"]:g}' for group in groups}))
    runner.logger.info(
        f'{parts} in {len(groups)} groups, base learning rates {rates}: {schedule}.\n'
        f'{schedule.max_iters} iterations of {cfg.data.samples_per_gpu} samples x {world_size} processes '
        f'on {runner.device}.'
    )
    if (cfg.optimizer.get('paramwise_cfg') or {}).get('layer_decay', 1) < 1:
        runner.logger.info(f'Base learning rates of the encoder: {"; ".join(rates_by_depth(runner.model, groups))}.')
    if world_size > 1:
        runner.logger.info(
            f'{cfg.data.samples_per_gpu * world_size} samples make one batch; the learning rate is not scaled for it.'
        )
        if cfg.get('find_unused_parameters') or not cfg.get('use_ddp_wrapper', True):
            runner.logger.info(
                'find_unused_parameters and use_ddp_wrapper have no effect: there is no wrapper, and parameters that '
                'take no part are found at every step.'
            )
    for key in unmatched_keys(runner.model, cfg.optimizer):
        runner.logger.warning(f'optimizer.paramwise_cfg.custom_keys: no parameter has a name with {key!r}.')
    if schedule.warmup and schedule.warmup_iters >= schedule.max_iters:
        runner.logger.warning(
            f'The warm-up of {schedule.warmup_iters} iterations does not end within {schedule.max_iters} iterations.'
        )
