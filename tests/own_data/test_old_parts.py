"""What configs of mmseg 0.x for own data have: losses, samplers, steps, schedules."""

import json
import math

import cv2
import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from mmseg.datasets.dataset_wrappers import repeats
from mmseg.datasets.loader import build_dataset
from mmseg.datasets.pipelines.colour_steps import CLAHE, AdjustGamma, RandomCutOut, Rerange, RGB2Gray
from mmseg.engine.class_weights import inverse_log, median_frequency, settle_class_weights
from mmseg.engine.schedule import build_schedule
from mmseg.engine.train import build_model, train
from mmseg.errors import InputError
from mmseg.models.losses.cross_entropy_loss import CrossEntropyLoss
from mmseg.models.losses.dice_loss import DiceLoss
from mmseg.models.losses.focal_loss import FocalLoss
from mmseg.models.losses.lovasz_loss import LovaszLoss
from mmseg.models.losses.pixel_sampler import OHEMPixelSampler
from mmseg.registry import MODELS
from tests.engine.test_train_uda import SEGMENTOR
from tests.own_data.users import images_of, loaded, pipelines, user_config, write_domain

IGNORED = torch.tensor([[[0, 0], [255, 255]]])
ALL_ZERO = torch.zeros(1, 2, 2, 2)


def sure(ids):
    """Logits (1, 2, 1, N) of a network that is sure of the ids."""
    return (F.one_hot(torch.tensor([[ids]]), 2).movedim(-1, 1) * 200.0) - 100


def test_ignored_pixels_count_in_the_mean_unless_they_shall_not():
    assert CrossEntropyLoss()(ALL_ZERO, IGNORED) == pytest.approx(math.log(2) / 2)
    assert CrossEntropyLoss(avg_non_ignore=True)(ALL_ZERO, IGNORED) == pytest.approx(math.log(2))
    half = torch.full((1, 2, 2), 0.5)
    assert CrossEntropyLoss(avg_non_ignore=True)(ALL_ZERO, IGNORED, half) == pytest.approx(math.log(2) / 2)
    assert CrossEntropyLoss(avg_non_ignore=True, use_sigmoid=True)(ALL_ZERO, IGNORED) == pytest.approx(math.log(2))


def test_smoothing_spreads_a_share_of_the_target_over_all_classes():
    logits = torch.tensor([[[[math.log(3.0)]], [[0.0]]]])  # probabilities 3/4 and 1/4
    expected = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)
    assert CrossEntropyLoss(label_smoothing=0.2)(logits, torch.tensor([[[0]]])) == pytest.approx(expected)


def test_dice_is_the_overlap_of_every_class():
    label = torch.zeros(1, 2, 2, dtype=torch.long)
    assert DiceLoss()(ALL_ZERO, label) == pytest.approx((1 - 5 / 6 + 1 - 1 / 2) / 2)
    assert DiceLoss(class_weight=[2, 0])(ALL_ZERO, label) == pytest.approx((1 - 5 / 6) * 2 / 2)
    assert DiceLoss()(sure([0, 1, 1]), torch.tensor([[[0, 1, 1]]])) == pytest.approx(0, abs=1e-6)
    assert DiceLoss()(ALL_ZERO, label, torch.zeros(1, 2, 2)) == 0
    assert DiceLoss()(ALL_ZERO, torch.full_like(label, 255)) == 0


def test_focal_loss_counts_what_is_right_already_less():
    label = torch.zeros(1, 2, 2, dtype=torch.long)
    assert FocalLoss()(ALL_ZERO, label) == pytest.approx(0.5 * 0.25 * math.log(2))
    assert FocalLoss(gamma=0, alpha=None)(ALL_ZERO, label) == pytest.approx(math.log(2))
    assert FocalLoss(alpha=None)(ALL_ZERO, IGNORED) == pytest.approx(0.25 * math.log(2) / 2)
    weight = torch.tensor([[[1.0, 0], [0, 0]]])
    assert FocalLoss(alpha=None)(ALL_ZERO, label, weight) == pytest.approx(0.25 * math.log(2) / 4)


