import ast
import collections
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mmseg.commands import train as train_command
from mmseg.config.load import load_config
from mmseg.config.tables import TABLES, generate_experiment_cfgs, rows_of
from mmseg.engine import experiments
from mmseg.errors import InputError
from tests.test_hrda_grids import COUNTS as HRDA_COUNTS
from tests.test_mic_grids import COUNTS as MIC_COUNTS

ROOT = Path(__file__).parents[1]
# The runs of the paper's program, one a line; see docs/experiments.md.
PAPER = list(csv.DictReader((ROOT / 'tests' / 'data' / 'paper_experiments.csv').open()))
COUNTS = {'1': 45, '2': 12, '3': 18, '4': 4, '5': 21, '6': 42, '7': 3, '8': 6, '100': 22}
USERS_COUNTS = {
    'toy': 21,
    'camvid': 30,
    'swin': 51,
    'convnext': 33,
    'uper': 15,
    'dsp': 6,
    'methods': 18,
    'camvid_pretrained': 30,
    'camvid_methods': 18,
    'vfm': 24,
    'dg': 12,
}


@pytest.fixture
def generated(tmp_path, monkeypatch) -> Path:
    """Where configs are generated to, in place of ``configs/generated``."""
    folder = tmp_path / 'generated'
    monkeypatch.setattr(experiments, 'GENERATED', folder)
    return folder


def test_every_table_has_its_number_of_runs():
    assert {exp: len(rows_of(exp)) for exp in TABLES} == COUNTS | USERS_COUNTS | HRDA_COUNTS | MIC_COUNTS
    assert collections.Counter(row['exp'] for row in PAPER) == COUNTS
    for exp in TABLES:
        assert len({row.name for row in rows_of(exp)}) == len(rows_of(exp))


@pytest.mark.usefixtures('each_network_once')
@pytest.mark.parametrize('exp', COUNTS)
def test_runs_of_the_paper_resolve_to_its_settings_and_are_built(exp, generated):
    args = train_command.parse_args(['--exp', exp])
    expected = {row['name']: row for row in PAPER if row['exp'] == exp}
    for path in experiments.write_configs(rows_of(exp, seeds=[0])):
        check_settings(experiments.load_run(path, args), expected[path.stem])


def check_settings(cfg, expected: dict[str, str]) -> None:
    """Compare a resolved config with a line of the paper's runs."""
    assert (cfg.name, cfg.exp, cfg.seed) == (expected['name'], expected['exp'], int(expected['seed']))
    assert cfg.runner.max_iters == int(expected['max_iters'])
    assert cfg.evaluation.interval == int(expected['eval_interval'])
    for key, column in (('dataset', 'dataset'), ('uda', 'uda'), ('opt', 'opt')):
        assert cfg[f'name_{key}'] == expected[column]
    assert (cfg.name_decoder, cfg.name_encoder) == (expected['decoder'], expected['encoder'])
    assert cfg.model.pretrained == expected['pretrained']
    assert cfg.model.backbone.type == expected['backbone_type'].replace('(base)', 'ResNetV1c')
    depth = re.fullmatch(r'[rsx](\d+)\D.*|s(\d+)', expected['encoder'])
    if depth:
        assert cfg.model.backbone.depth == int(depth[1] or depth[2])
    if expected['neck']:
        assert cfg.model.neck.type == expected['neck']
    for key, value in ast.literal_eval(expected['decode_head_overrides']).items():
        assert cfg.model.decode_head[key] == value
    sampling = cfg.data.train.get('rare_class_sampling')
    assert (sampling and sampling.class_temp) == (float(expected['rcs_temperature'] or 0) or None)
    if cfg.uda:
        top_and_bottom = (cfg.uda.pseudo_weight_ignore_top, cfg.uda.pseudo_weight_ignore_bottom)
        assert top_and_bottom == ((15, 120) if expected['pseudo_label_crop'] == 'True' else (0, 0))
    assert (cfg.optimizer.type, cfg.optimizer.lr, cfg.data.samples_per_gpu) == ('AdamW', 6e-5, 2)
    assert cfg.optimizer.paramwise_cfg == {'custom_keys': {'head': {'lr_mult': 10.0}, 'norm': {'decay_mult': 0.0}}}


