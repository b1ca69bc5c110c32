import gc
import json
import os
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmseg.datasets.label_sets import CITYSCAPES19, LabelSet
from mmseg.datasets.loader import build_test_loader, collate
from mmseg.errors import InputError
from mmseg.evaluation.evaluate import evaluate, predictions
from mmseg.evaluation.metrics import ConfusionMatrix

THREE = LabelSet(name='three', classes=('a', 'b', 'c'), palette=((1, 0, 0), (0, 1, 0), (0, 0, 1)))


class Oracle(nn.Module):
    """Says what the image holds, so that images can be drawn as the predictions wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = nn.Parameter(torch.zeros(1))
        self.modes, self.views = [], []

    def simple_test(self, img, img_meta, rescale=True):
        assert rescale
        assert isinstance(img_meta, dict if len(img) == 1 else list)
        self.modes.append(self.training)
        self.views.append(1)
        return img[:, 0].long()

    def aug_test(self, imgs, img_metas, rescale=True):
        assert rescale
        assert [meta['filename'] for meta in img_metas] == [img_metas[0]['filename']] * len(imgs)
        self.views.append(len(imgs))
        return imgs[0][:, 0].long()


class Scenes(Dataset):
    """Random predictions and labels of three classes, made when asked for."""

    label_set, ignore_index = THREE, 255

    def __init__(self, count: int, size: tuple[int, int] = (6, 8), views: int = 1, label_size=None) -> None:
        self.count, self.size, self.views = count, size, views
        self.label_size = label_size or size

    def __len__(self) -> int:
        return self.count

    def predicted(self, index: int) -> np.ndarray:
        return np.random.default_rng(index).integers(0, 3, self.size)

    def label_path(self, index: int) -> Path:
        return Path('labels', f'{index}.png')

    def label_of(self, index: int) -> np.ndarray:
        label = np.random.default_rng(1000 + index).integers(0, 3, self.label_size).astype(np.uint8)
        label[0, 0] = 255
        return label

    def __getitem__(self, index: int) -> dict:
        image = torch.from_numpy(self.predicted(index)).float().expand(3, *self.size)
        meta = {'filename': f'images/{index}.png'}
        return {'img': [image] * self.views, 'img_metas': [meta] * self.views}


def loader(scenes: Dataset, batch_size: int = 1) -> DataLoader:
    return DataLoader(scenes, batch_size=batch_size, collate_fn=collate)


def plain_matrix(scenes: Scenes) -> np.ndarray:
    matrix = np.zeros((3, 3), int)
    for index in range(len(scenes)):
        for row, column in zip(scenes.label_of(index).flat, scenes.predicted(index).flat, strict=True):
            if row != 255:
                matrix[row, column] += 1
    return matrix


@pytest.mark.parametrize('batch_size', [1, 2])
def test_evaluation_counts_every_pixel_of_every_image(batch_size):
    scenes = Scenes(5)
    metrics = evaluate(Oracle(), loader(scenes, batch_size), scenes, progress=False)
    matrix = plain_matrix(scenes)
    assert metrics.aAcc == np.trace(matrix) / matrix.sum()
    assert metrics.acc == pytest.approx(np.diagonal(matrix) / matrix.sum(1))


class Whole(nn.Module):
    """A network of one convolution, as a segmentor."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.sizes = nn.Conv2d(3, 3, 1), []

    def simple_test(self, img, img_meta, rescale=True):
        self.sizes.append((len(img), self.layer(img).dtype))
        return self.layer(img).argmax(1)


@pytest.mark.parametrize(('dtype', 'seen'), [(None, torch.float32), (torch.bfloat16, torch.bfloat16)])
def test_images_of_one_size_are_predicted_together_in_the_precision_asked_for(dtype, seen):
    scenes, model = Scenes(5), Whole()
    batched = evaluate(model, loader(scenes, 2), scenes, progress=False, dtype=dtype)
    assert model.sizes == [(2, seen), (2, seen), (1, seen)]
    assert batched.iou.tolist() == evaluate(model, loader(scenes), scenes, progress=False, dtype=dtype).iou.tolist()


