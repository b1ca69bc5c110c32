"""More than 255 classes: ids of 16 bits from the label file to the prediction."""

import json

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmseg.commands import predict
from mmseg.datasets.batch import to_network
from mmseg.datasets.class_stats import count_classes
from mmseg.datasets.label_colours import colour_table
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.labels import label_reader
from mmseg.datasets.loader import build_dataset, build_train_loader
from mmseg.datasets.long_tail_paste import LongTailPaste
from mmseg.datasets.pipelines.geometry import Pad, RandomCrop, RandomRotate
from mmseg.engine.train import train
from mmseg.errors import InputError
from mmseg.evaluation.metrics import ConfusionMatrix
from mmseg.models.losses.cross_entropy_loss import CrossEntropyLoss
from mmseg.models.losses.dice_loss import DiceLoss
from mmseg.models.losses.focal_loss import FocalLoss
from mmseg.models.losses.lovasz_loss import LovaszLoss
from mmseg.models.uda.class_mix import class_mask, draw_classes
from mmseg.models.uda.feature_distance import downscale_label
from mmseg.own_data.guess import guess_classes
from mmseg.report.figures import legend
from tests.own_data.test_guess import labels as facts
from tests.own_data.users import image, images_of, loaded, pipelines, user_config
from tools import report, test_work_dir

COUNT, IGNORED = 300, 65535
MANY = LabelSet('many', tuple(f'kind{i}' for i in range(COUNT)), thing_classes=('kind299',))


def write_label(path, values):
    assert cv2.imwrite(str(path), np.array(values, np.uint16))
    return path


def many_labels(number):
    """Ids on both sides of 255 (48, 64); 255 is one of them."""
    found = np.full((48, 64), 255, np.uint16)
    found[8:40, 8 : 30 + number] = 299
    found[20:30, 40:60] = 7
    found[:4] = IGNORED
    return found


@pytest.fixture
def domains(tmp_path):
    for name in ('a', 'b'):
        for kind in ('img', 'lab'):
            (tmp_path / name / kind).mkdir(parents=True)
        for i in range(4):
            cv2.imwrite(str(tmp_path / name / 'img' / f'{i}.png'), image(i))
            write_label(tmp_path / name / 'lab' / f'{i}.png', many_labels(i))
    return tmp_path


def test_ids_beyond_255_are_read_with_16_bits_and_65535_is_ignored(tmp_path):
    file = write_label(tmp_path / 'x.png', [[0, 255, 256, 299, IGNORED]])
    found = label_reader(MANY)(file)
    assert found.dtype == np.uint16
    assert found.tolist() == [[0, 255, 256, 299, IGNORED]]
    with pytest.raises(InputError, match=r'holds the values 300, which are no class \(0\.\.299 and 65535'):
        label_reader(MANY)(write_label(tmp_path / 'y.png', [[300]]))


def test_many_ids_may_begin_at_1_or_have_gaps(tmp_path):
    file = write_label(tmp_path / 'x.png', [[0, 1, 255, 256, 300, IGNORED]])
    assert label_reader(MANY, reduce_zero_label=True)(file).tolist() == [[IGNORED, 0, 254, 255, 299, IGNORED]]
    mapped = label_reader(MANY, label_map={0: 299, 1: IGNORED, 255: 256, 256: 'kind0', 300: 1})
    assert mapped(file).tolist() == [[299, IGNORED, 256, 0, 1, IGNORED]]


def test_of_255_classes_from_1_on_the_last_one_has_the_id_255_in_the_files(tmp_path):
    many = LabelSet('most', MANY.classes[:255])
    file = write_label(tmp_path / 'x.png', [[0, 1, 254, 255]])
    found = label_reader(many, reduce_zero_label=True)(file)
    assert (found.dtype, found.tolist()) == (np.uint8, [[255, 0, 253, 254]])


