import json
from pathlib import Path

import pytest

from mmseg.config.load import load_config, parse_cfg_options
from mmseg.config.override import OLD, override, refuse_of_training
from mmseg.config.read import IMPORTS, SHIPPED_CONFIGS, read_config
from mmseg.config.schema import TOP_LEVEL
from mmseg.errors import InputError

COMPLETE = """
model = dict(type='EncoderDecoder', backbone=dict(type='mit_b0', drop_path_rate=0.1), decode_head=dict(channels=64))
optimizer = dict(type='AdamW', lr=6e-5)
runner = dict(type='IterBasedRunner', max_iters=10)
data = dict(train=dict(type='CustomDataset', pipeline=[dict(type='Resize', img_scale=(8, 4)), dict(type='Pad')]),
            val=dict(type='CustomDataset'), test=dict(type='CustomDataset'))
"""


@pytest.fixture
def write(tmp_path):
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
        return path

    return write_file


@pytest.fixture
def base(write):
    return write('base.py', COMPLETE)


def test_a_child_changes_what_it_names_and_keeps_the_rest(base, write):
    cfg = load_config(write('child.py', "_base_ = 'base.py'\nmodel = dict(backbone=dict(drop_path_rate=0.3))"))
    assert cfg.model.backbone == {'type': 'mit_b0', 'drop_path_rate': 0.3}
    assert cfg.model.decode_head.channels == 64


def test_several_bases_are_merged(base, write):
    write('uda.py', "uda = dict(type='DACS', alpha=0.99)")
    cfg = load_config(write('child.py', "_base_ = ['base.py', './uda.py']\nuda = dict(alpha=0.999)"))
    assert cfg.uda == {'type': 'DACS', 'alpha': 0.999}
    assert cfg.runner.max_iters == 10


def test_delete_replaces_the_dict_of_the_base(base, write):
    cfg = load_config(
        write('child.py', "_base_ = 'base.py'\nmodel = dict(backbone=dict(_delete_=True, type='mit_b1'))")
    )
    assert cfg.model.backbone == {'type': 'mit_b1'}


def test_delete_without_a_base_to_delete_leaves_no_trace(write):
    cfg = load_config(write('alone.py', COMPLETE + "model['neck'] = dict(_delete_=True, type='SegFormerAdapter')"))
    assert cfg.model.neck == {'type': 'SegFormerAdapter'}


def test_a_config_may_use_the_variables_of_its_base(base, write):
    cfg = load_config(write('child.py', "_base_ = ['base.py']\nuda = dict(type='X', source=_base_.data.train)"))
    assert cfg.uda.source == cfg.data.train


@pytest.fixture
def json_base(base, write):
    return write('base.json', json.dumps(load_config(base).to_dict()))


def test_json_with_a_base_is_a_config_too(json_base, write):
    child = {'_base_': ['../base.json'], 'runner': {'max_iters': 3}, 'uda': {'_delete_': True, 'type': 'X'}}
    path = write('generated/child.json', json.dumps(child))
    cfg = load_config(path)
    assert cfg.runner == {'type': 'IterBasedRunner', 'max_iters': 3}
    assert cfg.uda == {'type': 'X'}
    assert Path(cfg.filename) == path


def test_a_json_with_a_shipped_base_is_what_the_same_python_is(write):
    bases = ['_base_/models/segformer_b5.py', '_base_/schedules/adamw.py']
    names = [str(SHIPPED_CONFIGS / base) for base in bases]
    changes = {'model': {'backbone': {'_delete_': True, 'type': 'mit_b0'}}, 'optimizer': {'lr': 0.5}}
    raw = [
        read_config(write('child.json', json.dumps({'_base_': names, **changes}))),
        read_config(write('child.py', f'_base_ = {names}\nmodel = {changes["model"]}\noptimizer = {{"lr": 0.5}}')),
    ]
    assert raw[0].to_dict() == raw[1].to_dict()
    assert raw[0].optimizer.lr == 0.5
    assert raw[0].model.backbone.type == 'mit_b0'