@pytest.mark.parametrize(
    'settings', [{'reduction': 'none'}, {'classes': 'all'}, {'classes': [1, 2]}, {'per_image': True}]
)
def test_lovasz_is_that_of_the_labelled_pixels_alone(settings):
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=draw, dtype=torch.float64, requires_grad=True)
    label = torch.randint(0, 3, (2, 4, 5), generator=draw)
    label[:, 1:3] = 255
    label[0, 0] = 0  # a class that the first image lacks
    kept = torch.cat([logits[:, :, :1], logits[:, :, 3:]], 2), torch.cat([label[:, :1], label[:, 3:]], 1)
    loss = LovaszLoss(**settings)
    (gradient,) = torch.autograd.grad(loss(logits, label), logits)
    (expected,) = torch.autograd.grad(loss(*kept), logits)
    torch.testing.assert_close(loss(logits, label), loss(*kept))
    torch.testing.assert_close(gradient, expected)
    assert loss(logits, torch.full_like(label, 255)).item() == 0


def test_lovasz_reads_nothing_back():
    with FakeTensorMode():  # a value that is asked for is an error
        assert LovaszLoss()(torch.rand(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.long)).shape == ()


def test_lovasz_of_a_sure_prediction_is_one_minus_the_mean_iou():
    label = torch.tensor([[[1, 1, 0, 0, 255]]])
    found = LovaszLoss()(sure([1, 0, 0, 0, 1]), label)
    assert found == pytest.approx(((1 - 1 / 2) + (1 - 2 / 3)) / 2)
    assert LovaszLoss(per_image=True)(sure([1, 1, 1, 1, 1]), label) == pytest.approx(((1 - 2 / 4) + 1) / 2)
    only_one = torch.ones(1, 1, 5, dtype=torch.long)
    assert LovaszLoss(classes='present')(sure([1] * 5), only_one) == pytest.approx(0)
    with pytest.raises(InputError, match='cannot weigh pixels'):
        LovaszLoss()(sure([1]), torch.tensor([[[1]]]), torch.ones(1, 1, 1))


@pytest.mark.parametrize(
    ('settings', 'chosen'),
    [
        ({'thresh': 0.7, 'min_kept': 1}, [0, 1, 1, 0]),
        ({'thresh': 0.2, 'min_kept': 1}, [0, 0, 1, 0]),
        ({'thresh': 0.2, 'min_kept': 2}, [0, 1, 1, 0]),
        ({'min_kept': 1}, [0, 0, 1, 0]),
        ({'min_kept': 100}, [1, 1, 1, 0]),
    ],
)
def test_hard_pixels_are_those_of_low_probability(settings, chosen):
    own = torch.tensor([0.9, 0.6, 0.3, 0.1])
    logits = torch.stack([own.log(), (1 - own).log()])[None, :, None]
    label = torch.tensor([[[0, 0, 0, 255]]])
    assert OHEMPixelSampler(**settings)(logits, label, ignore_index=255).tolist() == [[chosen]]


def test_one_sigmoid_output_is_a_network_of_two_classes():
    cfg = {**SEGMENTOR, 'decode_head': {**SEGMENTOR['decode_head'], 'num_classes': 2, 'out_channels': 1}}
    model = MODELS.build(cfg)
    model.init_weights()
    assert model.decode_head.conv_seg.weight.shape[0] == 1
    logits = model.encode_decode(torch.randn(1, 3, 32, 32))
    score, label = logits[:, 1], torch.randint(0, 2, (1, 32, 32))
    assert torch.equal(logits[:, 0], torch.zeros_like(score))
    assert torch.allclose(logits.softmax(1)[:, 1], score.sigmoid(), atol=1e-6)
    loss = model.decode_head.losses(logits, label)['loss_seg']
    assert loss.item() == pytest.approx(F.binary_cross_entropy_with_logits(score, label.float()).item(), rel=1e-5)
    with pytest.raises(InputError, match='one output is for num_classes=2'):
        MODELS.build({**cfg, 'decode_head': {**cfg['decode_head'], 'num_classes': 3}})