def test_colours_and_masks_of_many_classes_have_16_bits(tmp_path):
    cv2.imwrite(str(tmp_path / 'x.png'), np.array([[[0, 0, 1], [0, 0, 2]]], np.uint8)[..., ::-1])
    from dataclasses import replace

    reader = replace(label_reader(MANY), colours=colour_table([((0, 0, 1), 299), ((0, 0, 2), IGNORED)]))
    assert reader(tmp_path / 'x.png').tolist() == [[299, IGNORED]]


def test_some_of_many_classes_are_few_again():
    few = MANY.subset(['kind0', 'kind299'])
    assert (few.ignore_index, few.thing_ids) == (255, (1,))


def test_borders_are_what_the_data_set_ignores_whatever_that_is(domains):
    steps = [
        {'type': 'LoadImageFromFile'},
        {'type': 'LoadAnnotations'},
        {'type': 'RandomRotate', 'prob': 1.0, 'degree': (45.0, 45.0)},
        {'type': 'Pad', 'size': (60, 80)},
    ]
    for ignored, kind in ((None, np.uint16), (301, np.uint16)):
        labels = (
            {'label_set': MANY}
            if ignored is None
            else {'label_set': MANY, 'ignore_index': ignored, 'ignore': [IGNORED]}
        )
        cfg = images_of(domains / 'a', steps, ann_dir='lab') | labels
        del cfg['classes']
        found = build_dataset(cfg)[0]['gt_semantic_seg']
        assert found.dtype == kind
        assert found[0, 0] == found[-1, -1] == (ignored or IGNORED)
    for step in (Pad(size=(60, 80)), RandomRotate(prob=1.0, degree=45.0)):
        rng = np.random.default_rng(0)
        alone = {'gt_semantic_seg': np.zeros((48, 64), np.uint8), 'seg_fields': ['gt_semantic_seg']}
        assert 255 in step.apply(alone, step.draw(alone, rng))['gt_semantic_seg']


def test_crops_of_one_class_are_told_from_varied_ones_among_many_classes():
    crop = RandomCrop(crop_size=(4, 4), cat_max_ratio=0.75)
    label = np.full((4, 4), 299, np.uint16)
    label[0] = IGNORED
    assert not crop._varied(label, IGNORED)
    label[1:3] = 256
    assert crop._varied(label, IGNORED)


def test_pixels_of_many_classes_are_counted():
    assert count_classes(np.array([[0, 299, 299, IGNORED]], np.uint16), IGNORED) == {0: 1, 299: 2}


def test_a_batch_of_many_classes_reaches_the_network_as_whole_numbers(domains):
    cfg = images_of(domains / 'a', pipelines()['labelled'], ann_dir='lab') | {'classes': list(MANY.classes)}
    dataset = build_dataset(cfg)
    batch = to_network(next(iter(build_train_loader(dataset, samples_per_gpu=2, workers_per_gpu=0, seed=0))))
    found = batch['gt_semantic_seg']
    assert found.dtype == torch.int64
    assert set(found.unique().tolist()) <= {7, 255, 299, IGNORED}
    assert found.max() >= 299


def test_a_confusion_matrix_of_many_classes_counts_as_a_plain_loop_does():
    label, pred = torch.tensor([[0, 255, 299, IGNORED, 299]]), torch.tensor([[0, 255, 256, 3, 299]])
    confusion = ConfusionMatrix(COUNT, IGNORED)
    confusion.update(pred, label.int())
    wanted = torch.zeros(COUNT, COUNT + 1, dtype=torch.int64)
    for row, column in [(0, 0), (255, 255), (299, 256), (299, 299)]:
        wanted[row, column] += 1
    assert torch.equal(confusion.matrix, wanted)
    with pytest.raises(InputError, match=r'\[beyond 299\] are outside the 300 classes .* 65535 is ignored'):
        ConfusionMatrix(COUNT, IGNORED).update(pred, torch.tensor([[0, 0, 0, 0, 300]]))


