"""What learns of an encoder that is tuned by rules, and what it then predicts."""

import copy

import pytest
import torch
from torch import nn

from mmseg.engine.acceleration import compile_encoders
from mmseg.engine.param_groups import ParamwiseRules, param_groups, rates_by_depth
from mmseg.errors import InputError
from mmseg.models.half_weights import HalfWeights
from mmseg.models.tuning.rein import LearntTokens
from mmseg.models.tuning.rules import is_called
from mmseg.models.tuning.soma import smallest_components
from mmseg.models.weights import load_network
from tests.models.networks import build, build_on_meta, daformer_head

LINEAR = ['qkv', 'proj', 'fc1', 'fc2']
RULES = {
    'lora': {'type': 'LoRA', 'layers': LINEAR, 'rank': 2, 'alpha': 4},
    'soma': {'type': 'SoMA', 'layers': LINEAR, 'rank': 2},
    'rein': {'type': 'Rein', 'tokens': 5, 'rank': 2},
}
rules = pytest.mark.parametrize('rule', RULES)
SMALL = {'embed_dim': 16, 'depth': 3, 'num_heads': 2}
ENCODERS = {
    'timm': {'model_name': 'vit_tiny_patch16_224', 'settings': SMALL},
    'dinov3': {'model_name': 'vit_small_patch16_dinov3', 'settings': SMALL},
    'eva02': {'model_name': 'eva02_tiny_patch14_224', 'settings': SMALL},
}


def encoder(name='timm', **changes):
    return {'type': 'TimmBackbone', 'out_indices': (0, 2), **ENCODERS[name], **changes}


def segmentor(*tuning, backbone=None, **changes):
    head = daformer_head(in_channels=[16, 16], in_index=[0, 1])
    cfg = {'type': 'EncoderDecoder', 'backbone': backbone or encoder(), 'decode_head': head, 'tuning': tuning}
    torch.manual_seed(0)
    model = build({**cfg, **changes})
    model.init_weights()
    return model


def features(model, image):
    with torch.no_grad():
        return model.eval().backbone(image)


def image():
    torch.manual_seed(1)
    return torch.rand(2, 3, 32, 32)


@pytest.mark.parametrize(
    ('name', 'pattern', 'called'),
    [
        ('blocks.0.attn.qkv', 'qkv', True),
        ('blocks.0.attn.qkv', 'attn.qkv', True),
        ('blocks.0.attn.qkv', 'blocks.*.attn.qkv', True),
        ('blocks.0.attn.qkv', 'blocks.*', False),
        ('blocks.0', 'blocks.*', True),
        ('blocks.0.attn.qkv', 'kv', False),
    ],
)
def test_a_rule_means_the_last_parts_of_a_name(name, pattern, called):
    assert is_called(name, pattern) == called


@rules
def test_only_what_was_added_learns_of_the_encoder_and_the_rest_of_the_network_as_before(rule):
    model = segmentor(RULES[rule])
    plain = {name for name, _ in segmentor().named_parameters()}
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for name in learning if name in plain} == {name for name in plain if name.startswith('decode_head')}
    assert any(rule in name for name in learning)
    model.train().forward_train(image(), torch.zeros(2, 1, 32, 32, dtype=torch.int64))['decode.loss_seg'].backward()
    assert all(parameter.grad is not None for name, parameter in model.named_parameters() if name in learning)
    assert all(parameter.grad is None for name, parameter in model.named_parameters() if name not in learning)