def test_a_json_runs_no_config_from_elsewhere(write, tmp_path):
    mark = tmp_path / 'run'
    write('evil.py', COMPLETE + f"open({str(mark)!r}, 'w')")
    inside = SHIPPED_CONFIGS / '..' / '..' / Path(*['..'] * 20, *(tmp_path / 'evil.py').parts[1:])
    write('link.json', json.dumps({'_base_': 'evil.py'}))
    for base in ('evil.py', str(tmp_path / 'evil.py'), str(inside), 'link.json', ['link.json']):
        for purpose in ('train', 'test'):
            with pytest.raises(InputError, match=r'evil\.py is code.*--trust'):
                load_config(write('child.json', json.dumps({'_base_': base})), purpose=purpose)
    assert not mark.exists()
    load_config(tmp_path / 'child.json', trust=True)
    assert mark.exists()


def test_a_json_imports_no_module_unless_it_is_trusted(json_base, write, tmp_path, monkeypatch, caplog):
    monkeypatch.syspath_prepend(tmp_path)
    mark = tmp_path / 'run'
    write('module_of_a_json.py', f"open({str(mark)!r}, 'w')")
    imports = {'custom_imports': {'imports': 'module_of_a_json'}}
    path = write('child.json', json.dumps({'_base_': 'base.json', **imports}))
    with pytest.raises(InputError, match=r'module_of_a_json.*--trust'):
        load_config(path)
    load_config(path, purpose='test')
    assert 'They are not imported' in caplog.text
    python = write('child.py', "_base_ = 'child.json'")
    with pytest.raises(InputError, match='it is data'):
        load_config(python)
    assert not mark.exists()
    load_config(path, trust=True)
    assert mark.exists()
    load_config(path)  # what is loaded already runs nothing


def test_a_json_tells_nothing_of_the_environment_of_its_reader(json_base, write, monkeypatch, caplog):
    monkeypatch.setenv('MY_TOKEN', 'secret')
    child = {'_base_': 'base.json', 'model': {'pretrained': '{{$MY_TOKEN:}}', 'neck': '{{ fileDirname }}'}}
    cfg = load_config(write('child.json', json.dumps(child)))
    assert cfg.model.pretrained == '{{$MY_TOKEN:}}'
    assert cfg.model.neck == '{{ fileDirname }}'
    assert '{{...}} is text' in caplog.text
    with pytest.raises(InputError, match='it is data'):
        load_config(write('child.py', "_base_ = 'child.json'"))
    assert 'secret' not in caplog.text


@pytest.mark.parametrize('key', ['_base_', 'custom_imports.imports'])
def test_what_a_file_is_read_with_is_not_overridden(base, key):
    with pytest.raises(InputError, match=f'{key} is needed when the file is read'):
        load_config(base, {key: ['x.py']})


@pytest.mark.parametrize('value', [5, None, True, [5], [['a.py']], {'a': 1}])
def test_a_base_that_is_no_name_is_an_error(write, value):
    for name, text in (('a.py', f'_base_ = {value}'), ('a.json', json.dumps({'_base_': value}))):
        with pytest.raises(InputError, match=rf'{name}: _base_ has to be the name of a config'):
            load_config(write(name, text))


@pytest.mark.parametrize(
    ('name', 'text', 'message'),
    [
        ('deep.json', '{"a":' * 3000 + '1' + '}' * 3000, 'nested more than'),
        ('list.json', '[' * 100000, 'nested more than'),
        ('deep.py', 'x = ' + '-' * 20000 + '1', 'cannot be read as Python|nested too deep'),
        ('itself.py', 'seed = []\nseed.append(seed)', 'contain themselves'),
        ('null.py', 'x = "\0"', 'cannot be read as Python|null bytes'),
        ('long.json', json.dumps({'_base_': 'x' * 5000 + '.py'}), 'does not exist'),
        ('bytes.json', '{"seed": ' + '9' * 5000 + '}', "no 'model'"),
    ],
)
def test_a_file_that_nobody_would_write_is_an_error_too(write, name, text, message):
    with pytest.raises(InputError, match=message):
        load_config(write(name, text))


@pytest.mark.parametrize('path', ['x' * 300 + '.py', '~nobody-here/x.py', 'a\0b.py'])
def test_a_name_that_no_file_has_is_an_error(path):
    with pytest.raises(InputError):
        load_config(path)


