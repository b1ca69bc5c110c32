"""A method in a file outside the package, and one made of a further term, have all that a method of the package has."""

import signal
from functools import partial
from pathlib import Path

import pytest
import torch

from mmseg.config.load import load_config
from mmseg.engine import train as engine
from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.stop import Interrupted
from mmseg.engine.train import train
from mmseg.errors import InputError
from mmseg.models.backbones.mix_transformer import MixVisionTransformer
from tests.engine import outside_method  # what custom_imports of a config does
from tests.engine.test_train import lines
from tests.engine.test_train_uda import SEGMENTOR, UDA
from tests.engine.tiny import tiny_config

# the encoder's depth is no part of what is asked
SMALL = SEGMENTOR | {'backbone': SEGMENTOR['backbone'] | {'drop_path_rate': 0.0}}
SURE = UDA | {'pseudo_threshold': 0.0, 'fuse_forward': False}  # every pseudo-label counts
METHODS = {
    'mirror': SURE | {'type': 'Mirrored'},
    'masked': SURE | {'terms': [{'type': 'MaskedConsistency', 'mode': 'separateaug', 'alpha': 0.5, 'block_size': 8}]},
}


@pytest.fixture(scope='module', autouse=True)
def biases_as_trained_encoders_have_them():
    """Without any, removed blocks are zeros in every layer, and each norm multiplies their gradient by a thousand."""
    draw = MixVisionTransformer.draw_weights

    def draw_with_biases(encoder):
        draw(encoder)
        for name, parameter in encoder.named_parameters():
            if name.endswith('bias'):
                torch.nn.init.normal_(parameter, std=0.1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MixVisionTransformer, 'draw_weights', draw_with_biases)
        yield


def config(work_dir, prefix, **options):
    """Four iterations with a checkpoint behind the second."""
    short = {'runner__max_iters': 4, 'checkpoint_config__interval': 2, 'log_config__interval': 1, 'evaluation': None}
    return tiny_config(work_dir, model=SMALL, uda=METHODS[prefix], **{**short, **options})


@pytest.fixture(scope='module', params=METHODS)
def straight(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / 'run'
    return request.param, train(config(folder, request.param, uda__debug_img_interval=3))


def test_it_trains_and_shows_its_figure(straight):
    prefix, run = straight
    assert lines(run)['train', 4][f'{prefix}.decode.loss_seg'] > 0
    assert sorted(path.name for path in (run / 'class_mix_debug').iterdir()) == ['000001.png', '000004.png']


def test_it_goes_on_where_it_stopped_bit_for_bit(straight, tmp_path):
    prefix, run = straight
    stop = [{'type': 'KillAt', 'iteration': 2, 'number': int(signal.SIGTERM)}]
    with pytest.raises(Interrupted):
        train(config(tmp_path / 'run', prefix, custom_hooks=stop))
    resumed = train(config(tmp_path / 'run', prefix), resume=tmp_path / 'run' / 'latest.pth')
    first, second = (torch.load(each / 'latest.pth', weights_only=True)['state_dict'] for each in (run, resumed))
    assert first.keys() == second.keys()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize('way', ['fused', 'compiled', 'bf16'])
def test_it_fuses_compiles_and_computes_in_half_precision(straight, tmp_path, way, monkeypatch):
    prefix, run = straight
    monkeypatch.setattr(engine, 'compile_encoders', partial(compile_encoders, backend='aot_eager'))
    ways = {
        'fused': {'uda__fuse_forward': True},
        'compiled': {'compile': True},
        'bf16': {'precision': 'bf16', 'accumulate': 2},
    }
    options = ways[way] | {'runner__max_iters': 2, 'checkpoint_config__interval': 2}
    other = train(config(tmp_path / 'run', prefix, **options))
    one, two = lines(run)['train', 1], lines(other)['train', 1]
    tolerance = 5e-2 if way == 'bf16' else 1e-3  # the same first iteration
    for name in ('decode.loss_seg', 'mix.decode.loss_seg', f'{prefix}.decode.loss_seg'):
        assert two[name] == pytest.approx(one[name], rel=tolerance), name
    assert lines(other)['train', 2][f'{prefix}.decode.loss_seg'] > 0


def test_it_is_a_file_of_thirty_lines():
    assert len(Path(outside_method.__file__).read_text().splitlines()) <= 30


def test_its_old_spellings_and_checks_come_with_it(tmp_path):
    path = tmp_path / 'run.py'
    path.write_text(
        "custom_imports = dict(imports=['tests.engine.outside_method', 'tests.engine.outside_rules'])\n"
        "model = dict(type='EncoderDecoder')\n"
        "data = dict(samples_per_gpu=2, train=dict(type='TinyImages'))\n"
        "optimizer = dict(type='SGD', lr=0.1)\n"
        "runner = dict(type='IterBasedRunner', max_iters=1)\n"
        'evaluation = None\n'
        "uda = dict(type='Mirrored', flip_weight=0.25)\n"
    )
    assert load_config(path).uda == {'type': 'Mirrored', 'mirror_weight': 0.25}
    with pytest.raises(InputError, match=r'Mirrored.*samples_per_gpu to 64 at most'):
        load_config(path, {'data.samples_per_gpu': 65})
