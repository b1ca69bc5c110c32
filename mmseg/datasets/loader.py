"""Data sets and loaders from configs. The training stream is the same for any number of workers."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler, Subset, get_worker_info

from mmseg.config.leaves import INSIDE, are_named, leaves, named_sets
from mmseg.datasets.custom import described
from mmseg.datasets.dataset_wrappers import ConcatDataset
from mmseg.datasets.label_forms import colour_entries
from mmseg.datasets.label_sets import LabelSet, label_set_of
from mmseg.datasets.parallel import single_threaded
from mmseg.datasets.pipelines.fields import tensor_of
from mmseg.datasets.stream import TrainingSet
from mmseg.datasets.worker_end import how_one_ended, serve_parent
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from mmseg.shortage import what_is_short


class DataLost(RuntimeError):  # noqa: N818 (whoever has the state of a run can save it)
    """No more data comes: a worker is gone, or the machine is short of what it takes; the message says which."""


class DataUnusable(DataLost):
    """A file cannot be used; the message names it and the way out, as that of an :class:`InputError`."""


Failure = InputError | DataLost
"""What a worker returns in place of data."""

PREFETCH = 4
"""Batches that each worker prepares ahead: a sample that is drawn again and again holds nobody up."""


def build_dataset(cfg: dict | Sequence[dict], default_args: dict | None = None) -> TrainingSet:
    """The data set that ``cfg`` describes; a list of configs is a :class:`ConcatDataset`.

    ``default_args`` are for the data sets of files in it, wherever they are.

    Raises:
        InputError: several sets by name, which are built one by one; or as the data sets.
    """
    if are_named(cfg):
        raise InputError(f'One data set is needed here, not several by name ({", ".join(named_sets(cfg))}).')
    if not isinstance(cfg, dict):
        return ConcatDataset(datasets=[build_dataset(part, default_args) for part in cfg])
    for key in INSIDE:
        if default_args and key in cfg:
            return DATASETS.build({**cfg, key: build_part(cfg[key], default_args)})
    return DATASETS.build(cfg, default_args=default_args)


def build_part(cfg: Any, default_args: dict) -> Any:
    """What a wrapper wraps, built: a data set, or a list of them."""
    if isinstance(cfg, list | tuple):
        return [build_part(part, default_args) for part in cfg]
    return build_dataset(cfg, default_args)


def label_sets_of(cfg: Any) -> Iterator[LabelSet]:
    """The classes that the data sets in ``cfg`` describe, without looking for files; none for a kind that says none."""
    for part in leaves(cfg):
        kind = DATASETS.get(str(part.get('type')))
        base = label_set_of(part['label_set']) if part.get('label_set') else getattr(kind, 'LABELS', None)
        colours = colour_entries(part.get('label_colors'))
        if base is not None or part.get('classes') is not None or colours:
            about = (part.get('classes'), part.get('palette'), part.get('ignore_index'), str(part.get('type')))
            yield described(base, *about, colours=colours)


def build_train_loader(
    dataset: TrainingSet,
    *,
    samples_per_gpu: int,
    workers_per_gpu: int,
    seed: int,
    start_iteration: int = 0,
    rank: int = 0,
    world_size: int = 1,
    pin_memory: bool = False,
) -> DataLoader:
    """An endless loader of collated training batches.

    Its batch number k holds the samples i = ((start_iteration + k) * world_size + rank) * samples_per_gpu + j of
    the stream, each a function of (seed, i). Samples travel as uint8 where the pipeline allows it:
    :func:`mmseg.datasets.batch.to_network` makes of a batch what networks take. ``pin_memory`` is for a GPU.
    """
    batches = EndlessBatches(samples_per_gpu, start_iteration, rank, world_size)
    return _loader(_Stream(_compacted(dataset), seed), batches, workers_per_gpu, collate, pin_memory)


def build_test_loader(
    dataset: Dataset,
    *,
    workers_per_gpu: int,
    rank: int = 0,
    world_size: int = 1,
    samples_per_gpu: int = 1,
    pin_memory: bool = False,
) -> DataLoader:
    """A loader of test images, with labels where there are any, in order; rank r gets the images r, r + world_size, ...

    A batch is ``{'img': [(B, 3, H, W), ...], 'img_metas': [[dict, ...], ...], 'label': [(h, w), ...]}``: of images and
    meta data one entry a view (a list of (1, 3, H, W) where the sizes differ), of labels, as stored, one an image.
    ``pin_memory`` is for a GPU.
    """
    indices = range(rank, len(dataset), world_size)  # type: ignore[arg-type]
    batches = [list(indices[start : start + samples_per_gpu]) for start in range(0, len(indices), samples_per_gpu)]
    return _loader(_Images(_compacted(dataset)), batches, workers_per_gpu, collate_images, pin_memory)


def collate(samples: Sequence[dict]) -> dict:
    """Samples -> batch: tensors are stacked, lists (views) merged entry by entry, all else is put in a list."""
    return {key: _merge([sample[key] for sample in samples]) for key in samples[0]}


def _merge(values: list) -> Tensor | list:
    if isinstance(values[0], Tensor):
        shapes = {tuple(value.shape) for value in values}
        if len(shapes) > 1:
            raise InputError(
                f'The samples of one batch differ in size: {sorted(shapes)}. '
                'The pipeline needs RandomCrop and Pad to one size, or samples_per_gpu=1.'
            )
        return torch.stack(values)
    if isinstance(values[0], list):
        return [_merge(list(views)) for views in zip(*values, strict=True)]
    return values


def collate_images(samples: Sequence[dict]) -> dict:
    """Test samples -> batch: views are merged one by one; what differs in size is a list with an entry an image."""
    batch = {key: [sample[key] for sample in samples] for key in samples[0]}
    for key in ('img', 'img_metas'):
        views = [value if isinstance(value, list) else [value] for value in batch[key]]
        batch[key] = [list(view) for view in zip(*views, strict=True)]
    batch['img'] = [_stacked(images) for images in batch['img']]
    return batch


def _stacked(images: list[Tensor]) -> Tensor | list[Tensor]:
    alike = all(image.shape == images[0].shape for image in images)
    return torch.stack(images) if alike else [image[None] for image in images]


class EndlessBatches(Sampler[list[int]]):
    """Sample numbers of batch after batch of one rank, without end."""

    def __init__(self, batch_size: int, start_iteration: int, rank: int, world_size: int) -> None:
        self.batch_size = batch_size
        self.first = (start_iteration * world_size + rank) * batch_size
        self.step = world_size * batch_size

    def __iter__(self) -> Iterator[list[int]]:
        start = self.first
        while True:
            yield list(range(start, start + self.batch_size))
            start += self.step


class _Stream(Dataset):
    """The samples of a training stream by number; what is wrong with the data is returned, not raised."""

    def __init__(self, dataset: TrainingSet, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed

    def __getitem__(self, i: int) -> dict | Failure:
        try:
            return self.dataset.sample(i, self.seed)
        except (InputError, OSError, RuntimeError, MemoryError) as error:
            return _to_return(error)


class _Images(Dataset):
    """The images of a test set with their label maps by number; what is wrong with the data is returned, not raised."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.labelled = getattr(dataset, 'labelled', not isinstance(dataset, Subset))

    def __getitem__(self, index: int) -> dict | Failure:
        try:
            sample = self.dataset[index]
            if not self.labelled:
                return sample
            return {**sample, 'label': tensor_of(self.dataset.label_of(index))}
        except (InputError, OSError, RuntimeError, MemoryError) as error:
            return _to_return(error)