def test_labels_that_come_with_the_batch_are_not_read_again(monkeypatch):
    scenes = Scenes(3)
    batches = list(build_test_loader(scenes, workers_per_gpu=0, samples_per_gpu=2))
    expected = evaluate(Oracle(), loader(scenes), scenes, progress=False).iou.tolist()
    monkeypatch.setattr(scenes, 'label_of', lambda _: pytest.fail('read again'))

    class Ready(list):
        batch_sampler = [[0, 1], [2]]

    assert evaluate(Oracle(), Ready(batches), scenes, progress=False).iou.tolist() == expected


def test_several_views_of_an_image_are_predicted_together():
    scenes, model = Scenes(2, views=4), Oracle()
    evaluate(model, loader(scenes), scenes, progress=False)
    assert model.views == [4, 4]


def test_a_log_without_a_terminal_gets_no_bars(capsys):
    scenes = Scenes(2)
    evaluate(Oracle(), loader(scenes), scenes, progress=True)
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('training', [True, False])
def test_the_model_is_in_eval_mode_meanwhile_and_as_before_afterwards(training):
    scenes, model = Scenes(2), Oracle().train(training)
    evaluate(model, loader(scenes), scenes, progress=False)
    assert model.modes == [False, False]
    assert model.training is training


def test_predictions_are_handed_out_one_by_one_with_file_and_index():
    scenes, seen = Scenes(3), []
    evaluate(Oracle(), loader(scenes), scenes, on_prediction=lambda *given: seen.append(given), progress=False)
    assert [(name, index) for _, name, index in seen] == [(f'images/{i}.png', i) for i in range(3)]
    np.testing.assert_array_equal(seen[2][0], scenes.predicted(2))


def test_memory_does_not_grow_with_the_number_of_images():
    def peak(count: int) -> int:
        scenes = Scenes(count, size=(40, 60))
        gc.collect()
        tracemalloc.start()
        evaluate(Oracle(), loader(scenes), scenes, progress=False, on_prediction=lambda *_: None)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    def tensors_alive() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    one_map = 40 * 60 * 8
    assert peak(50) - peak(5) < one_map

    alive = []
    scenes = Scenes(6)
    evaluate(Oracle(), loader(scenes), scenes, on_prediction=lambda *_: alive.append(tensors_alive()), progress=False)
    assert max(alive[2:]) == min(alive[2:])


def test_an_image_and_a_label_of_different_size_are_both_named():
    scenes = Scenes(1, size=(6, 8), label_size=(7, 8))
    with pytest.raises(InputError, match=r'images/0.png.* is 8x6 but .*labels/0.png.* is 8x7'):
        evaluate(Oracle(), loader(scenes), scenes, progress=False)


def test_a_label_that_is_no_class_is_named_by_file(monkeypatch):
    scenes = Scenes(1)
    monkeypatch.setattr(scenes, 'label_of', lambda _: np.full((6, 8), 17, np.uint8))
    with pytest.raises(InputError, match=r'labels/0.png: Label values \[17\] are outside'):
        evaluate(Oracle(), loader(scenes), scenes, progress=False)


def test_a_label_that_is_no_class_is_named_by_file_also_where_nothing_waits_for_the_counts(monkeypatch):
    class Late(ConfusionMatrix):
        """As on a GPU."""

        def __init__(self, *args):
            super().__init__(*args)
            self._checks_at_once = False

    monkeypatch.setattr('mmseg.evaluation.evaluate.ConfusionMatrix', Late)
    scenes = Scenes(3)
    proper = scenes.label_of
    monkeypatch.setattr(scenes, 'label_of', lambda i: np.full((6, 8), 17, np.uint8) if i == 1 else proper(i))
    with pytest.raises(InputError, match=r'labels/1.png: Label values \[17\] are outside'):
        evaluate(Oracle(), loader(scenes), scenes, progress=False)


