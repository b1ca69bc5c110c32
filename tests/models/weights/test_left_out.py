"""What checkpoints leave out, and what they may not: only what a file holds can be put back."""

import copy

import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.weights import left_out, load_network
from mmseg.models.weights.left_out import APART, KEY, LeftOut, completed, left_out_of, still_names
from mmseg.registry import MODELS
from tests.models.networks import daformer_head

ENCODER = {
    'type': 'TimmBackbone',
    'model_name': 'vit_tiny_patch16_224',
    'settings': {'embed_dim': 16, 'depth': 2, 'num_heads': 2},
    'out_indices': (0, 1),
}
TEACHER = {**ENCODER, 'settings': {'embed_dim': 12, 'depth': 2, 'num_heads': 2}}
LORA = {'type': 'LoRA', 'layers': ['qkv'], 'rank': 2}
FROZEN = 'backbone.model.blocks.0.attn.qkv.weight'


def segmentor(*tuning, pretrained=None):
    backbone = {**ENCODER, 'pretrained': str(pretrained) if pretrained else None}
    head = daformer_head(in_channels=[16, 16], in_index=[0, 1])
    return {'type': 'EncoderDecoder', 'backbone': backbone, 'decode_head': head, 'tuning': tuning}


def started(cfg):
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def method(student, teacher=None):
    term = {'type': 'FeatureAlignment', 'channels': (16, 12), 'size': 48}
    term['teacher'] = {**TEACHER, 'pretrained': str(teacher)}
    return {'type': 'DACS', 'model': student, 'max_iters': 4, 'terms': [term] if teacher else []}


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Weights of the encoder, and of another one that teaches."""
    folder = tmp_path_factory.mktemp('pretrained')
    torch.manual_seed(0)
    for name, cfg in (('encoder', ENCODER), ('teacher', TEACHER)):
        torch.save(MODELS.build(cfg).model.state_dict(), folder / f'{name}.pth')
    return folder / 'encoder.pth', folder / 'teacher.pth'


def test_what_was_drawn_is_not_left_out(files):
    model = started(segmentor(LORA))
    assert not LeftOut(model)
    with pytest.raises(InputError, match=r'learned_only=True, but what keeps its weights was read from no file'):
        left_out_of(model, resumes=False)
    assert LeftOut(started(segmentor(LORA, pretrained=files[0]))).names[''] == still_names(model)


def test_a_resumed_run_that_nobody_could_put_together_goes_on_with_whole_checkpoints(monkeypatch):
    said = []
    monkeypatch.setattr(left_out, 'print_log', lambda message, *_: said.append(message))
    assert left_out_of(started(segmentor(LORA)), resumes=True) is None
    assert [text.rpartition(': ')[2] for text in said] == ['whole checkpoints are written from here on.']


def test_a_part_that_the_file_lacks_stays_in_the_checkpoint(files, tmp_path):
    whole = started(segmentor(pretrained=files[0]))
    convolution = torch.load(files[0], weights_only=True)['patch_embed.proj.weight']
    model = started(segmentor({'type': 'Freeze'}, pretrained=files[0]))
    model.backbone.register_parameter('extra', torch.nn.Parameter(torch.ones(2), requires_grad=False))
    omitted = LeftOut(model)
    state = omitted.reduced(model.state_dict())
    assert 'backbone.extra' in state
    assert 'backbone.extra' not in omitted.names['']
    rest = {key for key in state if key.startswith('backbone.')} - {'backbone.extra'}
    assert not rest & {f'backbone.{name}' for name, _ in whole.backbone.named_parameters()}
    filled = completed(model, state, omitted.note, source='x')
    assert torch.equal(filled['backbone.model.patch_embed.proj.weight'], convolution)


def trained(model):
    """As if it had learnt: everything that learns is moved."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter))
    return model


def save(path, model):
    omitted = LeftOut(model)
    torch.save({'meta': {KEY: omitted.note}, 'state_dict': omitted.reduced(model.state_dict())}, path)
    return path


def test_a_network_that_started_from_another_one_is_put_together_from_that(files, tmp_path):
    torch.manual_seed(1)
    first = started(segmentor(pretrained=files[0]))
    torch.save({'state_dict': trained(first).state_dict()}, tmp_path / 'first.pth')
    model = started(segmentor(LORA, pretrained=files[0]))
    load_network(model, tmp_path / 'first.pth', before_tuning=True)
    file = save(tmp_path / 'run.pth', trained(model))
    assert FROZEN not in torch.load(file, weights_only=True)['state_dict']
    again = MODELS.build(segmentor(LORA))  # which needs no other file
    load_network(again, file, load_from=tmp_path / 'first.pth')
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    with pytest.raises(InputError, match='starts from are others'):
        load_network(MODELS.build(segmentor(LORA, pretrained=files[0])), file)


@pytest.mark.parametrize('tuning', [(), (LORA,)], ids=['all learns', 'lora'])
def test_a_frozen_network_of_a_term_is_left_out_with_its_own_weights(files, tuning):
    cfg = method(segmentor(*tuning, pretrained=files[0]), files[1])
    model = trained(started(cfg))
    omitted = left_out_of(model, resumes=False)
    state = omitted.reduced(model.state_dict())
    place = f'feature_alignment.teacher.{FROZEN}'
    assert place not in state
    assert (f'model.{FROZEN}' in state) == (not tuning)
    assert 'feature_alignment.projection.0.weight' in state
    assert list(omitted.note[APART]) == ['feature_alignment.teacher']
    fresh = started(cfg)
    fresh.load_state_dict(completed(fresh, state, copy.deepcopy(omitted.note), source='x'))
    assert all(torch.equal(value, fresh.state_dict()[name]) for name, value in model.state_dict().items())
    assert torch.equal(fresh.state_dict()[place], torch.load(files[1], weights_only=True)[FROZEN[15:]])
    with torch.no_grad():
        fresh.state_dict()[place].add_(1)
    with pytest.raises(InputError, match='starts from are others'):
        completed(fresh, state, omitted.note, source='x')


def test_a_network_that_learns_is_tested_without_what_was_left_out_of_others(files, tmp_path):
    model = trained(started(method(segmentor(pretrained=files[0]), files[1])))
    file = save(tmp_path / 'run.pth', model)
    student = MODELS.build(segmentor(pretrained='nowhere.pth'))
    load_network(student, file)
    assert torch.equal(student.state_dict()[FROZEN], model.state_dict()[f'model.{FROZEN}'])


def test_notes_of_the_first_form_are_understood(files):
    """They named the student's parameters alone; frozen networks with weights of their own were in the file."""
    cfg = method(segmentor(LORA, pretrained=files[0]), files[1])
    model = trained(started(cfg))
    omitted = LeftOut(model)
    note = {key: omitted.note[key] for key in ('names', 'sha256')}
    gone = {f'{network}.{name}' for network in ('model', 'ema_model') for name in note['names']}
    state = {key: value for key, value in model.state_dict().items() if key not in gone}
    filled = completed(started(cfg), state, note, source='x')
    assert filled.keys() == model.state_dict().keys()
    assert all(torch.equal(value, filled[name]) for name, value in model.state_dict().items())


def test_weights_that_are_others_than_those_of_the_file_are_not_left_out(files):
    model = started(segmentor(LORA, pretrained=files[0]))
    omitted = LeftOut(model)
    omitted.check('run.pth')
    with torch.no_grad():
        model.state_dict()[FROZEN].add_(1)
    with pytest.raises(InputError, match=r'what keeps its weights in run\.pth is not what the pretrained file'):
        omitted.check('run.pth')