def test_the_losses_take_many_classes_and_leave_out_65535():
    logits = torch.randn(1, COUNT, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    label = torch.tensor([[[299, IGNORED], [255, 3]]])
    known = torch.tensor([True, False, True, True])
    rows = logits.flatten(2)[0].T[known]
    plain = F.cross_entropy(rows, label.flatten()[known], reduction='sum') / 4
    assert CrossEntropyLoss()(logits, label, ignore_index=IGNORED).item() == pytest.approx(plain.item())
    for criterion in (DiceLoss(), FocalLoss(), LovaszLoss()):
        moved = logits.clone()
        moved[..., 0, 1] += torch.arange(COUNT)
        values = [criterion(x, label, ignore_index=IGNORED).item() for x in (logits, moved)]
        assert values[0] == pytest.approx(values[1])


def test_half_of_many_classes_is_mixed_and_ignored_pixels_count_as_one():
    label = torch.tensor([[[[0, 255], [299, IGNORED]]]])
    chosen = draw_classes(label, labels=IGNORED + 1)
    assert int(chosen.sum()) == 2
    assert int(class_mask(label, chosen).sum()) == 2


def test_a_position_of_class_255_is_one_among_many_classes():
    label = torch.full((1, 1, 4, 4), 255)
    label[..., 2:] = IGNORED
    found = downscale_label(label, (1, 2), min_ratio=0.75, num_classes=COUNT)
    assert found.flatten().tolist() == [255, IGNORED]


def test_the_long_tail_is_pasted_on_what_the_data_set_ignores(domains):
    cfg = images_of(domains / 'a', pipelines()['labelled'], ann_dir='lab') | {'classes': list(MANY.classes)}
    dataset = build_dataset(cfg)
    paste = LongTailPaste(dataset.class_counts(), dataset.label_set, classes=['kind7'], num_classes=1, min_pixels=10)
    found = paste.sample(dataset, np.random.default_rng(0))['paste_label']
    assert set(found.unique().tolist()) == {7, IGNORED}


def test_init_takes_255_for_a_class_where_there_are_ids_beyond():
    found = guess_classes(facts(**{f'v{i}': 1 for i in range(300)}, v65535=10), None)
    assert len(found.names) == 300
    assert found.label_map is None


@pytest.mark.slow
def test_300_classes_are_trained_evaluated_predicted_and_reported(domains):
    steps = pipelines()
    val = images_of(domains / 'b', steps['test'], ann_dir='lab') | {'classes': list(MANY.classes)}
    named = {'label_set': {'classes': list(MANY.classes)}}
    file = user_config(domains, classes=COUNT)
    cfg = json.loads(file.read_text())
    train_data = cfg['data']['train']
    for part in ('source', 'target'):
        del train_data[part]['classes']
        train_data[part] |= named
    train_data |= {'rare_class_sampling': {'min_pixels': 50, 'class_temp': 0.01, 'min_crop_ratio': 0.5}}
    cfg['data'] |= {'val': val, 'test': val}
    cfg['evaluation'] = {'interval': 2, 'metric': 'mIoU'}
    cfg['uda'] |= {
        'imnet_feature_dist_lambda': 0.005,
        'imnet_feature_dist_classes': [299],
        'imnet_feature_dist_scale_min_ratio': 0.75,
    }
    file.write_text(json.dumps(cfg))
    work_dir = train(loaded(file, domains / 'work' / 'run', **{'runner.max_iters': 2}))
    assert '"IoU.kind299"' in next(work_dir.glob('*.log.json')).read_text()
    assert test_work_dir.main([str(work_dir), '--device', 'cpu']) in (0, None)
    for command in (['--save', 'ids,overlay,color', '-q'], ['--save', 'ids', '-q', '--tile', '32']):
        assert predict.main([str(domains / 'b/img'), str(work_dir), '--out', str(domains / 'found'), *command]) == 0
        assert cv2.imread(str(domains / 'found/ids/0.png'), -1).dtype == np.uint16
    assert report.main([str(work_dir), '--out', str(domains / 'report')]) in (0, None)
    assert 'kind299' in (domains / 'report/index.html').read_text()


def test_the_legend_of_many_classes_lists_those_that_are_shown():
    maps = [np.array([[299, 3]]), np.array([[3, IGNORED]], np.uint16)]
    assert [patch.get_label() for patch in legend(MANY, maps)] == ['kind3', 'kind299', 'ignored']
