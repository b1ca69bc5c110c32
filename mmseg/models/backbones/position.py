"""Where tokens are: relative position indices, and position tables resized to another grid."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mmseg.errors import InputError


def relative_position_index(window: tuple[int, int]) -> Tensor:
    """Row of a relative position table for every pair of tokens (Liu et al., 'Swin', eq. 4).

    Args:
        window: (height, width) of the grid of N tokens.

    Returns:
        (N, N) int64; the table has (2 * height - 1) * (2 * width - 1) rows.
    """
    height, width = window
    rows = torch.arange(height).repeat_interleave(width)
    columns = torch.arange(width).repeat(height)
    down = rows[:, None] - rows[None, :] + height - 1
    right = columns[:, None] - columns[None, :] + width - 1
    return down * (2 * width - 1) + right


def relative_position_index_with_class(window: tuple[int, int]) -> Tensor:
    """The same with a class token in front: (N + 1, N + 1).

    Three more rows of the table follow the others: class to token, token to class, class to class.
    """
    index = F.pad(relative_position_index(window), (1, 0, 1, 0))
    rows = (2 * window[0] - 1) * (2 * window[1] - 1)
    index[0, :] = rows
    index[:, 0] = rows + 1
    index[0, 0] = rows + 2
    return index


def gather_bias(table: Tensor, index: Tensor) -> Tensor:
    """Attention bias (heads, N, N) from a ``table`` (rows, heads) and an ``index`` (N, N)."""
    return table[index.flatten()].unflatten(0, index.shape).permute(2, 0, 1)


def without_indices(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """``state`` without relative position indices: a network makes those of its own grid."""
    return {key: value for key, value in state.items() if not key.endswith('relative_position_index')}


def resize_position_embedding(
    embedding: Tensor, size: tuple[int, int], *, num_extra: int, mode: str = 'bicubic'
) -> Tensor:
    """Absolute position embedding of a square grid for a grid of ``size`` (rows, columns).

    Args:
        embedding: (1, extra + side * side, C).
        size: the new grid.
        num_extra: tokens in front that have no place in the grid (the class token); kept as they are.
        mode: kind of interpolation.

    Returns:
        (1, extra + rows * columns, C).

    Raises:
        InputError: the grid is not square.
    """
    extra, grid = embedding[:, :num_extra], embedding[:, num_extra:]
    side = _square_side(grid.shape[1], 'position embedding')
    if (side, side) == tuple(size):
        return embedding
    image = grid.transpose(1, 2).unflatten(2, (side, side))
    align = False if mode in ('bilinear', 'bicubic') else None
    resized = F.interpolate(image, size=size, mode=mode, align_corners=align)
    return torch.cat([extra, resized.flatten(2).transpose(1, 2)], dim=1)


def resize_window_table(table: Tensor, window: int) -> Tensor:
    """Relative position table of square windows for windows of side ``window``, bicubic (Swin's own way).

    (rows, heads) -> ((2 * window - 1)^2, heads).
    """
    side, wanted = _square_side(len(table), 'relative position table'), 2 * window - 1
    if side == wanted:
        return table
    image = table.T.reshape(1, -1, side, side)
    resized = F.interpolate(image, size=(wanted, wanted), mode='bicubic', align_corners=False)
    return resized.reshape(-1, wanted * wanted).T.contiguous()


def resize_geometric_table(table: Tensor, window: tuple[int, int]) -> Tensor:
    """Relative position table of a square grid for a grid of ``window`` (rows, columns) tokens, as BEiT does it.

    The old offsets are placed at 0, 1, 1 + q, 1 + q + q^2, ... on either side, so that they reach the largest new
    offset while near offsets keep their meaning; between them a cubic spline interpolates.

    Args:
        table: ((2 * side - 1)^2 + 3, heads); the last three rows belong to the class token and are kept.
        window: the new grid.

    Returns:
        ((2 * rows - 1) * (2 * columns - 1) + 3, heads).

    Raises:
        InputError: the old grid is not square.
    """
    grid, extra = table[:-3], table[-3:]
    side = _square_side(len(grid), 'relative position table')
    down, right = (_geometric_spline(side, 2 * tokens - 1) for tokens in window)
    image = grid.T.reshape(-1, side, side).double()
    resized = (down @ image @ right.T).flatten(1).T
    return torch.cat([resized.to(table.dtype), extra])


def _square_side(length: int, what: str) -> int:
    side = round(length**0.5)
    if side * side != length:
        raise InputError(f'The {what} in the file has {length} entries: not a square grid, so it cannot be resized.')
    return side


def _geometric_spline(source: int, target: int) -> Tensor:
    """(target, source) matrix: values at ``source`` offsets in geometric progression -> at ``target`` whole offsets."""
    if source == target:
        return torch.eye(source, dtype=torch.float64)
    half, reach = source // 2, target // 2
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        ratio = (low + high) / 2
        if (1 - ratio**half) / (1 - ratio) > reach:
            high = ratio
        else:
            low = ratio
    steps = torch.tensor([ratio**i for i in range(half)], dtype=torch.float64).cumsum(0)
    knots = torch.cat([-steps.flip(0), torch.zeros(1, dtype=torch.float64), steps])
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64).clamp(knots[0], knots[-1])
    return cubic_spline_matrix(knots, offsets)


def cubic_spline_matrix(knots: Tensor, points: Tensor) -> Tensor:
    """(points, knots) matrix that evaluates at ``points`` the cubic spline through values at ``knots``.

    The spline is the not-a-knot one: its third derivative is continuous at the second and the last but one knot.

    Args:
        knots: at least 4, ascending.
        points: between the first and the last knot.
    """
    count, gaps = len(knots), knots.diff()
    # second derivatives M of the spline solve A M = B y
    a, b = knots.new_zeros(count, count), knots.new_zeros(count, count)
    for i in range(1, count - 1):
        before, after = gaps[i - 1], gaps[i]
        a[i, i - 1 : i + 2] = torch.stack([before, 2 * (before + after), after])
        b[i, i - 1 : i + 2] = 6 * torch.stack([1 / before, -1 / before - 1 / after, 1 / after])
    a[0, :3] = torch.stack([-1 / gaps[0], 1 / gaps[0] + 1 / gaps[1], -1 / gaps[1]])
    a[-1, -3:] = torch.stack([-1 / gaps[-2], 1 / gaps[-2] + 1 / gaps[-1], -1 / gaps[-1]])
    curvature = torch.linalg.solve(a, b)

    piece = torch.searchsorted(knots, points, right=True).clamp(1, count - 1) - 1
    gap = gaps[piece][:, None]
    right = (points - knots[piece])[:, None] / gap
    left = 1 - right
    values = torch.eye(count, dtype=knots.dtype)
    linear = left * values[piece] + right * values[piece + 1]
    bend = (left**3 - left) * curvature[piece] + (right**3 - right) * curvature[piece + 1]
    return linear + bend * gap**2 / 6
