import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg.config import schema
from mmseg.config.components import check_datasets
from mmseg.datasets.loader import build_dataset
from tests.datasets.samples import own_data, random_labels, train_pipeline, write_pairs
from tests.fuzz.drawn import VALUES, cases, changed, places, taken

ABSENT = ('split', 'label_set', 'ignore_index', 'cache_dir')
LABELLED = {
    **dict.fromkeys(ABSENT),
    'label_map': {'0': 0, '1': 'class 1', '2': 2},
    'ignore': [7],
    'palette': [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
    'reduce_zero_label': False,
    'seg_map_suffix': '.png',
}
TRAIN = {
    'type': 'UDADataset',
    'source': [LABELLED, LABELLED],
    'source_weights': [1, 2],
    'target': [LABELLED],
    'target_weights': [1],
    'labelled_target': LABELLED,
    'labelled_target_share': 0.5,
    'rare_class_sampling': {'min_pixels': 1, 'class_temp': 0.1, 'min_crop_ratio': 0.5, 'tries': 2},
    'second_source': True,
    'long_tail_paste': {'classes': ['class 0'], 'num_classes': 1, 'min_pixels': 1, 'min_crop_ratio': 0.5},
    'sync_crop_size': [8, 8],
    'pseudo_margins': [1, 1, 1, 1],
}
WHOLE = {
    'model': {'type': 'EncoderDecoder'},
    'uda': {'type': 'DACSPlus', 'soft_paste': True},
    'data': {'train': TRAIN},
    'optimizer': {'type': 'AdamW'},
    'runner': {'type': 'IterBasedRunner', 'max_iters': 1},
}
PLACES = [('data', 'train', *place) for place in places(TRAIN)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp('drawn') / 'data', random_labels(3))


def built(values, folder):
    """The training data of a config; those of its files lie in ``folder``."""
    pipeline = train_pipeline()
    whole = json.loads(json.dumps(values), object_hook=lambda part: on_disk(part, folder, pipeline))
    completed = schema.complete(whole, name='x')
    schema.validate(completed, 'train')
    check_datasets(completed['data']['train'], 'data.train')
    return build_dataset(completed['data']['train'])


def on_disk(part, folder, pipeline):
    return own_data(folder, **{'pipeline': pipeline, **part}) if 'label_map' in part else part


def test_the_data_whose_settings_are_changed_are_good(folder):
    assert len(built(WHOLE, folder).source) == 9
    assert len(PLACES) > 80


@cases(40)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_training_data_with_any_setting_anywhere_are_built_or_refused(folder, place, value):
    taken(lambda: built(changed(WHOLE, place, value), folder))
