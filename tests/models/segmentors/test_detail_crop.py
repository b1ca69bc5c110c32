"""Places of the detail crop and of the windows, and maps cut and put together."""

import json

import numpy as np
import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.layers.box import Box, cut_windows, inside, mean_of_windows
from mmseg.models.segmentors.detail_crop import box_at, draw_box, grid
from tests.parity import golden

REFERENCE = golden('hrda_crop_grid')
CASES = REFERENCE.arrays['in.cases_imgh_imgw_croph_cropw_divisible'].tolist()


def boxes_of_numpy(size, crop, divisible, count):
    """Boxes from NumPy's integers, in the order in which the reference draws them: row, then column."""
    counts = grid(size, crop, divisible)
    for _ in range(count):
        place = (0, 0) if crop == size else (np.random.randint(counts[0]), np.random.randint(counts[1]))
        yield box_at(place, crop, divisible)


@pytest.mark.parametrize('number', range(9))
def test_boxes_of_numpy_s_draws_are_the_reference_s(number):
    height, width, *crop, divisible = CASES[number]
    np.random.seed(REFERENCE.config['np_random_seed_before_each_case'])
    boxes = list(boxes_of_numpy((height, width), tuple(crop), divisible, 12))
    assert [list(box) for box in boxes] == REFERENCE.arrays['boxes_y1_y2_x1_x2'][number].tolist()


@pytest.mark.parametrize('number', range(9))
def test_our_draws_reach_the_same_places_as_the_reference_s(number):
    height, width, *crop, divisible = CASES[number]
    generator = torch.Generator().manual_seed(1)
    boxes = [draw_box((height, width), tuple(crop), divisible=divisible, generator=generator) for _ in range(1500)]
    found = [edge for axis in (0, 2) for edge in (min(b[axis] for b in boxes), max(b[axis] for b in boxes))]
    lowest_y, highest_y, _, lowest_x, highest_x, _ = REFERENCE.arrays['y1min_y1max_y1count_x1min_x1max_x1count_of_400'][
        number
    ].tolist()
    places = grid((height, width), tuple(crop), divisible)
    assert found[::2] == [lowest_y, lowest_x]
    assert found[1::2] == [(count - 1) * divisible for count in places]
    assert found[1] >= highest_y
    assert found[3] >= highest_x
    assert len({box.top for box in boxes}) == places[0]
    assert len({box.left for box in boxes}) == places[1]


def test_margins_that_the_reference_refuses_are_refused_but_for_sides_without_any():
    for case, found in json.loads(str(REFERENCE.arrays['edge_cases'])).items():
        height, width, *crop, divisible = json.loads(case)
        if found == 'ok' or height == crop[0]:  # a crop as high as the image moves sideways: the reference cannot
            assert grid((height, width), tuple(crop), divisible)
        else:
            with pytest.raises(InputError, match='at least 7 pixels'):
                grid((height, width), tuple(crop), divisible)
    assert grid((512, 1024), (512, 512), 8) == (1, 64)
    with pytest.raises(InputError, match=r'hr_crop_size=\(64, 64\) does not fit into training images of \(48, 64\)'):
        grid((48, 64), (64, 64), 8)


def test_nothing_is_drawn_where_the_crop_is_the_image():
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    assert draw_box((64, 96), (64, 96), divisible=8, generator=generator) == Box(0, 64, 0, 96)
    assert torch.equal(generator.get_state(), state)


def test_a_box_on_a_coarser_grid_rounds_its_edges_down():
    assert Box(24, 88, 40, 104).scaled((128, 128), (8, 8)) == Box(1, 5, 2, 6)
    assert Box(24, 88, 40, 104).scaled((128, 128), (32, 32)) == Box(6, 22, 10, 26)


def test_windows_are_cut_window_by_window_and_averaged_where_they_overlap():
    x = torch.arange(24.0).view(2, 1, 2, 6)
    boxes = [Box(0, 2, 0, 4), Box(0, 2, 2, 6)]
    windows = cut_windows(x, boxes)
    assert torch.equal(windows, torch.cat([x[..., :4], x[..., 2:]]))
    assert torch.equal(mean_of_windows(windows, boxes, (2, 6)), x)
    shifted = mean_of_windows(torch.cat([windows[:2], windows[2:] + 1]), boxes, (2, 6))
    torch.testing.assert_close(shifted - x, torch.tensor([0, 0, 0.5, 0.5, 1, 1]).expand(x.shape))


def test_outside_of_all_windows_there_is_nothing():
    boxes = [Box(0, 1, 1, 3)]
    assert inside(boxes, torch.zeros(1, 1, 2, 4)).tolist() == [[[[0, 1, 1, 0], [0, 0, 0, 0]]]]
    placed = mean_of_windows(torch.full((1, 1, 1, 2), 7.0), boxes, (2, 4))
    assert placed.tolist() == [[[[0, 7, 7, 0], [0, 0, 0, 0]]]]
