from tools import encoder_table
from tools.work import encoder_table as work


def test_a_row_says_what_timm_says_and_what_is_counted(monkeypatch):
    monkeypatch.setattr(work, 'step_memory', lambda model, side: side * 2**30)
    cells = [cell.strip() for cell in work.row('vit_small_patch14_dinov2').strip('|').split('|')]
    assert cells[0].startswith('[vit_small_patch14_dinov2.lvd142m](')
    assert cells[1:4] == ['14', '518', '384']
    assert 21 < float(cells[4]) < 23  # ViT-S
    assert cells[5:7] == ['512.0', '1024.0']
    assert cells[7:] == ['123.675, 116.28, 103.53', '58.395, 57.12, 57.375', 'apache-2.0']


def test_networks_with_stages_have_all_their_channels_and_limits_are_marked(monkeypatch):
    monkeypatch.setattr(work, 'step_memory', lambda model, side: 0)
    cells = [cell.strip() for cell in work.row('convnext_tiny.dinov3_lvd1689m').strip('|').split('|')]
    assert cells[1:4] == ['stages', '224', '96, 192, 384, 768']
    assert cells[-1] == 'dinov3-license, *limits*'


def test_the_memory_of_a_larger_crop_is_larger():
    backbone = {'type': 'TimmBackbone', 'model_name': 'vit_tiny_patch16_224', 'out_indices': (-1,)}
    backbone['settings'] = {'embed_dim': 24, 'depth': 1, 'num_heads': 2}
    head = {'type': 'FCNHead', 'in_channels': 24, 'channels': 24, 'num_convs': 0, 'concat_input': False, 'in_index': 0}
    model = {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': {**head, 'num_classes': 19}}
    small, large = (work.step_memory(model, side=side) for side in (64, 128))
    assert 0 < small < large


def test_a_pattern_that_no_encoder_has_is_refused(tmp_path, capsys):
    assert encoder_table.main(['--only', 'resnet*', '--out', str(tmp_path / 'x.md')]) == 2
    assert 'no encoder has such a name' in capsys.readouterr().err