def test_bases_of_a_moved_json_are_found_below_configs(write):
    path = write(
        'elsewhere/run.json',
        json.dumps({'_base_': ['_base_/models/segformer_b5.py', '../../configs/_base_/schedules/adamw.py']}),
    )
    with pytest.raises(InputError, match=r"no 'data\.train'") as error:
        load_config(path)
    assert "'model'" not in str(error.value)
    assert "'optimizer'" not in str(error.value)


def test_docstrings_imports_and_functions_do_not_disturb(base, write):
    note = '"""A note."""\nimport math\n_base_ = "base.py"\n'
    code = 'def double(x):\n    return 2 * x\nseed = double(math.floor(3.2))\n'
    cfg = load_config(write('child.py', note + code))
    assert cfg.seed == 6
    assert 'double' not in cfg


def test_reading_a_config_writes_nothing_beside_it(base, json_base, write):
    load_config(write('child.json', json.dumps({'_base_': 'base.json'})))
    load_config(write('child.py', "_base_ = 'base.py'"))
    found = sorted(file.name for file in base.parent.iterdir())
    assert found == ['base.json', 'base.py', 'child.json', 'child.py']


def test_overrides_win_over_the_file_and_reach_into_lists(base):
    options = {
        'runner.max_iters': 2,
        'data.train.pipeline.0.img_scale': (16, 8),
        'optimizer_config.grad_clip.max_norm': 1,
    }
    cfg = load_config(base, options)
    assert cfg.runner.max_iters == 2
    assert cfg.data.train.pipeline[0].img_scale == (16, 8)
    assert cfg.data.train.pipeline[1].type == 'Pad'
    assert cfg.optimizer_config == {'grad_clip': {'max_norm': 1}}


def test_an_override_may_fill_a_section_that_the_file_leaves_empty(write):
    cfg = load_config(write('a.py', COMPLETE + 'optimizer_config = None'), {'optimizer_config.grad_clip.max_norm': 1})
    assert cfg.optimizer_config.grad_clip.max_norm == 1


@pytest.mark.parametrize('key', ['optimizer.lr.head', 'data.train.pipeline.9.img_scale'])
def test_an_override_that_does_not_fit_is_named(base, key):
    with pytest.raises(InputError, match=f'override {key}=1 does not fit'):
        load_config(base, {key: 1})


@pytest.mark.parametrize(
    ('key', 'meant'),
    [
        ('max_iters', r'Did you mean runner\.max_iters\?'),
        ('lr', r'Did you mean optimizer\.lr\?'),
        ('samples_per_gpu', r'Did you mean data\.samples_per_gpu or evaluation\.samples_per_gpu\?'),
        ('interval', r'Did you mean checkpoint_config\.interval or evaluation\.interval or log_config\.interval\?'),
        ('num_classes', r'Did you mean data\.train\.long_tail_paste\.num_classes\?'),
        ('channels', r'Did you mean model\.decode_head\.channels\?'),
        ('batch_size', r'Did you mean data\.samples_per_gpu\?'),
        ('total_iters', r'counts only where there is no runner\. Did you mean runner\.max_iters\?'),
        ('decode_head.channels', r'Did you mean model\.decode_head\.channels\?'),
        ('img_scale', r'Did you mean data\.train\.pipeline\.0\.img_scale\?'),
        ('runer.max_iters', r"Did you mean 'runner'\?"),
        ('precison', r"'precison' is no setting of the top level\. Did you mean 'precision'\?"),
        ('zzz', r"'zzz' is no setting of the top level\."),
        ('zzz.0', r"'zzz' is no setting of the top level\."),
    ],
)  # fmt: skip
@pytest.mark.parametrize('purpose', ['train', 'test'])
def test_an_override_that_would_do_nothing_names_the_one_that_does(base, key, meant, purpose):
    with pytest.raises(InputError, match=f'the override {key}=3 would do nothing: .*{meant}'):
        load_config(base, {key: 3}, purpose=purpose)