@pytest.mark.parametrize(
    ('config', 'rates'),
    [
        ({'policy': 'CosineAnnealing'}, {0: 1, 50: 0.5, 25: (1 + math.sqrt(0.5)) / 2, 100: 0}),
        ({'policy': 'CosineAnnealing', 'min_lr_ratio': 0.1}, {0: 1, 50: 0.55, 100: 0.1}),
        ({'policy': 'CosineAnnealing', 'min_lr': 0.2}, {100: 0.2}),
        ({'policy': 'step', 'step': [30, 60]}, {29: 1, 30: 0.1, 60: 0.01}),
        ({'policy': 'step', 'step': [30, 60], 'min_lr_ratio': 0.05}, {30: 0.1, 60: 0.05}),
    ],
)
def test_rates_fall_as_the_schedule_says(config, rates):
    schedule = build_schedule(config, 100)
    assert {at: schedule(at, 1.0) for at in rates} == pytest.approx(rates)


def test_schedules_that_contradict_themselves_are_refused():
    with pytest.raises(InputError, match='either min_lr or min_lr_ratio'):
        build_schedule({'policy': 'poly', 'min_lr': 0.1, 'min_lr_ratio': 0.1}, 10)
    with pytest.raises(InputError, match="policy='step' needs step"):
        build_schedule({'policy': 'step'}, 10)


def test_weights_follow_from_the_pixels_of_the_classes(tmp_path):
    counts = np.array([[90, 10, 0], [50, 0, 50]])
    assert median_frequency(counts) == pytest.approx([0.5 / 0.7, 0.5 / 0.1, 1])  # f = 140/200, 10/100, 50/100
    assert inverse_log(counts)[1] == pytest.approx(1 / math.log(1.02 + 10 / 200))
    write_domain(tmp_path / 'a')
    cfg = loaded(user_config(tmp_path), tmp_path / 'run')
    cfg.model.decode_head.loss_decode.class_weight = 'median_frequency'
    settle_class_weights(cfg)
    source = build_dataset(cfg.data.train.source)
    assert cfg.model.decode_head.loss_decode.class_weight == pytest.approx(
        median_frequency(source.class_counts()).tolist(), abs=1e-4
    )
    cfg.model.decode_head.loss_decode.class_weight = 'median'
    with pytest.raises(InputError, match="mean 'median_frequency'"):
        settle_class_weights(cfg)


def test_images_with_rare_classes_come_more_often(tmp_path):
    counts = np.array([[5, 0], [5, 0], [5, 0], [5, 1]])
    assert repeats(counts, 1.0).tolist() == [1, 1, 1, 2]  # sqrt(1 / (1/4)) = 2
    write_domain(tmp_path / 'a')
    cv2.imwrite(str(tmp_path / 'a/lab/2.png'), np.zeros((48, 64), np.uint8))
    described = images_of(tmp_path / 'a', pipelines()['labelled'], ann_dir='lab')
    made = build_dataset({'type': 'ClassBalancedDataset', 'dataset': described, 'oversample_thr': 1.0})
    assert [made.image_path(i).name for i in range(len(made))] == [
        '0.png',
        '0.png',
        '1.png',
        '1.png',
        '2.png',
        *['3.png'] * 2,
    ]
    assert len(made.class_counts(tmp_path)) == 7


