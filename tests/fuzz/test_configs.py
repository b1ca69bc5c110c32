import json
from argparse import Namespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg.config.load import load_config, parse_cfg_options
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.engine.options import load_run
from mmseg.report.logs import read_log
from tests.fuzz.drawn import TEXTS, VALUES, cases, changed, places, taken

WHOLE = load_config(SHIPPED_CONFIGS / 'toy' / 'daformer.py').to_dict()
SECTIONS = (
    'model', 'uda', 'data', 'optimizer', 'optimizer_config', 'lr_config', 'runner', 'checkpoint_config', 'evaluation',
    'log_config', 'custom_hooks', 'dist_params', 'workflow', 'exp', 'name', 'seed', 'precision', 'load_from',
)  # fmt: skip
TREE = json.loads(json.dumps({key: WHOLE[key] for key in SECTIONS}))
PLACES = list(places(TREE))
OPTIONS = Namespace(cfg_options=None, seed=None, gpus=None, from_scratch=False, deterministic=False, debug=False)


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return tmp_path_factory.mktemp('drawn') / 'x.json'


def test_the_tree_that_values_are_changed_in_is_a_good_config(file):
    file.write_text(json.dumps(TREE))
    assert load_run(file, OPTIONS).runner == WHOLE['runner']
    assert len(PLACES) > 200


@cases(40)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_a_config_with_any_value_anywhere_is_checked_or_refused(file, place, value):
    file.write_text(json.dumps(changed(TREE, place, value)))
    taken(lambda: load_run(file, OPTIONS))


KEYS = st.one_of(st.sampled_from([*TREE, '_base_', 'custom_imports']), TEXTS)


@cases(60)
@given(values=st.dictionaries(KEYS, VALUES, max_size=4), purpose=st.sampled_from(['train', 'test']))
def test_any_json_is_a_config_or_refused(file, values, purpose):
    file.write_text(json.dumps({**TREE, **values}))
    taken(lambda: load_config(file, purpose=purpose), naming='x.json')


@cases(60)
@given(place=st.sampled_from(PLACES), text=st.one_of(TEXTS, VALUES.map(repr), st.text('[](){},\'" 1a=.-', max_size=12)))
def test_any_option_of_the_command_line_fits_or_is_refused(file, place, text):
    file.write_text(json.dumps(TREE))
    taken(lambda: load_config(file, parse_cfg_options([f'{".".join(map(str, place))}={text}'])))
    taken(lambda: load_config(file, parse_cfg_options([text])))


LINES = st.dictionaries(st.one_of(st.sampled_from(['mode', 'iter', 'loss', 'mIoU']), TEXTS), VALUES, max_size=4)


@cases(40)
@given(lines=st.lists(st.one_of(LINES.map(json.dumps), VALUES.map(json.dumps), st.text(max_size=9)), max_size=4))
def test_any_log_is_read_or_refused(file, lines):
    log = file.with_name('1.log.json')
    log.write_text('\n'.join(lines), encoding='utf-8', errors='replace')
    found = taken(lambda: read_log(log), naming='1.log.json')
    records = found.train.values() if found else ()
    assert all(type(value) is float for record in records for value in record.values())
