import pytest
import torch

from mmseg.engine.checkpoints.image_lists import image_lists
from mmseg.engine.train import build_runner, train
from mmseg.errors import InputError
from mmseg.registry import DATASETS
from tests.datasets.samples import own_data, random_labels, write_pairs
from tests.engine.tiny import TinyImages, tiny_config


def test_number_and_names_of_source_and_target_images_are_told_in_their_order(tmp_path):
    for name, count in (('a', 2), ('b', 3)):
        write_pairs(tmp_path / name, random_labels(count))
    a, b = own_data(tmp_path / 'a'), own_data(tmp_path / 'b')
    alone = {name: image_lists(DATASETS.build(one))[''] for name, one in (('a', a), ('b', b))}
    assert [one['count'] for one in alone.values()] == [2, 3]
    pair = DATASETS.build({'type': 'UDADataset', 'source': a, 'target': b})
    assert image_lists(pair) == {'source': alone['a'], 'target': alone['b']}
    (tmp_path / 'a/split.txt').write_text('001\n000\n')
    turned = image_lists(DATASETS.build(a | {'split': 'split.txt'}))['']
    assert (turned['count'], turned['names'] == alone['a']['names']) == (2, False)
    assert image_lists(TinyImages()) == {}


def test_a_run_does_not_go_on_with_other_images_unless_it_is_allowed_and_recorded(tmp_path):
    images = own_data(write_pairs(tmp_path / 'a', random_labels(4)))
    options = {'data__train': images, 'evaluation': None, 'runner__max_iters': 1}
    work_dir = train(tiny_config(tmp_path / 'run', **options))
    for kind in ('images', 'labels'):
        (tmp_path / 'a' / kind / 'new.png').write_bytes((tmp_path / 'a' / kind / '000.png').read_bytes())
    with pytest.raises(InputError, match=r'images of data\.train 4 → 5\. .*--allow-changes'):
        build_runner(tiny_config(work_dir, **options), resume=work_dir)
    options['runner__max_iters'] = 2
    train(tiny_config(work_dir, **options), resume=work_dir, allow_changes=True)
    meta = torch.load(work_dir / 'latest.pth', weights_only=True)['meta']
    assert meta['changes'] == [{'iter': 1, 'settings': {'images of data.train': [4, 5]}}]
    build_runner(tiny_config(work_dir, **options), resume=work_dir).close()
