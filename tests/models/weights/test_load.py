import argparse
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from mmseg.errors import InputError
from mmseg.models import weights
from mmseg.models.weights import sources
from tests.models.networks import build, build_on_meta, tiny_backbone, tiny_segmentor
from tests.parity import manifest


def saved(path, content, **how):
    torch.save(content, path, **how)
    return path


def mmcv_meta():
    """What training frameworks of the mmcv-1.x generation leave beside the weights."""
    return {
        'CLASSES': ('road', 'sidewalk'),
        'PALETTE': [[128, 64, 128], [244, 35, 232]],
        'iter': 40_000,
        'config': 'model = dict()',
        'hook_msgs': {'best_score': np.float64(0.5), 'best': np.int64(3), 'passed': np.bool_(True)},
        'areas': np.arange(3, dtype=np.float32),
    }


@pytest.fixture
def segmentor():
    torch.manual_seed(0)
    return build(tiny_segmentor())


def encoder_state():
    return build(tiny_backbone()).state_dict()


def assert_same_weights(module, state):
    assert module.state_dict().keys() == state.keys()
    for name, value in module.state_dict().items():
        assert torch.equal(value, state[name]), name


@pytest.mark.parametrize('zipped', [True, False])
def test_a_training_checkpoint_of_the_older_generation_loads_without_trust(tmp_path, segmentor, zipped):
    optimizer = {'state': {0: {'step': 3}}, 'param_groups': [{'lr': 6e-5, 'params': [0]}]}
    content = {'meta': mmcv_meta(), 'state_dict': segmentor.state_dict(), 'optimizer': optimizer}
    file = saved(tmp_path / 'latest.pth', content, _use_new_zipfile_serialization=zipped)
    other = build(tiny_segmentor())
    meta = weights.load_network(other, file)
    assert_same_weights(other, segmentor.state_dict())
    assert meta['CLASSES'] == ('road', 'sidewalk')


@pytest.mark.parametrize(('which', 'part'), [('student', 'model'), ('teacher', 'ema_model')])
def test_student_or_teacher_are_taken_from_an_adaptation_checkpoint(tmp_path, segmentor, which, part):
    networks = {
        name: {key: value + by if value.is_floating_point() else value for key, value in segmentor.state_dict().items()}
        for name, by in (('model', 1.0), ('ema_model', 2.0), ('imnet_model', 3.0))
    }
    state = {f'{name}.{key}': value for name, values in networks.items() for key, value in values.items()}
    file = saved(tmp_path / 'iter_4.pth', {'state_dict': {**state, 'iteration': torch.tensor(4)}})
    weights.load_network(segmentor, file, which=which)
    assert_same_weights(segmentor, networks[part])


def test_the_student_of_the_published_layout_is_exactly_a_segmentor():
    published = manifest('uda_dacs_mitb5_daformer_sepaspp')
    state = {key: torch.empty(shape, device='meta') for key, shape in published.items()}
    student, teacher = weights.student_of(state), weights.teacher_of(state)
    assert student.keys() == teacher.keys()
    assert 3 * len(student) == len(state)
    assert {key.split('.')[0] for key in student} == {'backbone', 'decode_head'}


def test_a_plain_checkpoint_is_its_own_student_and_has_no_teacher(segmentor):
    state = segmentor.state_dict()
    assert weights.student_of(state) == state
    with pytest.raises(InputError, match='no teacher'):
        weights.teacher_of(state)


