import json
from argparse import Namespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmseg.config.load import load_config, parse_cfg_options
from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.datasets.loader import label_sets_of
from mmseg.engine import run_hooks, unlabelled_target
from mmseg.engine.options import load_run
from mmseg.engine.processes import processes_wanted
from mmseg.engine.schedule import build_schedule
from mmseg.report.logs import read_log
from tests.fuzz.drawn import TEXTS, VALUES, cases, changed, places, taken

WHOLE = load_config(SHIPPED_CONFIGS / 'toy' / 'daformer.py').to_dict()
SECTIONS = (
    'model', 'uda', 'data', 'optimizer', 'optimizer_config', 'lr_config', 'runner', 'checkpoint_config', 'evaluation',
    'log_config', 'custom_hooks', 'dist_params', 'workflow', 'exp', 'name', 'seed', 'precision', 'load_from',
    'accumulate', 'n_gpus',
)  # fmt: skip
OF_FEW = {
    'target_monitor': {'interval': 2, 'images': 2, 'held_out': 0.1},
    'env_cfg': {'mp_cfg': {'mp_start_method': 'fork', 'opencv_num_threads': 0}, 'resource_limit': 4096},
}
TREE = json.loads(json.dumps({key: WHOLE[key] for key in SECTIONS} | OF_FEW))
PLACES = list(places(TREE))
OPTIONS = Namespace(cfg_options=None, seed=None, gpus=None, from_scratch=False, deterministic=False, debug=False)


class Pictures:
    """A data set without files, of the classes of the toy pair."""

    label_set = next(label_sets_of(WHOLE['data']['val']))
    split_name = 'drawn'

    def __len__(self) -> int:
        return 3


@pytest.fixture(scope='module', autouse=True)
def no_files():
    with pytest.MonkeyPatch.context() as patch:
        for module in (run_hooks, unlabelled_target):
            patch.setattr(module, 'build_dataset', lambda *_: Pictures())
        yield


def run_of(file):
    """The checked config of a run, of which hooks could be built too."""
    cfg = load_run(file, OPTIONS)
    processes_wanted(cfg)
    run_hooks.build_hooks(cfg, build_schedule(cfg.lr_config, cfg.runner.max_iters), Pictures())
    return cfg


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    return tmp_path_factory.mktemp('drawn') / 'x.json'


def test_the_tree_that_values_are_changed_in_is_a_good_config(file):
    file.write_text(json.dumps(TREE))
    assert run_of(file).runner == WHOLE['runner']
    assert len(PLACES) > 200


@cases(40)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_a_config_with_any_value_anywhere_is_checked_or_refused(file, place, value):
    file.write_text(json.dumps(changed(TREE, place, value)))
    taken(lambda: run_of(file))


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