def _evaluate_a_part(rank: int, world: int, port: int, results) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.distributed.init_process_group('gloo', rank=rank, world_size=world)
    scenes = Scenes(5)
    part = build_test_loader(scenes, workers_per_gpu=0, rank=rank, world_size=world)
    results[rank] = evaluate(Oracle(), part, scenes, progress=False).iou.tolist()
    torch.distributed.destroy_process_group()


def test_the_parts_of_two_processes_hold_every_image_once(monkeypatch):
    scenes, parts = Scenes(5), []
    monkeypatch.setattr(ConfusionMatrix, 'reduce', lambda self: parts.append(self.matrix))
    for rank in range(2):
        part = build_test_loader(scenes, workers_per_gpu=0, rank=rank, world_size=2)
        evaluate(Oracle(), part, scenes, progress=False)
    assert (parts[0] + parts[1])[:, :3].tolist() == plain_matrix(scenes).tolist()


@pytest.mark.slow
def test_two_processes_give_exactly_the_result_of_one_although_they_do_not_divide_the_images():
    alone = evaluate(Oracle(), loader(Scenes(5)), Scenes(5), progress=False).iou.tolist()
    with torch.multiprocessing.Manager() as manager:
        results, port = manager.dict(), 20_000 + os.getpid() % 20_000
        torch.multiprocessing.spawn(_evaluate_a_part, (2, port, results), nprocs=2)
        assert dict(results) == {0: alone, 1: alone}


def test_predictions_stop_cleanly_and_restore_the_mode():
    model = Oracle().train()
    for _ in predictions(model, loader(Scenes(3)), torch.device('cpu')):
        break
    gc.collect()
    assert model.training


@pytest.mark.skipif('MMSEG_REAL_DATA' not in os.environ, reason='needs MMSEG_REAL_DATA')
@pytest.mark.parametrize('split', ['train', 'val'])
def test_real_predictions_give_the_independently_counted_matrix(split):
    root = Path(os.environ['MMSEG_REAL_DATA'], 'cityscapes')
    expected = json.loads((root / 'predictions_espnet' / 'expected_eval.json').read_text())['splits'][split]
    to_train_id = golden_train_ids()
    confusion = ConfusionMatrix(19)
    for frame in expected['frames']:
        city = frame.split('_')[0]
        pred = cv2.imread(
            str(root / 'predictions_espnet' / split / city / f'{frame}_pred_labelTrainIds.png'), cv2.IMREAD_UNCHANGED
        )
        label = cv2.imread(str(root / 'gtFine' / split / city / f'{frame}_gtFine_labelIds.png'), cv2.IMREAD_UNCHANGED)
        confusion.update(torch.from_numpy(pred), torch.from_numpy(to_train_id[label]))
    assert confusion.matrix[:, :19].tolist() == expected['confusion']
    metrics = confusion.metrics()
    undefined = [np.nan if value is None else value for value in expected['iou']]
    np.testing.assert_allclose(metrics.iou, undefined, rtol=1e-15)
    np.testing.assert_allclose(metrics.acc, [np.nan if v is None else v for v in expected['acc']], rtol=1e-15)
    assert metrics.mIoU == pytest.approx(expected['mIoU_nanmean'], rel=1e-14)
    assert metrics.mAcc == pytest.approx(expected['mAcc_nanmean'], rel=1e-14)
    assert metrics.aAcc == expected['aAcc']
    assert len(CITYSCAPES19.classes) == 19


def golden_train_ids() -> np.ndarray:
    """Cityscapes ids of the 19 evaluated classes, in train-id order -> table of 256 train ids."""
    table = np.full(256, 255, np.uint8)
    ids = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    table[ids] = np.arange(19)
    return table