def test_a_variable_of_the_file_cannot_be_overridden_once_it_is_used(write):
    text = 'crop_size = (8, 4)\n' + COMPLETE.replace("dict(type='Pad')", "dict(type='Pad', size=crop_size)")
    file = write('variable.py', f'{text}\ndata_root = "x"\ndata["test"]["data_root"] = data_root')
    with pytest.raises(InputError, match='crop_size is a variable whose value the file has put in its places already'):
        load_config(file, {'crop_size': (4, 4)})
    with pytest.raises(InputError, match=r'Did you mean data\.test\.data_root\?'):
        load_config(file, {'data_root': 'y'})


@pytest.mark.parametrize('key', ['data.val', 'model', 'data.train.pipeline.0'])
def test_an_empty_section_adds_nothing_to_one_that_is_there(base, key):
    with pytest.raises(InputError, match=f'the override {key}={{}} would do nothing.*{key}=None takes it away'):
        load_config(base, {key: {}})
    assert load_config(base, {'optimizer_config': {}, 'data.val': None}).data.val is None


@pytest.mark.parametrize('key', [*sorted(TOP_LEVEL - {IMPORTS}), 'name_uda', *sorted(OLD - {'total_iters'})])
def test_what_is_read_at_the_top_level_may_be_overridden(base, key):
    raw = read_config(base)
    override(raw, {key: 7})
    assert raw[key] == 7


def test_a_test_takes_what_it_reads_and_refuses_what_only_a_training_does():
    read = [
        'model.neck',
        'data',
        'data.test.img_dir',
        'data.val',
        'evaluation.weights',
        'evaluation',
        'tf32',
        'test_cfg',
    ]
    refuse_of_training(dict.fromkeys([*read, 'load_from', 'runner.max_iters', 'name_uda', 'data.workers_per_gpu']))
    for key in ('seed', 'uda.alpha', 'evaluation.interval', 'optimizer', 'data.samples_per_gpu', 'modell'):
        with pytest.raises(InputError, match=f'--cfg-options {key} would do nothing'):
            refuse_of_training({key: 1})


def test_total_iters_counts_where_there_is_no_runner(write):
    text = COMPLETE.replace('runner =', 'name_runner =')
    assert load_config(write('a.py', text), {'total_iters': 7}).runner.max_iters == 7


def test_a_complete_config_loads_to_itself_again(base, write):
    first = load_config(base)
    second = load_config(write('saved.py', first.pretty_text))
    assert second.to_dict() == first.to_dict()


def test_absent_keys_take_their_defaults(base):
    cfg = load_config(base)
    assert cfg.uda is None
    assert (cfg.precision, cfg.accumulate, cfg.compile, cfg.seed) == ('fp32', 1, False, None)
    assert cfg.data.samples_per_gpu == 2
    assert cfg.evaluation == {'interval': 4000, 'metric': 'mIoU'}
    assert [hook.type for hook in cfg.log_config.hooks] == ['TextLoggerHook', 'TensorboardLoggerHook']
    assert cfg.name == 'base'


def test_no_two_places_of_a_config_share_a_dict(write):
    cfg = load_config(write('alias.py', COMPLETE + "data['test'] = data['val']"))
    cfg.data.test['img_dir'] = 'elsewhere'
    assert 'img_dir' not in cfg.data.val


def test_a_missing_file_is_reported_with_near_ones(base):
    with pytest.raises(InputError, match=r'not found: .*bas\.py\. Did you mean .*base\.py\?'):
        load_config(base.parent / 'bas.py')


def test_a_missing_file_is_looked_for_among_the_shipped_ones(tmp_path):
    with pytest.raises(InputError, match=r'Did you mean daformer/gta2cs_uda_warm\S*s0\.py'):
        load_config(tmp_path / 'gta2cs_uda_warm_fdthings_rcs_croppl_a999_daformer_mitb5.py')


def test_a_missing_file_is_not_taken_for_any_other_of_its_kind(tmp_path):
    with pytest.raises(InputError) as caught:
        load_config(tmp_path / 'no' / 'such.py')
    assert 'Did you mean' not in str(caught.value)


def test_a_missing_base_is_reported_with_the_file_that_wants_it(base, write):
    with pytest.raises(InputError, match=r'child\.py: its base .*bases\.py does not exist\. Did you mean .*base\.py'):
        load_config(write('child.py', "_base_ = 'bases.py'"))


