"""Whether pictures of predictions would take the place of the images and label maps that they are made of."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mmseg.datasets.dataset_wrappers import ConcatDataset
from mmseg.evaluation.export import PictureNames
from mmseg.places import refuse_replacing


def refuse_pictures_over_data(folders: Iterable[tuple[Path, Any]], datasets: Sequence[Any]) -> None:
    """Refuse folders for pictures where one of them would replace a file of a data set.

    Args:
        folders: each with the data set whose pictures go there.
        datasets: all that are read.

    Raises:
        UnwritableError: naming the file.
    """
    written = (path for folder, dataset in folders for path in _pictures(folder, dataset))
    refuse_replacing(written, (path for dataset in datasets for path in files_of(dataset)))


def _pictures(folder: Path, dataset: Any) -> Iterator[Path]:
    name_of = PictureNames(dataset.img_infos)
    return (folder / name_of(Path(info['img_dir'], info['filename'])) for info in dataset.img_infos)


def files_of(dataset: Any) -> Iterator[Path]:
    """Images and label maps of a data set; of one that knows no files, none."""
    if isinstance(dataset, ConcatDataset):
        for part in {id(part): part for part in dataset.datasets}.values():
            yield from files_of(part)
        return
    if not hasattr(dataset, 'image_path'):
        return
    reader = dataset.common_reader()
    for index in range(len(dataset)):
        yield dataset.image_path(index)
        if dataset.labelled:
            label = dataset.label_path(index)
            yield from [label] if reader is None else reader.files_of(label)
