import re

import cv2
import numpy as np
import pytest
import torch

from mmseg.commands import check
from mmseg.datasets.label_sets import LabelSet
from tools import browse_dataset
from tools.work import browse_dataset as work
from tools.work.browse_dataset import files, title, training_row

NORM = {'mean': [100.0, 100, 100], 'std': [50.0, 50, 50], 'to_rgb': True}
LABELS = LabelSet(name='two', classes=('left', 'right'), palette=((200, 0, 0), (0, 0, 100)))


def meta(name, **more):
    return {'ori_filename': name, 'filename': f'data/{name}', 'img_norm_cfg': NORM, 'flip': False, **more}


def sample():
    label = torch.tensor([[[0, 1], [0, 255]]])
    return {
        'img': torch.zeros(3, 2, 2),
        'img_metas': meta('a/one.png'),
        'gt_semantic_seg': label,
        'target_img': torch.ones(3, 2, 2),
        'target_img_metas': meta('two.png', flip=True, flip_direction='horizontal'),
    }


def test_a_row_shows_source_label_both_and_target():
    image, label, over, target = training_row(sample(), LABELS)
    assert [panel.title for panel in (image, label, over, target)] == [
        'image: one', 'label', 'label over image', 'target: two, flipped',
    ]  # fmt: skip
    assert np.all(image.image == 100)
    assert label.image.tolist() == [[0, 1], [0, 255]]
    # 0.6 of the colour and 0.4 of the image, in RGB; ignored pixels are black
    assert over.image.tolist() == [[[160, 40, 40], [40, 40, 100]], [[160, 40, 40], [40, 40, 40]]]
    assert np.all(target.image == 150)


def test_a_supervised_sample_has_no_target():
    supervised = {key: value for key, value in sample().items() if not key.startswith('target')}
    assert len(training_row(supervised, LABELS)) == 3
    assert files(supervised) == ['data/a/one.png']
    assert files(sample()) == ['data/a/one.png', 'data/two.png']


def test_long_names_are_cut():
    assert title('target', meta('town/' + 'x' * 40 + '.png')) == f'target: {"x" * 25}…'


@pytest.fixture
def config(tmp_path):
    """A config of a data set on the disk: images that are dark left and bright right, labelled so."""
    for part in ('train', 'val'):
        for i in range(3):
            image = np.full((32, 48, 3), 20, np.uint8)
            image[:, 24:] = 220
            for kind, content in (('images', image), ('labels', (image[..., 0] > 100).astype(np.uint8))):
                (tmp_path / kind / part).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(tmp_path / kind / part / f'{part}{i}.png'), content)
    text = f"""
norm = dict(mean=[100.0, 100, 100], std=[50.0, 50, 50], to_rgb=True)
train_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='RandomCrop', crop_size=(16, 16)),
    dict(type='Normalize', **norm), dict(type='DefaultFormatBundle'),
    dict(type='Collect', keys=['img', 'gt_semantic_seg']),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='MultiScaleFlipAug', img_scale=(48, 32), flip=True, transforms=[
        dict(type='Resize', keep_ratio=True), dict(type='RandomFlip'), dict(type='Normalize', **norm),
        dict(type='ImageToTensor', keys=['img']), dict(type='Collect', keys=['img'])]),
]
shared = dict(type='CustomDataset', data_root={str(tmp_path)!r}, img_suffix='.png', classes=['dark', 'bright'])
data = dict(
    samples_per_gpu=1, workers_per_gpu=0,
    train=dict(img_dir='images/train', ann_dir='labels/train', pipeline=train_pipeline, **shared),
    val=dict(img_dir='images/val', ann_dir='labels/val', pipeline=test_pipeline, **shared),
    test=dict(img_dir='images/val', ann_dir='labels/val', pipeline=test_pipeline, **shared),
)
model = dict(
    type='EncoderDecoder', backbone=dict(type='mit_b0'),
    decode_head=dict(type='SegFormerHead', in_channels=[32, 64, 160, 256], in_index=[0, 1, 2, 3], channels=16,
                     num_classes=2, decoder_params=dict(embed_dim=16)),
)
optimizer = dict(type='AdamW', lr=1e-4)
lr_config = dict(policy='poly', power=1.0, min_lr=0.0, by_epoch=False)
runner = dict(type='IterBasedRunner', max_iters=2)
"""
    (tmp_path / 'own.py').write_text(text)
    return tmp_path / 'own.py'


def test_training_samples_are_drawn_page_by_page(config, tmp_path, capsys):
    out = tmp_path / 'out'
    assert browse_dataset.main([str(config), '--out', str(out), '--count', '3', '--rows', '2']) == 0
    assert sorted(path.name for path in out.iterdir()) == ['train_00000.png', 'train_00002.png']
    printed = capsys.readouterr().out
    assert sorted(re.findall(r'train\d\.png', printed)) == ['train0.png', 'train1.png', 'train2.png']
    picture = cv2.imread(str(out / 'train_00000.png'))
    assert {(20, 20, 20), (220, 220, 220)} <= set(map(tuple, picture.reshape(-1, 3).tolist()))


def test_test_images_are_drawn_with_all_their_views(config, tmp_path, capsys, monkeypatch):
    rows = []
    monkeypatch.setattr(work, 'comparison_panel', lambda page, *args: rows.extend(page))
    assert browse_dataset.main([str(config), '--out', str(tmp_path), '--split', 'val', '--start', '1']) == 0
    assert [[panel.title for panel in row] for row in rows] == [
        [f'view: val{i}', f'view: val{i}, flipped', 'ground truth'] for i in (1, 2)
    ]
    assert rows[0][0].image[0, 0].tolist() == rows[0][1].image[0, -1].tolist() == [20, 20, 20]
    assert browse_dataset.main([str(config), '--split', 'val', '--start', '3']) == 2
    assert browse_dataset.main([str(config), '--count', '0']) == 2
    assert browse_dataset.main([str(config), '--start', '-1']) == 2
    assert 'data.val has 3 images' in capsys.readouterr().err


@pytest.mark.parametrize('split', ['val', 'test'])
def test_a_split_that_a_config_does_not_describe_is_told(split, config, tmp_path, capsys):
    arguments = [str(config), '--split', split, '--cfg-options', f'data.{split}=None']
    assert browse_dataset.main([*arguments, '--out', str(tmp_path / 'out')]) == 2
    assert f'own.py describes no data.{split}: there is nothing to draw' in capsys.readouterr().err
    assert check.main(arguments) == 0
    assert capsys.readouterr().out == f'data.{split}: there is none\n'
