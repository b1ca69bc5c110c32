import numpy as np

from mmseg.commands import check
from tests.datasets.samples import own_data, pipeline_of_testing, random_labels, write_pairs
from tools import check_dataset


def write_config(folder, **data):
    model = {'type': 'EncoderDecoder'}
    runner = {'type': 'IterBasedRunner', 'max_iters': 1}
    values = {'model': model, 'data': data, 'optimizer': {'type': 'SGD', 'lr': 0.1}, 'runner': runner}
    path = folder / 'config.py'
    path.write_text('\n'.join(f'{key} = {value!r}' for key, value in values.items()))
    return str(path)


def pairs(folder, seed):
    labels = {f'{i:03}': np.full((24, 32), i % 3, np.uint8) for i in range(20)}
    write_pairs(folder, labels, seed=seed)
    return own_data(folder)


def test_every_file_of_every_part_is_decoded(tmp_path, capsys):
    source, target = pairs(tmp_path / 'source', 0), pairs(tmp_path / 'target', 1)
    config = write_config(
        tmp_path,
        train={'type': 'UDADataset', 'source': [source], 'target': target},
        val={**target, 'pipeline': pipeline_of_testing()},
    )
    assert check_dataset.main([config]) == 0
    said = capsys.readouterr().out
    assert '20 images and label maps are fine' in said
    assert '20 images are fine' in said

    broken = tmp_path / 'target/images/017.png'
    broken.write_bytes(broken.read_bytes()[:100])
    assert check_dataset.main([config]) == 1
    assert '017.png' in capsys.readouterr().out


def test_of_several_sets_by_name_each_is_checked(tmp_path):
    for name, count in (('day', 2), ('night', 3)):
        write_pairs(tmp_path / name, random_labels(count))
    sets = {name: own_data(tmp_path / name, pipeline=pipeline_of_testing()) for name in ('day', 'night')}
    assert [len(dataset) for dataset in check.parts_of_split(sets, 'val')] == [2, 3]
