import json

import pytest

from mmseg.config.read import SHIPPED_CONFIGS
from mmseg.datasets.toy import ToyParams
from tools import smoke_configs
from tools.work import smoke_configs as work
from tools.work.smoke_configs import KILLED, Outcome, cut_crops, markdown, on_drawn_data

TOY = SHIPPED_CONFIGS / 'toy'


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setattr(work, 'FULL_SIZE', ToyParams(source=3, train=2, val=1, width=256, height=128))
    return tmp_path / 'smoke'


def test_a_config_runs_briefly_saves_nothing_and_is_not_repeated(out, monkeypatch, capsys):
    command = [str(TOY / 'source_only.py'), '--out', str(out)]
    assert smoke_configs.main(command) == 0
    (row,) = json.loads((out / 'table.json').read_text())
    assert (row['config'], row['problem']) == ('source_only', '')
    assert row['loss'] > 0
    assert row['megabytes'] > 100
    assert list(out.rglob('*.pth')) == []
    assert '| source_only | 192 | ran |' in capsys.readouterr().out

    monkeypatch.setattr(work, 'train_apart', lambda cfg: {'problem': 'was repeated'})
    assert smoke_configs.main(command) == 0
    assert smoke_configs.main([*command, '--iterations', '3']) == 1  # other settings
    assert smoke_configs.main([*command, '--again']) == 1


def test_a_failure_is_recorded_and_the_others_run(out, tmp_path, monkeypatch):
    wrong = tmp_path / 'wrong.py'
    wrong.write_text(f"_base_ = ['{TOY / 'source_only.py'}']\nruner = 1")
    elsewhere = SHIPPED_CONFIGS / 'camvid' / 'day2dusk_daformer_mitb0_src.py'
    monkeypatch.setattr(work, 'train_apart', lambda cfg: {'problem': KILLED} if cfg.uda else {'loss': 1.0})
    configs = [wrong, elsewhere, TOY / 'dacs.py', TOY / 'oracle.py']
    assert smoke_configs.main([*map(str, configs), '--out', str(out)]) == 1
    problems = {row['config']: row['problem'] for row in json.loads((out / 'table.json').read_text())}
    assert "Did you mean 'runner'" in problems['wrong']
    assert 'no drawn data' in problems['day2dusk_daformer_mitb0_src']
    assert problems['dacs'] == KILLED
    assert problems['oracle'] == ''


def test_a_run_is_from_scratch_and_reads_the_pair_alone(tmp_path):
    path = SHIPPED_CONFIGS / 'daformer' / 'uda_daformer_swinB.py'
    cfg = on_drawn_data(path, pair=tmp_path / 'pair', work_dir=tmp_path, iterations=2)
    assert (cfg.model.pretrained, cfg.evaluation, cfg.checkpoint_config) == (None, None, None)
    assert cfg.data.train.source.data_root == str(tmp_path / 'pair' / 'gta')
    assert cfg.data.train.target.data_root == str(tmp_path / 'pair' / 'cityscapes')
    assert cfg.data.train.source.pipeline[3].crop_size == (512, 512)
    assert cfg.data.samples_per_gpu == 2


def test_crops_can_be_cut_for_encoders_of_any_and_of_one_size(tmp_path):
    path = SHIPPED_CONFIGS / 'daformer' / 'uper_beit_uda.py'
    cfg = on_drawn_data(path, pair=tmp_path / 'pair', work_dir=tmp_path, iterations=2)
    cut_crops(cfg, 256)
    for domain in (cfg.data.train.source, cfg.data.train.target):
        steps = {step['type']: step for step in domain.pipeline}
        assert (steps['RandomCrop'].crop_size, steps['Pad'].size) == ((256, 256), (256, 256))
        assert 'img_scale' in steps['Resize']
    assert cfg.model.backbone.img_size == (256, 256)
    assert cfg.model.test_cfg.crop_size == (512, 512)


def test_the_detail_crop_of_smaller_crops_is_half_of_them(tmp_path):
    path = SHIPPED_CONFIGS / 'hrda' / 'gtaHR2csHR_hrda.py'
    cfg = on_drawn_data(path, pair=tmp_path / 'pair', work_dir=tmp_path, iterations=2)
    cut_crops(cfg, 256)
    assert cfg.model.hr_crop_size == (128, 128)


def test_the_table_has_a_line_for_each_config():
    rows = [Outcome('b', problem='no'), Outcome('a', crop=64, loss=1.25, seconds=9.96, megabytes=1536, device='CPU')]
    assert markdown(rows).splitlines()[2:] == [
        '| a | 64 | ran | 1.25 | 10.0 | 1.5 | CPU |',
        '| b |  | no |  |  |  |  |',
    ]
