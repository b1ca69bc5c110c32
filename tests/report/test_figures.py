from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from mmseg.datasets.label_sets import CAMVID11, CITYSCAPES19, LabelSet
from mmseg.models.uda.batch import StepRecord
from mmseg.report import figures
from mmseg.report.figures import Panel, comparison_panel, debug_panel, denormalize, legend, palette_figure

NORM = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375], 'to_rgb': True}


def colours_in(path) -> set[tuple[int, ...]]:
    return set(map(tuple, cv2.imread(str(path))[..., ::-1].reshape(-1, 3).tolist()))


@pytest.fixture
def drawn(monkeypatch):
    """The figure as it is when it is saved."""
    kept = SimpleNamespace(figure=None)
    save = figures.save
    monkeypatch.setattr(figures, 'save', lambda figure, path: setattr(kept, 'figure', figure) or save(figure, path))
    return kept


def titles(figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


def step(things: bool = True) -> StepRecord:
    generator = torch.Generator().manual_seed(0)

    def image() -> torch.Tensor:
        return torch.randn(2, 3, 16, 24, generator=generator)

    def label() -> torch.Tensor:
        return torch.randint(0, 19, (2, 1, 16, 24), generator=generator)

    metas = [{'img_norm_cfg': NORM}] * 2
    return StepRecord(
        source_img=image(), source_label=label(), target_img=image(), pseudo_label=label(),
        pseudo_weight=torch.full((2, 1, 16, 24), 0.4), mix_mask=label() > 9, mixed_img=image(), mixed_label=label(),
        mixed_weight=torch.ones(2, 1, 16, 24), thing_mask=torch.ones(2, 1, 2, 3) > 0 if things else None,
        img_metas=metas,
    )  # fmt: skip


def test_a_legend_names_every_class_in_its_colour():
    entries = legend(CAMVID11)
    assert [entry.get_label() for entry in entries] == [*CAMVID11.classes, 'ignored']
    assert entries[2].get_facecolor()[:3] == pytest.approx(np.array(CAMVID11.palette[2]) / 255)


def test_normalising_is_undone_exactly():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    normalised = (pixels - np.float32(NORM['mean'])) / np.float32(NORM['std'])
    tensor = torch.from_numpy(normalised.transpose(2, 0, 1).copy())
    np.testing.assert_array_equal(denormalize(tensor, NORM), pixels)


def test_the_debug_panel_titles_every_picture_of_both_images(tmp_path, drawn):
    path = debug_panel(step(), CITYSCAPES19, tmp_path / 'new' / '000001.png')
    assert cv2.imread(str(path)) is not None
    shown = titles(drawn.figure)
    assert len(shown) == 2 * 10
    for title in (
        'source image',
        'source label',
        'target image',
        'pseudo-label',
        'mixed image with jitter',
        'mixed label',
    ):
        assert shown.count(title) == 2
    assert [text.get_text() for text in drawn.figure.legends[0].get_texts()][:2] == ['road', 'sidewalk']


def test_maps_of_weights_tell_their_mean(tmp_path, drawn):
    seen = step()
    seen.pseudo_weight[:] = 0.25
    debug_panel(seen, CITYSCAPES19, tmp_path / 'a.png')
    assert titles(drawn.figure).count('pseudo-label weight (white: 1, mean 0.25)') == 2


def test_pixels_of_no_class_are_striped_and_those_of_black_classes_are_not():
    black = LabelSet(name='black', classes=('night',), palette=((0, 0, 0),))
    shown = figures.striped(np.array([[0] * 8, [255] * 8]), black)
    assert shown[0].max() == 0
    assert sorted(set(shown[1].max(axis=1).tolist())) == [0, 110]


def test_the_debug_panel_does_without_a_feature_distance_mask(tmp_path, drawn):
    debug_panel(step(things=False), CITYSCAPES19, tmp_path / 'a.png')
    assert len(titles(drawn.figure)) == 2 * 9


def test_panels_use_the_palette_of_their_own_label_set(tmp_path):
    blue = LabelSet(name='blue', classes=('x', 'y'), palette=((0, 0, 250), (0, 120, 250)))
    label = np.kron([[0, 1]], np.ones((20, 20), int))
    path = comparison_panel([[Panel('prediction', label)]], blue, tmp_path / 'a.png')
    assert {(0, 0, 250), (0, 120, 250)} <= colours_in(path)
    assert tuple(CITYSCAPES19.palette[0]) not in colours_in(path)


def test_rows_with_the_same_titles_show_them_once(tmp_path, drawn):
    label = np.zeros((10, 20), int)
    row = [Panel('image', np.zeros((10, 20, 3), np.uint8)), Panel('ground truth', label), Panel('DAFormer', label)]
    comparison_panel([row, row], CITYSCAPES19, tmp_path / 'a.png')
    assert titles(drawn.figure) == ['image', 'ground truth', 'DAFormer', '', '', '']


def test_nothing_in_a_panel_overlaps(tmp_path, drawn):
    rows = [
        [Panel('wide', np.zeros((10, 40), int)), Panel('square', np.zeros((30, 30), int))],
        [Panel('below', np.ones((20, 40), int))],
    ]
    comparison_panel(rows, CITYSCAPES19, tmp_path / 'a.png')
    renderer = drawn.figure.canvas.get_renderer()
    boxes = [axes.get_window_extent(renderer) for axes in drawn.figure.axes]
    boxes += [axes.title.get_window_extent(renderer) for axes in drawn.figure.axes]
    boxes.append(drawn.figure.legends[0].get_window_extent(renderer))
    for i, first in enumerate(boxes):
        assert not any(first.overlaps(other) for other in boxes[i + 1 :])
        assert drawn.figure.bbox.x0 <= first.x0
        assert first.x1 <= drawn.figure.bbox.x1 + 1


@pytest.mark.parametrize('label_set', [CITYSCAPES19, CAMVID11], ids=lambda label_set: label_set.name)
def test_the_palette_figure_shows_every_colour(tmp_path, label_set):
    assert set(label_set.palette) <= colours_in(palette_figure(label_set, tmp_path / 'palette.png'))


def test_what_a_method_shows_of_its_own_is_a_third_row(tmp_path, drawn):
    maps = {
        'shares': torch.rand(2, 1, 16, 24),
        'labels': torch.full((2, 1, 16, 24), 3),
        'image': torch.rand(2, 3, 16, 24),
    }
    debug_panel(step(things=False)._replace(extra=maps), CITYSCAPES19, tmp_path / 'a.png')
    assert titles(drawn.figure)[9:12] == list(maps)
    assert len(titles(drawn.figure)) == 2 * 12


def test_many_pictures_of_a_method_s_own_take_rows_of_five(tmp_path, drawn):
    maps = {f'map {i}': torch.rand(2, 1, 16, 24) for i in range(7)}
    debug_panel(step()._replace(extra=maps), CITYSCAPES19, tmp_path / 'a.png')
    tops = [round(axes.get_position().y1, 4) for axes in drawn.figure.axes[10:17]]
    assert [tops.count(top) for top in dict.fromkeys(tops)] == [5, 2]


def test_a_method_without_target_images_has_a_panel_of_what_is_there(tmp_path, drawn):
    made = step()
    alone = StepRecord(source_img=made.source_img, source_label=made.source_label, img_metas=made.img_metas)
    debug_panel(alone, CITYSCAPES19, tmp_path / 'a.png')
    assert titles(drawn.figure) == ['source image', 'source label', '', '']


def test_pictures_say_of_which_data_set_they_are_where_there_are_several(tmp_path, drawn):
    made = step()
    source = [{**meta, 'domain': name} for meta, name in zip(made.img_metas, ('GTA', 'Synthia'), strict=True)]
    target = [{'domain': 'BDD'}, {'domain': 'Cityscapes'}]
    debug_panel(made._replace(img_metas=source, target_metas=target), CITYSCAPES19, tmp_path / 'a.png')
    shown = titles(drawn.figure)
    for title in ('source image: GTA', 'source image: Synthia', 'target image: BDD', 'target image: Cityscapes'):
        assert shown.count(title) == 1