@pytest.mark.parametrize(
    ('name', 'text', 'place'),
    [
        ('syntax.py', 'a = 1\nmodel = dict(type=)\n', r'syntax\.py, line 2'),
        ('name.py', 'a = 1\n\nb = c + a\n', r"name\.py, line 3: NameError: name 'c' is not defined"),
        ('comma.json', '{"seed": 1,\n "a": 2,}\n', r'comma\.json, line 2'),
        ('list.json', '[1, 2]', r'list\.json, line 1: a config is an object'),
        ('twice.py', "_base_ = ['base.py', 'base.py']", 'Duplicate key'),
        ('dict.py', "_base_ = 'base.py'\nseed = 1\nmodel = dict(backbone=dict(type=dict(a=1)))", '_delete_=True'),
        ('config.yaml', 'seed: 1', r'a \.py or a \.json file'),
    ],
)
def test_a_mistake_in_a_config_is_reported_with_its_place(base, write, name, text, place):
    with pytest.raises(InputError, match=place):
        load_config(write(name, text))


def test_what_a_module_of_the_users_runs_into_is_told(base, write, monkeypatch, tmp_path):
    config = write('plugin.py', "_base_ = 'base.py'\ncustom_imports = dict(imports=['my_plugin'])")
    with pytest.raises(InputError, match=r"plugin\.py: custom_imports: ModuleNotFoundError: .*'my_plugin'.*PYTHONPATH"):
        load_config(config)
    write('my_plugin.py', 'from math import cosinus')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"custom_imports: ImportError: cannot import name 'cosinus'"):
        load_config(config)


def test_a_mistake_in_a_base_names_the_base(write):
    write('broken.py', 'x = (1,\n')
    with pytest.raises(InputError, match=r'broken\.py, line 1'):
        load_config(write('child.py', "_base_ = 'broken.py'"))


def test_a_config_that_is_its_own_base_is_reported(write):
    write('a.py', "_base_ = 'b.py'")
    with pytest.raises(InputError, match=r'a\.py is among its own bases: .*a\.py -> .*b\.py'):
        load_config(write('b.py', "_base_ = 'a.py'").parent / 'a.py')


def test_a_folder_is_not_a_config(tmp_path):
    with pytest.raises(InputError, match='is a folder'):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('1', 1),
        ('6e-5', 6e-5),
        ('True', True),
        ('false', False),
        ('None', None),
        ('word', 'word'),
        ('"two, words"', 'two, words'),
        ('data/gta/', 'data/gta/'),
        ('[1,2]', [1, 2]),
        ('(3,4)', (3, 4)),
        ('1,2', [1, 2]),
        ('[a,b]', ['a', 'b']),
        ('[(1,2),(c,true)]', [(1, 2), ('c', True)]),
        ('x,y', ['x', 'y']),
        ('[]', []),
        ("{'a': 1}", {'a': 1}),
        ('a=b', 'a=b'),
        ('', ''),
    ],
)
def test_values_of_overrides_are_read_as_meant(text, value):
    assert parse_cfg_options([f'a.b={text}']) == {'a.b': value}
    assert type(parse_cfg_options([f'a.b={text}'])['a.b']) is type(value)


@pytest.mark.parametrize('value', ['(' * 5000, '-' * 100000 + '1', '{[]: 1}'])
def test_what_is_no_literal_is_a_text(value):
    assert parse_cfg_options([f'a={value}']) == {'a': value}


def test_a_value_beyond_reason_is_refused():
    with pytest.raises(InputError, match='a: its value is nested too deep'):
        parse_cfg_options(['a=' + '[' * 5000 + ']' * 5000])


@pytest.mark.parametrize('option', ['runner.max_iters', '=3'])
def test_an_override_without_key_or_value_is_refused(option):
    with pytest.raises(InputError, match='KEY=VALUE'):
        parse_cfg_options([option])


def test_no_overrides_are_none():
    assert parse_cfg_options(None) == {}


@pytest.mark.parametrize('change', ['workflow = [[[]]]', "data['train'] = dict(type='X', source=dict(pipeline=5))"])
def test_a_value_that_rules_across_sections_stumble_over_is_an_error(write, change):
    with pytest.raises(InputError, match=r'a\.py: '):
        load_config(write('a.py', f"{COMPLETE}{change}\nuda = dict(type='DACS')"))
