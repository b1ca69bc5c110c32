import io
import json

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mmseg.datasets.class_index import STATS, TABLE, UnusableIndexError, load_index, write_index
from mmseg.datasets.labels import LabelReader, read_ids
from mmseg.datasets.pipelines.loading import read_image
from mmseg.engine.checkpoints.checkpoint_io import read_checkpoint
from mmseg.models.weights import load_network
from tests.fuzz.drawn import VALUES, cases, changed, damaged, places, taken

LABEL = cv2.imencode('.png', np.arange(64, dtype=np.uint8).reshape(8, 8))[1].tobytes()
IMAGE = cv2.imencode('.jpg', np.arange(192, dtype=np.uint8).reshape(8, 8, 3))[1].tobytes()
NETWORK = nn.Linear(3, 2)
STATE = {
    'meta': {'iter': 3, 'seed': 1, 'processes': 1, 'config': '{}', 'CLASSES': ['a'], 'PALETTE': [[1, 2, 3]]},
    'state_dict': dict(NETWORK.state_dict()),
    'optimizer': {'state': {0: {'exp_avg': torch.ones(2, 3)}}, 'param_groups': [{'lr': 0.1, 'params': [0, 1]}]},
}


def written(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('drawn')


@cases(50)
@given(content=st.one_of(damaged(LABEL), damaged(IMAGE), st.binary(max_size=40)))
def test_any_bytes_are_a_label_map_or_refused(folder, content):
    (folder / 'label.png').write_bytes(content)
    ids = taken(lambda: read_ids(folder / 'label.png'), naming='label.png')
    assert ids is None or (ids.dtype, ids.ndim) == (np.uint8, 2)


@cases(40)
@given(content=st.one_of(damaged(LABEL), damaged(IMAGE), st.binary(max_size=40)))
def test_any_bytes_are_an_image_or_refused(folder, content):
    (folder / 'image.jpg').write_bytes(content)
    image = taken(lambda: read_image(folder / 'image.jpg'), naming='image.jpg')
    assert image is None or (image.dtype, image.shape[2]) == (np.uint8, 3)


@cases(40)
@given(content=st.one_of(damaged(written(STATE)), st.binary(max_size=40)))
def test_any_bytes_are_the_weights_that_were_saved_or_refused(folder, content):
    (folder / 'x.pth').write_bytes(content)
    network = nn.Linear(3, 2)
    meta = taken(lambda: load_network(network, folder / 'x.pth'), naming='x.pth')
    assert meta is None or torch.equal(network.weight, NETWORK.weight)


@cases(40)
@given(place=st.sampled_from(list(places(STATE))), value=VALUES)
def test_any_value_in_a_checkpoint_is_taken_or_refused(folder, place, value):
    torch.save(changed(STATE, place, value), folder / 'x.pth')
    taken(lambda: read_checkpoint(folder / 'x.pth'), naming='x.pth')
    taken(lambda: load_network(nn.Linear(3, 2), folder / 'x.pth'), naming='x.pth')


READER = LabelReader(num_classes=3)
COUNTS = {'a.png': {0: 5, 2: 1}, 'b.png': {1: 7}}
TRUE = [[5, 0, 1], [0, 7, 0]]


@pytest.fixture(scope='module')
def index(folder):
    files = {name: folder / name for name in COUNTS}
    for path in files.values():
        path.write_bytes(LABEL)
    write_index(folder, files, COUNTS, READER)
    return files, (folder / TABLE).read_bytes(), (folder / STATS).read_bytes()


@cases(60)
@given(data=st.data())
def test_any_table_of_an_index_is_the_true_one_or_unusable(folder, index, data):
    files, table, stats = index
    (folder / STATS).write_bytes(stats)
    (folder / TABLE).write_bytes(data.draw(damaged(table)))
    counts = taken(lambda: load_index(folder, files, READER), refusal=UnusableIndexError)
    assert counts is None or counts.tolist() == TRUE


@cases(40)
@given(data=st.data())
def test_any_json_of_an_index_counts_pixels_or_is_unusable(folder, index, data):
    files, _, stats = index
    tree = json.loads(stats)
    place = data.draw(st.sampled_from(list(places(tree))))
    (folder / TABLE).unlink(missing_ok=True)
    (folder / STATS).write_text(json.dumps(changed(tree, place, data.draw(VALUES))))
    counts = taken(lambda: load_index(folder, files, READER), refusal=UnusableIndexError)
    assert counts is None or counts.min() >= 0
