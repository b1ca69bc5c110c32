from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from mmseg.config.values import Count, Fraction, NotNegative, Positive, Range, Whole, fits, in_words, shown

NAN, INFINITE = float('nan'), float('inf')


@pytest.mark.parametrize(
    ('hint', 'good', 'bad'),
    [
        (int, [0, -3, np.int64(2)], [1.0, True, '1', None, [1]]),
        (float, [0, 2.5, INFINITE, np.float32(1)], [NAN, True, '1', None, 1j]),
        (bool, [True, False, 0, 1], [2, 'True', None, []]),
        (str, ['', 'a'], [1, None, b'a', ['a']]),
        (str | Path | None, ['a', Path('a'), None], [1]),
        (Fraction, [0, 1, 0.5], [-0.1, 1.1, NAN, True]),
        (Positive, [1e-9, 3], [0, -1, INFINITE]),
        (NotNegative, [0, 3.5], [-1e-9, INFINITE]),
        (Count, [1, 10**9], [0, 1.0, True]),
        (Whole, [0, 1], [-1]),
        (Count | Sequence[Count], [1, [1, 2], (3,)], [0, [0], 'a', [[1]]]),
        (Sequence[int], [[], (1, 2), [3], range(2)], ['12', {1: 2}, 5, [1.5], None]),
        (tuple[int, int], [(1, 2), [1, 2]], [[1], [1, 2, 3], [1, 'a']]),
        (tuple[tuple[int, int, int], ...] | None, [[[1, 2, 3]], None, ()], [[[1, 2]], [1, 2, 3]]),
        (dict, [{}, {'a': 1}], [[], None, 'a']),
        (Mapping[int, int | str], [{0: 1, '1': 'road'}], [{'a': 1}, {0: 1.5}, [1]]),
        (dict[str, dict[str, NotNegative]], [{'head': {'lr_mult': 10}}], [{'head': 3}, {'head': {'lr_mult': -1}}]),
        (Literal['mean', 'sum'], ['mean'], ['max', None, 1, ['mean']]),
        (Callable, [print], [3, 'print']),
        (Any, [1, None, 'a', []], []),
        ('NotKnownAtRunTime', [1, 'a'], []),
        (np.ndarray, [np.zeros(1)], [[0.0]]),
    ],
)
def test_values_fit_what_annotations_say(hint, good, bad):
    assert [value for value in good if not fits(value, hint)] == []
    assert [value for value in bad if fits(value, hint)] == []


@pytest.mark.parametrize(
    ('hint', 'words'),
    [
        (Count | None, 'a whole number of at least 1 or None'),
        (Positive, 'a number above 0'),
        (Fraction, 'a number in 0..1'),
        (tuple[int, float], '2 values (a whole number, a number)'),
        (Sequence[Positive], 'a list, each element a number above 0'),
        (dict[str, int], 'a dict, each value a whole number'),
        (Literal['a', 1], "'a' or 1"),
        (str | Path, 'a text or a path'),
    ],
)
def test_annotations_are_told_in_words(hint, words):
    assert in_words(hint) == words


def test_a_range_without_its_lower_end_says_so():
    assert str(Range(0, 1, above=True)) == 'in 0..1 without 0'


def test_long_values_are_shown_short():
    assert len(shown('x' * 10_000)) < 100
    assert len(shown({str(i): [i] * 100 for i in range(1000)})) < 400
