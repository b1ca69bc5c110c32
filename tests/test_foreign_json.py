import json
import math

import pytest

from mmseg.foreign_json import MAX_DEPTH, dump_json, parse_json


@pytest.mark.parametrize('value', [None, True, -3, 2.5, 'ä', [1, {'a': [2]}], 10**200])
def test_plain_values_are_read_as_they_are(value):
    assert parse_json(json.dumps(value)) == value


def test_numbers_beyond_reason_are_infinite():
    assert parse_json('[' + '9' * 5000 + ', -' + '9' * 5000 + ', 1e999]') == [math.inf, -math.inf, math.inf]


def test_halves_of_pairs_are_replaced_in_texts_and_keys_and_whole_pairs_are_kept():
    assert parse_json(r'{"a\ud800": ["\udfffx", "\ud83d\ude00"]}') == {'a\ufffd': ['\ufffdx', '😀']}


@pytest.mark.parametrize('depth', [MAX_DEPTH + 1, 5000, 100_000])
def test_what_is_nested_deeper_than_functions_can_follow_is_no_json(depth):
    for text in ('[' * depth + ']' * depth, '{"a":' * depth + '1' + '}' * depth):
        with pytest.raises(json.JSONDecodeError, match='nested more than'):
            parse_json(text)
    nested = '[' * MAX_DEPTH + ']' * MAX_DEPTH
    assert json.dumps(parse_json(nested)) == nested


def test_what_is_written_can_be_read_by_every_reader():
    value = {'a': math.nan, 'b': [math.inf, -math.inf, 1.5], 'c': ('\ud800',)}
    text = dump_json(value, ensure_ascii=False)
    text.encode('utf-8')
    assert json.loads(text, parse_constant=pytest.fail) == {'a': None, 'b': [None, None, 1.5], 'c': ['\ufffd']}
