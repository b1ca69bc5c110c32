import json
from pathlib import Path

import pytest
import torch

from mmseg.commands import train as train_command
from mmseg.config.load import load_config
from mmseg.engine import experiments, options
from mmseg.engine.stop import NonFiniteLoss
from mmseg.engine.work_dir import config_of
from mmseg.errors import InputError
from tests.engine.tiny import tiny_config
from tools import train as tools_train


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    """A config file of a tiny run, in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    cfg = tiny_config('').to_dict()
    cfg.pop('work_dir')
    cfg |= {'name': 'first', 'runner': {'type': 'IterBasedRunner', 'max_iters': 2}}
    path = tmp_path / 'tiny.json'
    path.write_text(json.dumps(cfg))
    return path


def work_dir_of(output: str) -> Path:
    (line,) = [line for line in output.splitlines() if line.startswith('work_dir: ')]
    return Path(line.removeprefix('work_dir: '))


def test_a_config_is_trained_in_a_folder_named_by_time_name_and_chance(config, capsys):
    assert train_command.main(['--config', str(config)]) == 0
    work_dir = work_dir_of(capsys.readouterr().out)
    assert work_dir.parent == Path('work_dirs/local-basic')
    date, clock, name, chance = work_dir.name.split('_')
    assert (len(date), len(clock), name, len(chance)) == (6, 4, 'first', 5)
    assert int(chance, 16) >= 0
    assert json.loads((work_dir / f'{work_dir.name}.json').read_text())['name'] == 'first'
    assert torch.load(work_dir / 'latest.pth', weights_only=True)['meta']['iter'] == 2


def test_options_of_the_command_line_reach_the_run(config, capsys):
    options = ['--seed', '9', '--work-dir', 'here', '--cfg-options', 'runner.max_iters=1', 'optimizer.lr=0.5']
    assert train_command.main(['--config', str(config), *options]) == 0
    assert work_dir_of(capsys.readouterr().out) == Path('here')
    saved = json.loads(Path('here/here.json').read_text())
    assert (saved['seed'], saved['runner']['max_iters'], saved['optimizer']['lr']) == (9, 1, 0.5)


def test_a_run_goes_on_in_its_folder_even_when_that_was_moved(config, capsys):
    assert train_command.main(['--config', str(config), '--work-dir', 'a']) == 0
    Path('a').rename('b')
    assert train_command.main(['--resume', 'b', '--cfg-options', 'runner.max_iters=3']) == 0
    assert work_dir_of(capsys.readouterr().out.split('work_dir: a')[1]) == Path('b')
    assert Path('b/iter_3.pth').is_file()
    assert not Path('a').exists()


def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_again(config):
    train_command.main(['--config', str(config), '--work-dir', 'a'])
    for path in Path('a').glob('*.pth'):
        path.unlink()
    assert train_command.main(['--resume', 'a']) == 0
    assert Path('a/iter_2.pth').is_file()


def test_the_training_command_takes_weights_and_states(config):
    assert tools_train.main([str(config), '--work-dir', 'a']) == 0
    options = ['--work-dir', 'b', '--resume-from', 'a/latest.pth', '--cfg-options', 'runner.max_iters=3']
    assert tools_train.main([str(config), *options]) == 0
    assert [path.name for path in sorted(Path('b').glob('iter_*'))] == ['iter_3.pth']
    before = {path: path.read_bytes() for path in Path('b').iterdir()}
    assert tools_train.main([str(config), *options]) == 2
    assert {path: path.read_bytes() for path in Path('b').iterdir()} == before


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['--config', 'absent.py'], 'absent.py'),
        (['--exp', 'toi'], "Did you mean 'toy'"),
        (['--resume', 'absent'], 'Work directory absent does not exist'),
        (['--config', 'tiny.json', '--cfg-options', 'optimizer.type=AdamWW'], "'AdamW'"),
        (['--config', 'tiny.json', '--cfg-options', 'model.tpye=Other'], 'tpye'),
        (['--config', 'tiny.json', '--cfg-options', 'data.val.type=TinyImage'], "'TinyImages'"),
        (['--config', 'tiny.json', '--cfg-options', 'evaluation.metric=mDise'], "Did you mean 'mDice'"),
        (['--config', 'tiny.json', '--cfg-options', 'resume_from=gone.pth'], 'gone.pth'),
        (['--config', 'tiny.json', '--cfg-options', 'load_from=gone.pth'], 'gone.pth'),
        (['--exp', 'toy', '--work-dir', 'one'], '21 runs'),
    ],
)
def test_mistakes_are_told_in_one_message_before_anything_is_made(config, capsys, monkeypatch, arguments, words):
    monkeypatch.setattr(experiments, 'GENERATED', config.parent / 'generated')
    assert train_command.main(arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith('error: ')
    assert words in message
    assert not Path('work_dirs').exists()


def test_a_run_that_stops_says_why_and_has_its_own_exit_code(config, capsys, monkeypatch):
    def stop(*_, **__):
        raise NonFiniteLoss('the loss is nan')

    monkeypatch.setattr(options, 'train', stop)
    assert train_command.main(['--config', str(config)]) == NonFiniteLoss.exit_code
    assert 'stopped: the loss is nan' in capsys.readouterr().err


def test_from_scratch_needs_no_pretrained_file():
    config = Path('configs/daformer/gta2cs_source-only_daformer_mitb5_s0.py')
    choices = ['--from-scratch', '--cfg-options', 'model.backbone.pretrained=absent.pth']
    args = train_command.parse_args(['--config', str(config), *choices])
    assert load_config(config).model.pretrained
    model = options.load_run(config, args).model
    assert model.pretrained is None
    assert 'pretrained' not in model.backbone


def test_from_scratch_no_network_of_the_method_asks_for_weights_either():
    config = Path('configs/vfm/gtaHR2csHR_vfm_uda_pp_dinov2_b.py')
    cfg = load_config(config)
    options.leave_out_pretrained(cfg)
    (alignment,) = [term for term in cfg.uda.terms if term.type == 'FeatureAlignment']
    assert 'pretrained' not in alignment.teacher
    assert 'pretrained' not in cfg.model.backbone


def test_from_scratch_what_keeps_its_weights_is_in_the_checkpoints():
    cfg = load_config('configs/dg/gta2all_dinov2_l_frozen.py')
    assert cfg.checkpoint_config.learned_only
    options.leave_out_pretrained(cfg)
    assert not cfg.checkpoint_config.learned_only


def test_the_config_in_a_folder_is_found_by_its_name_or_because_it_is_alone(tmp_path):
    run = tmp_path / 'renamed'
    run.mkdir()
    with pytest.raises(InputError, match='holds no config'):
        config_of(run)
    for name in ('original.json', '20260101_000000.log.json'):
        (run / name).touch()
    assert config_of(run).name == 'original.json'
    (run / 'other.json').touch()
    with pytest.raises(InputError, match=r'original\.json, other\.json'):
        config_of(run)
    (run / 'renamed.json').touch()
    assert config_of(run).name == 'renamed.json'


def test_a_new_run_never_writes_into_the_folder_of_an_earlier_one(config, capsys):
    assert train_command.main(['--config', str(config), '--work-dir', 'a']) == 0
    before = Path('a/latest.pth').read_bytes()
    assert train_command.main(['--config', str(config), '--work-dir', 'a', '--seed', '5']) == 2
    assert 'holds the checkpoints of an earlier run' in capsys.readouterr().err
    assert train_command.main(['--config', 'a/a.json', '--seed', '5']) == 0  # its work_dir is that of the run before
    assert work_dir_of(capsys.readouterr().out) != Path('a')
    assert Path('a/latest.pth').read_bytes() == before


def test_a_resume_that_fails_leaves_the_records_of_the_run_alone(config, capsys):
    assert train_command.main(['--config', str(config), '--work-dir', 'a', '--cfg-options', 'model.width=4']) == 0
    saved = Path('a/a.json').read_text()
    assert train_command.main(['--resume', 'a', '--cfg-options', 'model.width=8', 'runner.max_iters=3']) == 2
    assert 'model.width 4 → 8' in capsys.readouterr().err
    assert Path('a/a.json').read_text() == saved
    assert train_command.main(['--resume', 'a', '--cfg-options', 'runner.max_iters=3']) == 0


def test_a_run_without_latest_goes_on_from_its_newest_numbered_checkpoint(config, capsys):
    assert train_command.main(['--config', str(config), '--work-dir', 'a']) == 0
    Path('a/latest.pth').unlink()
    assert train_command.main(['--resume', 'a', '--cfg-options', 'runner.max_iters=3']) == 0
    assert 'after iteration 2' in capsys.readouterr().out
    for path in Path('a').glob('*.pth'):
        path.unlink()
    assert train_command.main(['--resume', 'a']) == 0
    assert 'starts from the beginning' in capsys.readouterr().out


def test_a_work_directory_that_cannot_be_made_is_named(config, capsys):
    Path('file').write_text('')
    assert train_command.main(['--config', str(config), '--work-dir', 'file/run']) == 2
    assert 'file/run cannot be written (file is no folder)' in capsys.readouterr().err


def test_a_checkpoint_that_is_only_a_broken_link_starts_no_run_anew(config, capsys):
    run = config.parent / 'run'
    run.mkdir()
    config.rename(run / 'run.json')
    (run / 'latest.pth').symlink_to('iter_5.pth')
    assert train_command.main(['--resume', str(run)]) == 2
    assert 'latest.pth there is a broken link to iter_5.pth' in capsys.readouterr().err
