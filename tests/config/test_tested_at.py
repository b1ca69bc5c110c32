import pytest

from mmseg.config import tested_at as words_of

WHOLE = {'test_cfg': {'mode': 'whole'}}
SLIDE = {'test_cfg': {'mode': 'slide', 'crop_size': [512, 1024], 'stride': (341, 512)}}


def described(**views):
    return {
        'type': 'CityscapesDataset',
        'pipeline': [{'type': 'LoadImageFromFile'}, {'type': 'MultiScaleFlipAug', **views}],
    }


@pytest.mark.parametrize(
    ('views', 'model', 'words'),
    [
        ({'img_scale': (1024, 512)}, WHOLE, 'at 1024x512 (width x height), whole images'),
        ({'img_scale': (2048, 1024)}, SLIDE, 'at 2048x1024 (width x height), windows of 1024x512 every 512x341'),
        ({'img_scale': None, 'img_ratios': 1.0}, {}, 'at their own size, whole images'),
        (
            {'img_scale': [1024, 512], 'img_ratios': [0.5, 1.0], 'flip': True},
            WHOLE,
            'at 0.5, 1 times 1024x512 (width x height), mirrored too, whole images',
        ),
        ({'img_scale': [(64, 32), (32, 16)]}, WHOLE, 'at 64x32 and 32x16 (width x height), whole images'),
    ],
)
def test_the_size_of_testing_is_said_in_words(views, model, words):
    assert words_of.tested_at(described(**views), model) == words


def test_sets_of_several_sizes_name_each_once():
    small, large = described(img_scale=(64, 32)), described(img_scale=(128, 64))
    words = words_of.tested_at([small, large, small], WHOLE)
    assert words == 'at 64x32 (width x height) and at 128x64 (width x height), whole images'
    assert words_of.tested_at({'type': 'CustomDataset', 'pipeline': []}, None) == 'at their own size, whole images'