def _to_return(error: Exception) -> Failure:
    """``error`` as the process that asked for the data is to raise it; a defect is raised here."""
    if isinstance(error, InputError):
        return error
    short = what_is_short(error)
    if short is None:
        raise error
    return DataLost(f'The data cannot be read: {short}')


class _Loader(DataLoader):
    """Raises an :class:`InputError` of a worker as it is, where torch would bury it in a worker's traceback.

    A worker that is gone, and a machine that is short of something, raise :class:`DataLost`, where a batch is asked
    for and nowhere else: torch would raise at the next line of whatever runs, with the state of a run half changed.
    """

    def __iter__(self) -> Iterator[dict]:  # type: ignore[override]
        with _kept_handler():
            batches = super().__iter__()
        try:
            for batch in batches:
                if isinstance(batch, InputError | DataLost):
                    raise batch
                yield batch
        except Exception as error:  # what is read from a process that is dying fails in many ways
            if isinstance(error, InputError | DataLost):
                raise
            ended = how_one_ended(getattr(batches, '_workers', ()))
            reason = f'A data worker is gone: {ended}' if ended else what_is_short(error)
            if reason is None:
                raise
            raise DataLost(reason) from error


@contextlib.contextmanager
def _kept_handler() -> Iterator[None]:
    """Keep the handler of SIGCHLD, which torch replaces by one that raises wherever the process is."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, 'SIGCHLD'):
        yield
        return
    before = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before if before is not None else signal.SIG_DFL)


def _compacted(dataset: Any) -> Any:
    return dataset.compacted() if isinstance(dataset, TrainingSet) else dataset


def _loader(
    dataset: Dataset,
    batches: Sampler[list[int]] | list[list[int]],
    workers: int,
    merge: Callable[[list[dict]], dict],
    pin_memory: bool,
) -> DataLoader:
    return _Loader(
        dataset,
        batch_sampler=batches,
        num_workers=min(workers, os.cpu_count() or 1),  # the stream is the same for any number
        collate_fn=partial(_merged_or_error, merge=merge),
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
        prefetch_factor=PREFETCH if workers > 0 else None,
        worker_init_fn=_start_worker,
    )


def _merged_or_error(samples: list[dict | Failure], merge: Callable[[list[dict]], dict]) -> dict | Failure:
    try:
        batch = merge([_raised(sample) for sample in samples])
        return _shared(batch) if get_worker_info() is not None else batch
    except (InputError, DataLost) as error:
        return error
    except (OSError, RuntimeError, MemoryError) as error:
        return _to_return(error)


def _raised(sample: dict | Failure) -> dict:
    if isinstance(sample, InputError | DataLost):
        raise sample
    return sample


def _shared(value: Any) -> Any:
    """A batch whose tensors lie in shared memory already.

    The thread that hands on what a worker returns would move them there too; but what it fails at is lost, and whoever
    waits for the batch waits for ever.
    """
    if isinstance(value, Tensor):
        return value.share_memory_()
    if isinstance(value, dict):
        return {key: _shared(part) for key, part in value.items()}
    return [_shared(part) for part in value] if isinstance(value, list) else value


def _start_worker(worker: int) -> None:
    """One worker, one thread: a crop is cheaper than the threads that would share it. It ends with its parent."""
    serve_parent()
    single_threaded()
    torch.set_num_threads(1)