def test_wrappings_around_the_weights_are_taken_off(tmp_path):
    tensor = torch.ones(2)
    contents = {'a': tensor}, {'state_dict': {'module.a': tensor}}, {'model': {'a': tensor}, 'epoch': 1}
    for i, content in enumerate(contents):
        assert weights.load_state(saved(tmp_path / f'{i}.pth', content)).keys() == {'a'}


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(segmentor):
    before = {key: value.clone() for key, value in segmentor.state_dict().items()}
    state = {key: value + 1 for key, value in segmentor.state_dict().items()}
    del state['backbone.norm1.weight']
    state['backbone.pos_embed'] = torch.zeros(3)
    state['decode_head.conv_seg.weight'] = torch.zeros(19, 16, 1, 1)
    with pytest.raises(InputError) as error:
        weights.load_strict(segmentor, state, source='my.pth')
    message = str(error.value)
    assert message.splitlines() == [
        'my.pth does not fit EncoderDecoder:',
        '  1 missing: backbone.norm1.weight',
        '  1 unexpected: backbone.pos_embed',
        '  1 of another shape: decode_head.conv_seg.weight (19x16x1x1 in the file, 5x16x1x1 in the network)',
    ]
    assert_same_weights(segmentor, before)


def test_long_lists_are_abbreviated(segmentor):
    with pytest.raises(InputError, match=r'unexpected: x0, x1, .*, x7, \.\.\. and 92 more'):
        weights.load_strict(segmentor, segmentor.state_dict() | {f'x{i}': torch.zeros(1) for i in range(100)})


def test_what_may_be_missing_or_is_ignored_is_declared():
    network = nn.ModuleDict({'norm0': nn.LayerNorm(2), 'fc': nn.Linear(2, 2)})
    nn.init.constant_(network['norm0'].weight, 7.0)
    state = {
        'fc.weight': torch.zeros(2, 2),
        'fc.bias': torch.zeros(2),
        'head.weight': torch.zeros(1),
        'a.gamma_1': torch.zeros(1),
    }
    weights.load_strict(network, state, may_be_missing=('norm0',), ignored=('head', '*.gamma_?'))
    assert network['norm0'].weight.tolist() == [7.0, 7.0]
    assert not network['fc'].weight.any()
    with pytest.raises(InputError, match=r'unexpected: a\.gamma_1'):
        weights.load_strict(network, state, may_be_missing=('norm0',), ignored=('head',))
    with pytest.raises(InputError, match=r'2 missing: norm0\.weight, norm0\.bias'):
        weights.load_strict(network, state, may_be_missing=('norm',), ignored=('head', '*.gamma_?'))


