import numpy as np
import pytest
import torch

from mmseg.errors import InputError
from mmseg.prediction.rasters import ArrayRaster
from mmseg.prediction.tiles import Tiling, fade, tiled


def by_pixel(images):
    """A network that looks at each pixel alone: the grey value is the probability of class 1."""
    values = torch.from_numpy(np.stack(images)[..., 0].astype(np.float32) / 255)
    return torch.stack([1 - values, values], dim=1)


def whole(raster, tiling, **options):
    height, width = raster.size
    seen = np.zeros((height, width), int)
    probs = torch.full((2, height, width), torch.nan)
    for block in tiled(by_pixel, raster, tiling, **options):
        seen[block.rows, block.columns] += 1
        probs[:, block.rows, block.columns] = block.probs
        assert block.label_map.shape == block.confidence.shape == block.probs.shape[1:]
    assert (seen == 1).all()
    return probs


@pytest.mark.parametrize('size', [(50, 70), (7, 5), (16, 16), (1, 33)])
@pytest.mark.parametrize(('tile', 'overlap'), [(16, 4), (16, 0), (16, 15), (64, 20)])
def test_blocks_cover_the_image_once_and_a_network_of_single_pixels_sees_no_windows(size, tile, overlap):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    probs = whole(ArrayRaster(image), Tiling(size=tile, overlap=overlap, batch=3))
    torch.testing.assert_close(probs, by_pixel([image])[0])


def test_bands_of_columns_change_nothing():
    image = np.random.default_rng(1).integers(0, 256, (40, 90, 3)).astype(np.uint8)

    def by_window(images):  # depends on the window's place: its mean
        return by_pixel([np.full_like(x, x.mean()) for x in images])

    tiling = Tiling(size=16, overlap=6)
    one, several = (
        torch.cat([b.probs.flatten(1) for b in tiled(by_window, ArrayRaster(image), tiling, band=band)], dim=1)
        for band in (1000, 90)
    )
    assert one.equal(several)
    wide = {(b.rows.start, b.columns.start): b.probs for b in tiled(by_window, ArrayRaster(image), tiling, band=25)}
    full = {b.rows.start: b.probs for b in tiled(by_window, ArrayRaster(image), tiling)}
    for (row, column), probs in wide.items():
        torch.testing.assert_close(probs, full[row][:, :, column : column + 25])


def test_windows_fade_into_each_other():
    assert fade(6, 2).tolist() == pytest.approx([1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3])
    image = np.zeros((4, 7, 3), np.uint8)

    def left_and_right(images):  # the first window says class 0, the second class 1
        values = torch.tensor([0.0, 1.0])[: len(images)].view(-1, 1, 1).expand(-1, 4, 4)
        return torch.stack([1 - values, values], dim=1)

    (block,) = tiled(left_and_right, ArrayRaster(image), Tiling(size=4, overlap=1, batch=2))
    assert block.probs[1, 0].tolist() == pytest.approx([0, 0, 0, 0.5, 1, 1, 1])


@pytest.mark.parametrize('overlap', [-1, 16, 20])
def test_windows_that_do_not_move_on_are_refused(overlap):
    with pytest.raises(InputError, match=f'--overlap {overlap}'):
        Tiling(size=16, overlap=overlap)