def test_steps_of_colours_do_what_their_names_say():
    img = np.array([[[10, 20, 30], [64, 64, 64]]], np.uint8)
    assert AdjustGamma(gamma=2).apply({'img': img}, None)['img'][0, 1].tolist() == [128] * 3  # 255 sqrt(64 / 255)
    assert RGB2Gray().apply({'img': img}, None)['img'][0].tolist() == [[22] * 3, [64] * 3]  # 0.114 10 + 0.587 20 + ...
    deep = np.array([[100, 200, 300]], np.uint16)
    assert Rerange().apply({'img': deep}, None)['img'].tolist() == [[0, 128, 255]]
    assert Rerange(max_value=1).apply({'img': deep}, None)['img'].tolist() == [[0, 0.5, 1]]
    noise = np.random.default_rng(0).integers(0, 99, (32, 32, 3), dtype=np.uint8)
    found = CLAHE(clip_limit=3, tile_grid_size=(4, 2)).apply({'img': noise}, None)['img']
    assert np.array_equal(found[..., 1], cv2.createCLAHE(3.0, (2, 4)).apply(noise[..., 1].copy()))


def test_holes_are_cut_from_image_and_label_alike():
    step = RandomCutOut(prob=1, n_holes=2, cutout_shape=[(2, 3)], fill_in=(1, 2, 3), seg_fill_in=255)
    label, img = np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.uint8)
    holes = step.draw({'img': img}, np.random.default_rng(3))
    assert len(holes) == 2
    label_cut = step.apply({'gt_semantic_seg': label, 'seg_fields': ['gt_semantic_seg']}, holes)['gt_semantic_seg']
    img_cut = step.apply({'img': img, 'seg_fields': []}, holes)['img']
    assert 0 < (label_cut == 255).sum() <= 12
    assert np.array_equal(img_cut, np.where(label_cut[..., None] == 255, np.array([1, 2, 3]), 0))
    assert label.max() == 0
    assert RandomCutOut(prob=0, n_holes=1, cutout_ratio=(0.5, 0.5)).draw({'img': img}, np.random.default_rng(0)) == []


def test_losses_without_pixel_weights_are_refused_by_name_in_adaptation(tmp_path):
    cfg = loaded(user_config(tmp_path), tmp_path / 'run')
    cfg.model.decode_head.loss_decode = [{'type': 'CrossEntropyLoss'}, {'type': 'LovaszLoss'}]
    with pytest.raises(InputError, match='LovaszLoss of the decode head cannot weigh pixels'):
        build_model(cfg)


def test_all_of_them_train_together(tmp_path):
    write_domain(tmp_path / 'a')
    write_domain(tmp_path / 'b')
    steps = ({'type': 'CLAHE'}, {'type': 'AdjustGamma', 'gamma': 0.8}, {'type': 'Rerange'}, {'type': 'RGB2Gray'})
    cut = {'type': 'RandomCutOut', 'prob': 0.5, 'n_holes': (1, 2), 'cutout_ratio': (0.2, 0.2)}
    cfg = json.loads(user_config(tmp_path, steps=pipelines(steps=(*steps, cut))).read_text())
    cfg['model']['decode_head']['loss_decode'] = [
        {'type': 'DiceLoss'},
        {'type': 'FocalLoss'},
        {'type': 'CrossEntropyLoss'},
    ]
    cfg['model']['decode_head']['sampler'] = {'type': 'OHEMPixelSampler', 'thresh': 0.7, 'min_kept': 50}
    cfg['lr_config'] = {'policy': 'CosineAnnealing', 'min_lr_ratio': 0.1}
    train_set = cfg['data']['train']
    train_set['source'] = {'type': 'ClassBalancedDataset', 'dataset': train_set['source'], 'oversample_thr': 0.5}
    (tmp_path / 'own.json').write_text(json.dumps(cfg))
    work_dir = train(loaded(tmp_path / 'own.json', tmp_path / 'run', **{'runner.max_iters': 2}))
    record = next(work_dir.glob('*.log.json')).read_text()
    assert all(f'mix.decode.{name}' in record for name in ('loss_dice', 'loss_focal', 'loss_seg'))