@pytest.mark.parametrize('exp', USERS_COUNTS)
def test_other_runs_are_shipped_configs_with_a_name_and_a_seed(exp, generated):
    rows = rows_of(exp, seeds=[4])
    for path, row in zip(experiments.write_configs(rows), rows, strict=True):
        run, shipped = load_config(path).to_dict(), load_config(ROOT / 'configs' / row.config).to_dict()
        own = {'name': row.name, 'exp': exp, 'seed': 4, 'name_uda': row.method}
        assert {**shipped, **own} == run


def test_published_numbers_stand_beside_what_they_were_measured_on():
    known = {row.name: row.published for exp in TABLES for row in rows_of(exp, seeds=[0]) if row.published != '–'}  # noqa: RUF001
    final = 'dacs_a999_fdthings_rcs001_cpl_daformer_sepaspp_mitb5_poly10warm_s0'
    hrda = '1024x1024_dacs_a999_fdthings_rcs001-20_cpl2_hrda1-512-01_daformer_sepaspp_sl_mitb5_poly10warm_s0'
    assert known == {
        'gta2cs_source-only_dlv2red_r101v1c_poly10warm_s0': '34.3 ± 2.2',
        'gta2cs_dacs_dlv2red_r101v1c_poly10warm_s0': '54.2 ± 1.7',
        'gta2cs_target-only_dlv2red_r101v1c_poly10warm_s0': '72.1 ± 0.5',
        'gta2cs_source-only_dlv3p_nodbn_r101v1c_poly10warm_s0': '31.0 ± 1.4',
        'gta2cs_dacs_dlv3p_nodbn_r101v1c_poly10warm_s0': '53.7 ± 1.0',
        'gta2cs_target-only_dlv3p_nodbn_r101v1c_poly10warm_s0': '75.6 ± 0.9',
        'gta2cs_source-only_segformer_mitb5_poly10warm_s0': '45.6 ± 0.6',
        'gta2cs_dacs_segformer_mitb5_poly10warm_s0': '58.2 ± 0.9',
        'gta2cs_target-only_segformer_mitb5_poly10warm_s0': '76.4 ± 0.2',
        f'gta2cs_{final}': '68.3',
        f'gtaHR2csHR_{hrda}': '73.8',
        f'synHR2csHR_{hrda}': '65.8 (16 classes)',
        f'syn2cs_{final}': '60.9 (16 classes), 67.4 (13)',
        f'cs2acdc_{final}': '55.4 (test set; a run shows val)',
        f'cs2dzur_{final}': '53.8 (test set; a run shows val)',
    }


def test_every_config_of_the_users_networks_is_in_one_table():
    files = [row.config for exp in ('swin', 'convnext', 'uper') for row in rows_of(exp, seeds=[0])]
    shipped = {path.name for path in (ROOT / 'configs' / 'daformer').glob('*.py')}
    networks = {name for name in shipped if re.search('swin|convnext|uper', name)}
    assert sorted(files) == sorted(f'daformer/{name}' for name in networks - {'uper_beit_DAFomer.py'})  # an alias


def test_the_toy_table_has_every_part_of_the_method_with_three_seeds():
    cfgs = generate_experiment_cfgs('toy')
    assert [(cfg['name_uda'], cfg['seed']) for cfg in cfgs] == [
        (method, seed)
        for method in ('source_only', 'dacs', 'dacs_rcs', 'daformer', 'daformer_fd', 'mic', 'oracle')
        for seed in (0, 1, 2)
    ]
    assert cfgs[9]['name'] == 'toy_daformer_s0'
    assert cfgs[9]['_base_'] == ['../../toy/daformer.py']