@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.parametrize(('rule', 'tolerance'), [('lora', 0), ('soma', 1e-5), ('rein', 0.05)])
def test_at_the_start_the_encoder_does_what_it_did(rule, tolerance, name):
    rule = {**RULES[rule], **({'layers': ['qkv', 'proj']} if 'layers' in RULES[rule] else {})}
    tuned, plain = segmentor(rule, backbone=encoder(name)), segmentor(backbone=encoder(name))
    plain.load_state_dict({key: value for key, value in tuned.state_dict().items() if key in plain.state_dict()})
    for mine, theirs in zip(features(tuned, image()), features(plain, image()), strict=True):
        torch.testing.assert_close(mine, theirs, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.parametrize('rule', ['lora', 'soma'])
def test_a_learnt_difference_is_that_of_an_encoder_with_the_sum_as_its_weights(rule, name):
    tuned = segmentor({**RULES[rule], 'layers': ['qkv', 'proj']}, backbone=encoder(name))
    with torch.no_grad():
        for parameter in tuned.backbone.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    plain, merged = segmentor(backbone=encoder(name)), {}
    for key, layer in tuned.backbone.named_modules():
        if rule == 'lora' and hasattr(layer, 'lora_up'):
            merged[f'{key}.weight'] = layer._parameters['weight'] + 2 * layer.lora_up @ layer.lora_down  # alpha / rank
        if rule == 'soma' and hasattr(layer, 'soma_up'):
            first = layer.soma_up_start @ layer.soma_down_start
            merged[f'{key}.weight'] = layer._parameters['weight'] - first + layer.soma_up @ layer.soma_down
    own = plain.backbone.state_dict()
    assert len(merged) == 6
    plain.backbone.load_state_dict({k: v for k, v in tuned.backbone.state_dict().items() if k in own} | merged)
    for mine, theirs in zip(features(tuned, image()), features(plain, image()), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_the_smallest_components_are_those_of_the_smallest_singular_values():
    weight = torch.diag(torch.tensor([3.0, 1.0, 2.0]))
    down, up = smallest_components(weight, 2)
    torch.testing.assert_close(up @ down, torch.diag(torch.tensor([0.0, 1.0, 2.0])))
    torch.testing.assert_close((down**2).sum(1).sort().values, torch.tensor([1.0, 2.0]))  # sqrt(s) v


def test_learnt_tokens_are_looked_up_as_the_paper_says():
    tokens = LearntTokens(blocks=1, channels=2, tokens=3, rank=2, scale=0.5)
    with torch.no_grad():
        tokens.left[0] = torch.tensor([[5.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        tokens.right[0] = torch.eye(2)
        for linear in (tokens.of_tokens, tokens.of_features):
            linear.weight.copy_(torch.eye(2))
            linear.bias.fill_(1.0)
    feature = torch.tensor([[[0.0, 2.0]]])
    logits = torch.tensor([0.0, 0.0, 2.0]) / 2**0.5
    share = logits.softmax(0)  # the first token is chosen too, and counts for nothing
    chosen = share[1] * torch.tensor([2.0, 1.0]) + share[2] * torch.tensor([1.0, 2.0])
    expected = 0.5 * (chosen + torch.tensor([0.0, 2.0]) + 1)
    torch.testing.assert_close(tokens.difference(0, feature)[0, 0], expected)


def test_blocks_in_front_of_the_first_one_learn_nothing_and_stay_in_evaluation():
    model = segmentor({**RULES['soma'], 'first_block': 2}).train()
    learning = {name.split('.')[2] for name, p in model.backbone.named_parameters() if p.requires_grad}
    assert learning == {'2'}
    assert [block.training for block in model.backbone.model.blocks] == [False, False, True]


def test_named_layers_alone_are_frozen():
    model = segmentor({'type': 'Freeze', 'layers': ['patch_embed', 'blocks.0']}).train()
    learning = {'.'.join(name.split('.')[1:3]) for name, p in model.backbone.named_parameters() if p.requires_grad}
    assert 'blocks.0' not in learning
    assert {'blocks.1', 'blocks.2'} < learning
    assert not model.backbone.model.patch_embed.training
    assert model.backbone.model.blocks[1].training


def test_an_encoder_is_frozen_as_a_whole():
    model = segmentor({'type': 'Freeze'}).train()
    assert not any(parameter.requires_grad for parameter in model.backbone.parameters())
    assert not any(module.training for module in model.backbone.modules())
    assert model.decode_head.training


@pytest.mark.parametrize(
    ('rule', 'message'),
    [
        (
            {'type': 'LoRA', 'layers': ['qvk']},
            r"LoRA: no layer.*'qvk'. Did you mean 'qkv'\? They are called: qkv, proj",
        ),
        ({'type': 'SoMA', 'layers': ['qkv', 'norm1']}, r"SoMA: no layer .* 'norm1'"),
        ({'type': 'Rein', 'blocks': ['layers.*']}, r"Rein: no layer .* 'layers\.\*'"),
        ({'type': 'Rein', 'blocks': ['patch_embed']}, r'Rein: model\.patch_embed has no LayerNorm'),
        ({'type': 'Freeze', 'layers': ['block.0']}, r"Freeze: no layer .* 'block\.0'"),
        ({'type': 'LoRA', 'layers': ['qkv'], 'rank': 17}, 'rank=17 is more than a layer of 16 to 48 channels has'),
        ({**RULES['lora'], 'first_block': 3}, r'LoRA: first_block=3, but none of its layers.*the blocks are 0 to 2'),
        ({**RULES['soma'], 'layers': ['blocks.0.*.qkv'], 'first_block': 1}, 'SoMA: first_block=1, but none'),
        ({'type': 'FCNHead', 'in_channels': 2, 'channels': 2, 'num_classes': 2}, 'FCNHead is no way to tune'),
    ],
)
def test_a_rule_that_does_not_fit_is_one_sentence_when_the_network_is_built(rule, message):
    head = daformer_head(in_channels=[16, 16], in_index=[0, 1])
    with pytest.raises(InputError, match=message):
        build_on_meta({'type': 'EncoderDecoder', 'backbone': encoder(), 'decode_head': head, 'tuning': [rule]})


@pytest.mark.parametrize(
    ('first', 'second', 'message'),
    [
        ('lora', 'soma', r'SoMA: another rule of model\.tuning has model\.blocks\.0\.attn\.qkv already'),
        ('lora', 'lora', r'LoRA: another rule of model\.tuning has'),
        ('rein', 'rein', 'Rein: the encoder has learnt tokens already'),
    ],
)
def test_two_rules_for_the_same_layers_are_refused(first, second, message):
    head = daformer_head(in_channels=[16, 16], in_index=[0, 1])
    both = [RULES[first], RULES[second]]
    with pytest.raises(InputError, match=message):
        build_on_meta({'type': 'EncoderDecoder', 'backbone': encoder(), 'decode_head': head, 'tuning': both})


def test_two_rules_for_different_layers_learn_both():
    model = segmentor({**RULES['lora'], 'layers': ['qkv']}, {**RULES['soma'], 'layers': ['fc1']}, RULES['rein']).train()
    sum(x.square().mean() for x in model.backbone(image())).backward()
    learning = [name for name, p in model.backbone.named_parameters() if p.requires_grad]
    assert {'lora_up', 'soma_up', 'left'} < {name.rpartition('.')[2] for name in learning}
    assert all(model.backbone.get_parameter(name).grad is not None for name in learning)


def with_adapter(rule, **changes):
    backbone = {'type': 'ViTAdapter', 'width': 8, 'mask_token': True, **ENCODERS['timm'], **changes}
    backbone['settings'] = {**SMALL, 'depth': 4}
    head = daformer_head(in_channels=[16] * 4, in_index=[0, 1, 2, 3])
    return segmentor(rule, backbone=backbone, decode_head=head)


@pytest.mark.parametrize('rule', [*RULES.values(), {'type': 'Freeze'}], ids=lambda rule: rule['type'])
def test_what_no_pretrained_file_holds_learns_whatever_is_frozen_and_no_rule_means_it(rule):
    model = with_adapter(rule).train()
    learning = {name for name, p in model.backbone.named_parameters() if p.requires_grad}
    adapter = {f'adapter.{name}' for name, _ in with_adapter({'type': 'Freeze'}).backbone.adapter.named_parameters()}
    rest = {name for name in learning if not ('lora' in name or 'soma' in name or name.startswith('rein.'))}
    assert len(adapter) > 100
    assert rest == {'mask_token', *adapter}
    assert {name.partition('.')[0] for name in learning - rest} <= {'model', 'rein'}
    assert model.backbone.adapter.training


def test_an_adapter_sees_the_tokens_as_they_are_refined():
    model = with_adapter(RULES['rein']).train()
    sum(x.square().mean() for x in model.backbone(image())).backward()
    gradients = model.backbone.rein['16'].left.grad.abs().sum(dim=(1, 2))
    assert gradients.shape == (4,)
    assert gradients.all()


def test_learnt_tokens_have_the_rate_of_the_last_block():
    model = segmentor(RULES['rein'], {**RULES['lora'], 'first_block': 2})
    groups = param_groups(model, lr=1.0, weight_decay=0.0, rules=ParamwiseRules(layer_decay=0.5))
    assert rates_by_depth(model, groups) == ['block 3: 1']


def test_an_encoder_of_convolutions_has_nothing_for_low_ranks():
    network = {'type': 'TimmBackbone', 'model_name': 'tf_efficientnet_lite0', 'out_indices': [1, 2, 3, 4]}
    head = daformer_head(in_channels=[24, 40, 112, 320])
    tuned = {'type': 'EncoderDecoder', 'backbone': network, 'decode_head': head}
    with pytest.raises(InputError, match=r'LoRA: the encoder has no layer of the kind .*linear.*frozen_stages'):
        build_on_meta({**tuned, 'tuning': [{'type': 'LoRA', 'layers': ['conv_pw'], 'rank': 4}]})


@rules
def test_a_file_of_the_plain_encoder_loads_as_it_is(rule, tmp_path):
    plain = build(encoder())
    torch.save(plain.model.state_dict(), tmp_path / 'encoder.pth')
    model = segmentor(RULES[rule], backbone=encoder(pretrained=str(tmp_path / 'encoder.pth')))
    assert torch.equal(
        model.backbone.state_dict()['model.blocks.1.mlp.fc1.weight'], plain.model.blocks[1].mlp.fc1.weight
    )
    added = [value for key, value in model.backbone.state_dict().items() if key not in plain.state_dict()]
    assert added
    assert any(value.any() for value in added)


@rules
def test_a_tuned_network_goes_on_from_a_plain_one(rule, tmp_path):
    plain = segmentor()
    torch.save(plain.state_dict(), tmp_path / 'plain.pth')
    model = segmentor(RULES[rule])
    load_network(model, tmp_path / 'plain.pth', before_tuning=True)
    assert torch.equal(model.state_dict()['decode_head.conv_seg.weight'], plain.decode_head.conv_seg.weight)
    with pytest.raises(InputError, match='missing'):
        load_network(model, tmp_path / 'plain.pth')


@rules
def test_what_was_added_starts_from_the_weights_of_the_network_it_goes_on_from(rule, tmp_path):
    plain = segmentor()
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    torch.save(plain.state_dict(), tmp_path / 'plain.pth')
    model = segmentor(RULES[rule])
    load_network(model, tmp_path / 'plain.pth', before_tuning=True)
    tolerance = 0.05 if rule == 'rein' else 1e-5
    for mine, theirs in zip(features(model, image()), features(plain, image()), strict=True):
        torch.testing.assert_close(mine, theirs, atol=tolerance, rtol=tolerance)
    for layer in model.backbone.modules() if rule == 'soma' else ():
        if hasattr(layer, 'soma_up'):
            down, up = smallest_components(layer._parameters['weight'], 2)
            torch.testing.assert_close(layer.soma_up @ layer.soma_down, up @ down)
            assert torch.equal(layer.soma_up_start, layer.soma_up)


def test_two_rules_of_one_kind_have_ranks_of_their_own():
    model = segmentor({'type': 'SoMA', 'layers': ['qkv'], 'rank': 2}, {'type': 'SoMA', 'layers': ['fc1'], 'rank': 3})
    block = model.backbone.model.blocks[0]
    for layer, rank in ((block.attn.qkv, 2), (block.mlp.fc1, 3)):
        down, up = smallest_components(layer._parameters['weight'], rank)
        torch.testing.assert_close(layer.soma_up @ layer.soma_down, up @ down)


def moved(model):
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.parametrize('rule', [None, *RULES])
@pytest.mark.parametrize('part', ['network', 'encoder'])
def test_an_encoder_of_ours_is_read_from_our_own_checkpoint(part, rule, name, tmp_path):
    rules = [] if rule is None else [{**RULES[rule], **({} if rule == 'rein' else {'layers': ['qkv', 'proj']})}]
    backbone = encoder(name, mask_token=True)
    model = moved(segmentor(*rules, backbone=backbone))
    state = model.backbone.state_dict() if part == 'encoder' else {'state_dict': model.state_dict()}
    torch.save(state, tmp_path / 'own.pth')
    again = segmentor(*rules, backbone={**backbone, 'pretrained': str(tmp_path / 'own.pth')})
    for key, value in model.backbone.state_dict().items():
        assert torch.equal(again.backbone.state_dict()[key], value), key


def test_an_encoder_with_an_adapter_is_read_from_our_own_checkpoint(tmp_path):
    model = moved(with_adapter(RULES['lora']))
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'own.pth')
    again = with_adapter(RULES['lora'], pretrained=str(tmp_path / 'own.pth'))
    for name, value in model.backbone.state_dict().items():
        assert torch.equal(again.backbone.state_dict()[name], value), name


def test_a_file_with_a_part_of_what_a_rule_adds_is_refused(tmp_path):
    model = segmentor({**RULES['lora'], 'layers': ['qkv']})
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'own.pth')
    with pytest.raises(InputError, match=r'LoRA: the pretrained file .* it has 6 of the 24 entries that the rule adds'):
        segmentor(RULES['lora'], backbone=encoder(pretrained=str(tmp_path / 'own.pth')))


@rules
def test_a_copy_is_tuned_by_itself(rule):
    model = segmentor(RULES[rule])
    copied = copy.deepcopy(model)
    before = features(model, image())
    with torch.no_grad():
        for name, parameter in copied.backbone.named_parameters():
            if rule in name:
                parameter.add_(1)
    assert all(map(torch.equal, features(model, image()), before))
    assert not torch.equal(features(copied, image())[1], before[1])


@rules
def test_copies_in_half_precision_give_what_autocast_gives(rule):
    model = segmentor(RULES[rule]).train()
    with torch.no_grad():
        for name, parameter in model.backbone.named_parameters():
            if rule in name:
                parameter.add_(0.05 * torch.randn_like(parameter))

    def gradients(put_in):
        model.zero_grad()
        with torch.autocast('cpu', torch.bfloat16), put_in:
            sum(x.float().mean() for x in model.backbone(image())).backward()
        return {name: p.grad.clone() for name, p in model.backbone.named_parameters() if p.grad is not None}

    class Plain:
        def __enter__(self):
            pass

        def __exit__(self, *_):
            pass

    ours = gradients(HalfWeights(model.backbone, torch.bfloat16).put_in(learns=True))
    theirs = gradients(Plain())
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        torch.testing.assert_close(ours[name], gradient, msg=lambda told, name=name: f'{name}: {told}')


def test_what_our_own_attention_takes_of_a_layer_without_calling_it_is_tuned_too():
    beit = {'type': 'BEiT', 'img_size': 32, 'embed_dims': 16, 'num_heads': 2, 'num_layers': 2, 'out_indices': (0, 1)}
    rule = {'type': 'LoRA', 'layers': ['qkv'], 'rank': 2}
    model = segmentor(rule, backbone=beit)
    before = features(model, image())
    with torch.no_grad():
        model.backbone.layers[0].attn.qkv.lora_up.fill_(1.0)
    assert isinstance(model.backbone.layers[0].attn.qkv, nn.Linear)
    assert not torch.allclose(features(model, image())[0], before[0])


@pytest.mark.slow
@rules
def test_compiling_a_tuned_encoder_changes_nothing(rule):
    plain = segmentor(RULES[rule])
    with torch.no_grad():
        for name, parameter in plain.named_parameters():
            if parameter.requires_grad and rule in name:
                parameter.normal_(std=0.1)  # LoRA's are 0 at the start
    compiled = copy.deepcopy(plain)
    compile_encoders(compiled, True, device=torch.device('cpu'), backend='aot_eager')
    label = torch.zeros(2, 1, 32, 32, dtype=torch.int64)
    gradients = []
    for model in (plain, compiled):
        torch.manual_seed(2)
        model.train().forward_train(image(), label)['decode.loss_seg'].backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert any(rule in name for name in gradients[0])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-4, atol=1e-6)
