from tests.datasets.samples import own_data, pipeline_of_testing, random_labels, train_pipeline, write_pairs
from tools.cache_dataset import main

CONFIG = """
model = dict(type='EncoderDecoder', backbone=dict(type='mit_b0'), decode_head=dict(
    type='SegFormerHead', in_channels=[32, 64, 160, 256], in_index=[0, 1, 2, 3], channels=16, num_classes=3,
    decoder_params=dict(embed_dim=16, conv_kernel_size=1)))
optimizer = dict(type='AdamW', lr=1e-4)
runner = dict(type='IterBasedRunner', max_iters=2)
evaluation = None
data = dict(train={train}, test={test})
"""


def config(tmp_path, resize):
    steps = train_pipeline()
    steps[2] = {'type': 'Resize', **resize}
    test = own_data(tmp_path, pipeline=pipeline_of_testing())
    path = tmp_path / 'config.py'
    path.write_text(CONFIG.format(train=own_data(tmp_path, pipeline=steps), test=test))
    return str(path)


def test_the_command_stores_what_is_missing_and_says_so(tmp_path, capsys):
    write_pairs(tmp_path, random_labels(3))
    path = config(tmp_path, {'img_scale': (32, 24)})
    assert main([path, '--nproc', '1']) == 0
    said = capsys.readouterr().out
    assert '3 images within 32x24' in said
    assert '3 labels within 32x24' in said
    assert len(list(tmp_path.glob('training_cache/*/manifest.npz'))) == 2
    assert main([path]) == 0
    assert capsys.readouterr().out.count('is complete: nothing to do') == 2
    write_pairs(tmp_path, random_labels(4))
    assert main([path, '--nproc', '1']) == 0
    assert '4 images' in capsys.readouterr().out


def test_another_place_can_be_given(tmp_path):
    write_pairs(tmp_path, random_labels(3))
    path = config(tmp_path, {'img_scale': (32, 24)})
    assert main([path, '--nproc', '1', '--cfg-options', f'data.train.cache_dir={tmp_path / "fast"}']) == 0
    assert len(list(tmp_path.glob('fast/*/manifest.npz'))) == 2


def test_a_config_without_anything_to_store_is_refused(tmp_path, capsys):
    write_pairs(tmp_path, random_labels(3))
    assert main([config(tmp_path, {'img_scale': (32, 24), 'ratio_range': (0.5, 2.0)})]) == 2
    assert 'Resize to one img_scale' in capsys.readouterr().err