def test_seeds_replace_those_of_the_table_and_names_choose_among_the_rest():
    assert [row.name for row in rows_of('toy', seeds=[7, 8, 7], only='dacs_s|oracle')] == [
        'toy_dacs_s7',
        'toy_dacs_s8',
        'toy_oracle_s7',
        'toy_oracle_s8',
    ]
    assert len(rows_of('3', seeds=[0, 1, 2])) == 3 * COUNTS['3']


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ({'exp': 'toi'}, r"'toi'.*'toy'.*Known: 1, 2"),
        ({'exp': 'toy', 'only': '('}, 'not a regular expression'),
        ({'exp': 'toy', 'only': 'hrda'}, 'no run of toy.*toy_source_only_s0'),
    ],
)
def test_what_names_no_run_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        rows_of(**options)


def test_a_list_shows_runs_and_published_numbers_and_writes_nothing(generated, capsys):
    assert train_command.main(['--exp', '7', '--list']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ['run', 'published', 'mIoU']
    assert re.fullmatch(r'syn2cs_dacs_\w+_s1  60\.9 \(16 classes\), 67\.4 \(13\)', lines[2])
    assert len(lines) == 5
    assert train_command.main(['--list']) == 0
    assert re.search(r'^1 +45 +Table 1', capsys.readouterr().out, re.M)
    assert not generated.exists()


def test_a_dry_run_writes_the_configs_and_nothing_else(generated, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train_command.main(['--exp', 'toy', '--dry-run', '--only', 'oracle']) == 0
    paths = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert paths == [generated / 'toy' / f'toy_oracle_s{seed}.json' for seed in (0, 1, 2)]
    assert sorted(path for path in tmp_path.rglob('*') if path.is_file()) == sorted(paths)
    assert json.loads(paths[1].read_text())['seed'] == 1


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ([], 'one of the arguments'),
        (['--config', 'a.py', '--only', 'x'], '--only goes with --exp'),
        (['--exp', 'toy', '--seed', '1'], '--exp takes --seeds'),
        (['--exp', 'toy', '--nodes', '2'], '--nodes goes with --machine slurm'),
        (['--resume', 'a', '--machine', 'slurm'], 'submit the same --exp again'),
        (['--resume', 'a', '--list'], '--list goes with --exp'),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, words, capsys):
    with pytest.raises(SystemExit):
        train_command.main(arguments)
    assert words in capsys.readouterr().err


def test_both_commands_explain_all_options_and_tables():
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    command = [sys.executable, 'experiments.py', '--help']
    helped = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r'^  (--[\w-]+)', helped, re.M)) > {
        '--exp',
        '--list',
        '--dry-run',
        '--debug',
        '--seeds',
        '--only',
        '--machine',
        '--resume',
    }
    for exp, count in (COUNTS | USERS_COUNTS | HRDA_COUNTS | MIC_COUNTS).items():
        assert re.search(rf'^{exp} +{count}  \S', helped, re.M)


def test_under_torchrun_the_first_process_trains_with_as_many_processes_and_the_others_do_nothing(
    generated, monkeypatch, capsys
):
    seen = []
    monkeypatch.setattr(experiments, 'run_here', lambda cfgs: seen.append([cfg.n_gpus for cfg in cfgs]) or 0)
    for name, value in (('WORLD_SIZE', '2'), ('LOCAL_WORLD_SIZE', '2'), ('RANK', '1')):
        monkeypatch.setenv(name, value)
    assert train_command.main(['--exp', 'toy', '--only', 'oracle']) == 0
    assert not generated.exists()
    monkeypatch.setenv('RANK', '0')
    assert train_command.main(['--exp', 'toy', '--only', 'oracle']) == 0
    assert seen == [[2, 2, 2]]
    monkeypatch.setenv('WORLD_SIZE', '4')
    assert train_command.main(['--exp', 'toy', '--only', 'oracle']) == 2
    assert '--machine slurm' in capsys.readouterr().err