@pytest.mark.parametrize('zipped', [True, False])
def test_a_file_that_needs_pickle_is_refused_unless_trusted(tmp_path, zipped):
    content = {'meta': argparse.Namespace(lr=1), 'state_dict': {'a': torch.zeros(1)}}
    file = saved(tmp_path / 'objects.pth', content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(InputError, match=r'argparse\.Namespace.*--trust'):
        weights.load_state(file)
    assert weights.load_state(file, trust=True).keys() == {'a'}


def _damaged(kind, whole):
    return {
        'empty': b'',
        'cut in half': whole[: len(whole) // 2],
        'cut at the end': whole[:-30],
        'a web page': b'<html>404: not found</html>',
        'zeros': bytes(4000),
    }[kind]


@pytest.mark.parametrize('kind', ['empty', 'cut in half', 'cut at the end', 'a web page', 'zeros'])
@pytest.mark.parametrize('suffix', ['zip.pth', 'legacy.pth', '.safetensors'])
def test_a_damaged_file_is_called_that(tmp_path, kind, suffix):
    whole = saved(tmp_path / 'whole', {'a': torch.rand(50)}, _use_new_zipfile_serialization=suffix != 'legacy.pth')
    file = tmp_path / f'damaged{suffix}'
    file.write_bytes(_damaged(kind, whole.read_bytes()))
    with pytest.raises(InputError, match=r'damaged.* is not a checkpoint, or is damaged: .'):
        weights.load_state(file)


@pytest.mark.parametrize(('content', 'message'), [([1, 2], 'holds a list'), ({'epoch': 3}, 'no weights.*epoch')])
def test_a_file_without_weights_is_called_that(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        weights.load_state(saved(tmp_path / 'odd.pth', content))


def test_safetensors_files_are_read(tmp_path):
    safetensors = pytest.importorskip('safetensors.torch')
    safetensors.save_file({'a': torch.arange(3)}, tmp_path / 'a.safetensors')
    assert weights.load_state(tmp_path / 'a.safetensors')['a'].tolist() == [0, 1, 2]


def test_a_file_is_found_by_path_and_by_name_in_the_folder_of_pretrained_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'pretrained').mkdir()
    file = saved(tmp_path / 'pretrained' / 'mit_b0.pth', {'a': torch.zeros(1)})
    assert weights.find('mit_b0.pth').resolve() == file == weights.find('pretrained/mit_b0.pth').resolve()
    with pytest.raises(InputError, match=r'not found: .*mit_b1\.pth'):
        weights.find('mit_b1.pth')


def test_a_download_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    asked = []

    def fetch(sources, path):
        asked.append(sources)
        path.parent.mkdir()
        torch.save({'a': torch.zeros(1)}, path)

    monkeypatch.setattr(sources, 'fetch', fetch)
    url = 'https://example.org/mit_b0-0123abcd.pth'
    assert weights.find(url) == weights.find(url) == tmp_path / 'checkpoints' / 'mit_b0-0123abcd.pth'
    assert [[source.url for source in sources] for sources in asked] == [[url]]


def test_absent_pretrained_weights_say_where_they_were_looked_for_and_how_to_go_on(tmp_path):
    backbone = build(tiny_backbone(pretrained=str(tmp_path / 'mit_b0.pth')))
    with pytest.raises(InputError, match=r'(?s)mit_b0\.pth.*mmseg download mit_b0.*docs/weights.*--from-scratch'):
        backbone.init_weights()
    own = build(tiny_backbone(pretrained=str(tmp_path / 'own.pth')))
    with pytest.raises(InputError, match=r'own\.pth\ndocs/weights'):
        own.init_weights()


@pytest.mark.parametrize('spelling', ['segmentor', 'backbone', 'init_cfg'])
def test_pretrained_weights_reach_the_backbone_by_every_spelling(tmp_path, segmentor, spelling):
    state = segmentor.backbone.state_dict()
    head = {'head.weight': torch.zeros(1000, 64), 'head.bias': torch.zeros(1000)}
    file = str(saved(tmp_path / 'mit.pth', state | head))
    cfg = {
        'segmentor': tiny_segmentor(pretrained=file),
        'backbone': tiny_segmentor(backbone=tiny_backbone(pretrained=file)),
        'init_cfg': tiny_segmentor(backbone=tiny_backbone(init_cfg={'type': 'Pretrained', 'checkpoint': file})),
    }[spelling]
    other = build(cfg)
    other.init_weights()
    assert_same_weights(other.backbone, state)


def test_a_backbone_is_taken_from_a_whole_networks_checkpoint(tmp_path, segmentor):
    whole = {f'model.{key}': value for key, value in segmentor.state_dict().items()}
    backbone = build(tiny_backbone(pretrained=str(saved(tmp_path / 'iter_1.pth', {'state_dict': whole}))))
    backbone.init_weights()
    assert_same_weights(backbone, segmentor.backbone.state_dict())


def test_pretrained_weights_of_another_size_are_refused(tmp_path):
    file = saved(tmp_path / 'mit_b1.pth', build(tiny_backbone()).state_dict())
    with pytest.raises(InputError, match=r'(?s)does not fit .*missing.*another shape'):
        build(tiny_backbone(depths=(2, 1, 1, 1), embed_dims=(16, 16, 40, 64), pretrained=str(file))).init_weights()


@pytest.mark.parametrize('number', [float('nan'), float('inf'), 1e300])
def test_pretrained_weights_that_are_no_numbers_are_refused(tmp_path, number):
    state = {key: value.double() if value.is_floating_point() else value for key, value in encoder_state().items()}
    name = next(key for key, value in state.items() if value.is_floating_point())
    file = saved(tmp_path / 'encoder.pth', state | {'head.weight': torch.tensor([float('nan')])})
    build(tiny_backbone(pretrained=str(file))).init_weights()  # what it passes over may be anything
    state[name].view(-1)[0] = number
    saved(file, state)
    with pytest.raises(InputError, match=rf'encoder\.pth holds weights that are no numbers \(first {name}, 1 in all\)'):
        build(tiny_backbone(pretrained=str(file))).init_weights()


def test_weights_of_a_network_that_are_no_numbers_in_it_are_refused(tmp_path, segmentor):
    state = {
        key: value.double() if value.is_floating_point() else value for key, value in segmentor.state_dict().items()
    }
    name = next(key for key, value in state.items() if value.is_floating_point())
    state[name].view(-1)[0] = 1e300
    file = saved(tmp_path / 'latest.pth', state)
    with pytest.raises(InputError, match=rf'latest\.pth holds weights that are no numbers \(first {name}, 1 in all\)'):
        weights.load_network(segmentor, file)


def test_building_reads_no_pretrained_file():
    build_on_meta(tiny_segmentor(pretrained='no/such/file.pth'))


PLAIN = {'weight': torch.zeros(2, 3), 'bias': torch.zeros(2)}


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({1: torch.zeros(1)}, '1 is no name'),
        ({None: torch.zeros(1)}, 'None is no name'),
        ({'state_dict': {(1, 2): torch.zeros(1)}}, r'\(1, 2\) is no name'),
        (PLAIN | {'weight': torch.zeros(2, 3).to_sparse()}, r'without plain values.*weight'),
        (PLAIN | {'weight': torch.zeros(2, 3, device='meta')}, 'without plain values'),
        (PLAIN | {'weight': torch.zeros(2, 3, dtype=torch.complex64)}, 'without plain values'),
        (
            PLAIN | {'weight': torch.zeros(2, 3, dtype=torch.int8)},
            r'1 of another kind: weight \(torch.int8 in the file',
        ),
        ({'state_dict': PLAIN, 'meta': {'CLASSES': 5}}, r'meta\.CLASSES has to be a list.*, not 5'),
        ({'state_dict': PLAIN, 'meta': {'CLASSES': [1]}}, r'meta\.CLASSES'),
        ({'state_dict': PLAIN, 'meta': {'PALETTE': [[1, 2]]}}, r'meta\.PALETTE'),
    ],
)
def test_weights_of_another_form_are_named(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        weights.load_network(nn.Linear(3, 2), saved(tmp_path / 'x.pth', content))


def test_a_colour_table_of_numpy_is_one(tmp_path):
    path = saved(tmp_path / 'x.pth', {'state_dict': PLAIN, 'meta': {'PALETTE': np.array([[1, 2, 3]])}})
    assert weights.load_network(nn.Linear(3, 2), path)['PALETTE'] == [[1, 2, 3]]


@pytest.mark.parametrize(
    ('content', 'kind'),
    [
        (b'<!DOCTYPE html><title>404', 'a web page'),
        (b'version https://git-lfs.github.com/spec/v1', 'git lfs pull'),
        (b'\x1f\x8b\x08', 'gzip'),
        (b'\x89PNG\r\n', 'an image'),
        (b'some words\n', 'a text file'),
        (b'\x80\x04\x95', 'pickled objects'),
        (b'\x00\x01\x02\xff', 'begins like no file of weights'),
    ],
)
def test_a_file_that_holds_no_weights_is_told_what_it_seems_to_be(tmp_path, content, kind):
    (tmp_path / 'x.pth').write_bytes(content)
    with pytest.raises(InputError, match=f'is not a checkpoint, or is damaged: .*{kind}'):
        weights.load_network(nn.Linear(3, 2), tmp_path / 'x.pth')


def test_a_packed_file_of_weights_is_not_unpacked(tmp_path):
    plain = saved(tmp_path / 'plain.pth', PLAIN | {'weight': torch.zeros(1000, 1000)})
    with zipfile.ZipFile(plain) as stored, zipfile.ZipFile(tmp_path / 'x.pth', 'w') as packed:
        for entry in stored.infolist():
            packed.writestr(entry.filename, stored.read(entry), compress_type=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match='would unpack to more than the whole file'):
        weights.load_network(nn.Linear(3, 2), tmp_path / 'x.pth')
