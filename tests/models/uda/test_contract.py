"""What a segmentor and those that train it promise each other, asked with the smallest ones that use all of it."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from mmseg.errors import InputError
from mmseg.models.segmentors.encoder_decoder import EncoderDecoder
from mmseg.models.segmentors.features import Compared
from mmseg.models.uda.batch import Labelled
from mmseg.registry import MODELS
from tests.models.uda.tiny import batch, dacs, segmentor, sgd, with_feature_distance


class TwoViews(NamedTuple):
    """Features of the whole image and of its left or right half."""

    whole: list[Tensor]
    half: list[Tensor]
    right: bool


@MODELS.register_module(force=True)
class HalfSegmentor(EncoderDecoder):
    """Looks at a half that it draws, and predicts from the whole: what a detail crop asks of its surroundings."""

    draws_views = True

    def draw_view(self, img_shape, generator):
        return bool(torch.randint(2, (1,), generator=generator).tolist()[0])

    def extract_feat(self, img, view=None):
        middle = img.shape[3] // 2
        return TwoViews(self.backbone(img), self.backbone(img[..., middle:] if view else img[..., :middle]), view)

    def reference_features(self, img, view=None):
        return self.extract_feat(img, view)

    def compared(self, features, reference, label):
        middle = label.shape[3] // 2
        half = label[..., middle:] if features.right else label[..., :middle]
        return [
            Compared(features.whole[-1], reference.whole[-1], label),
            Compared(features.half[-1], reference.half[-1], half),
        ]

    def levels(self, features):
        return features.whole

    def embed(self, features):
        return super().embed(features.whole)

    def encode_decode(self, img, img_metas=None):
        return self.decode_head(self.backbone(img)).repeat_interleave(4, 2).repeat_interleave(4, 3)


def halves(**uda):
    return dacs(model=segmentor() | {'type': 'HalfSegmentor'}, **uda)


def views(model, steps: int = 4) -> list[list[bool]]:
    """What was looked at in each pass of each step."""
    seen: list[list[bool]] = []
    extract = model.model.extract_feat

    def noted(img, view=None):
        seen[-1].append(view)
        return extract(img, view)

    model.model.extract_feat = noted
    for step in range(steps):
        torch.manual_seed(step)
        seen.append([])
        model.train_step(batch(step), sgd(model))
    return seen


def test_every_training_pass_draws_a_view_of_its_own_that_is_a_function_of_the_seed():
    first, second = views(halves()), views(halves())
    assert first == second
    assert all(len(step) == 2 and None not in step for step in first)
    assert len({tuple(step) for step in first}) > 1
    assert any(source != mixed for source, mixed in first)


def test_a_segmentor_without_views_draws_nothing():
    torch.manual_seed(5)
    model = dacs()
    torch.manual_seed(5)
    made = model.make_batch(batch())
    state = torch.random.get_rng_state()
    model.student_features(made, made.source)
    assert torch.equal(state, torch.random.get_rng_state())
    assert made.generator is None


def test_the_reference_network_looks_at_the_student_s_view_and_all_scales_are_compared():
    model = halves(**with_feature_distance(imnet_feature_dist_classes=None))
    for p in model.imnet_model.parameters():
        p.mul_(1.1)
    looked = []
    reference = model.imnet_model.reference_features
    model.imnet_model.reference_features = lambda img, view: looked.append(view) or reference(img, view)
    made = model.make_batch(batch())
    loss = model.source_losses(made)['src.loss_imnet_feat_dist']
    assert looked == [made.source.view]
    pairs = model.model.compared(made.source.features, reference(made.source.img, made.source.view), made.source.label)
    expected = sum((pair.map - pair.reference).norm(dim=1).mean() for pair in pairs)
    torch.testing.assert_close(loss, 0.5 * expected)


def test_images_with_views_are_never_fused():
    assert halves().fuses() is False
    with pytest.raises(InputError, match=r'HalfSegmentor draws.*fuse_forward=False'):
        halves(fuse_forward=True)


def test_supervised_training_draws_a_view_too():
    model = MODELS.build(segmentor() | {'type': 'HalfSegmentor'}).train()
    extract, seen = model.extract_feat, []
    model.extract_feat = lambda img, view=None: seen.append(view) or extract(img, view)
    data = batch()
    for _ in range(8):
        model.train_step(data, Supervised(model))
    assert set(seen) == {False, True}


class Supervised:
    def __init__(self, model):
        self.model = model

    def optim_context(self, model):
        return torch.enable_grad()

    def update_params(self, loss):
        loss.backward()


@pytest.mark.parametrize('fuse', [False, True])
def test_a_third_image_is_computed_alone_and_its_heads_run_once(fuse):
    model = dacs(fuse_forward=fuse)
    made = model.make_batch(batch())
    third = Labelled(torch.randn(3, 3, 32, 32), torch.zeros(3, 1, 32, 32).long())
    calls, heads = [], []
    model.model.backbone.register_forward_hook(lambda _m, args, _o: calls.append(len(args[0])))
    model.model.decode_head.conv_seg.register_forward_hook(lambda _m, args, _o: heads.append(len(args[0])))
    list(model.loss_terms(made))
    losses = model.segmentation_losses(made, third)
    alone = model.model.losses(model.model.extract_feat(third.img), third.label)
    torch.testing.assert_close(losses, alone)
    assert calls == ([4, 3, 3] if fuse else [2, 2, 3, 3])
    assert model.student_logits(made, third) is third.logits
    model.segmentation_losses(made, third)
    assert heads == [2, 2, 3, 3]


def test_features_of_fused_images_are_those_of_each_alone_in_front_of_and_behind_the_neck():
    neck = {'type': 'SegFormerAdapter', 'out_layers': [1], 'scales': [2]}
    model = dacs(model=segmentor() | {'neck': neck}, fuse_forward=True)
    made = model.make_batch(batch())
    for part in (made.source, made.mixed):
        features, alone = model.student_features(made, part), model.model.extract_feat(part.img)
        torch.testing.assert_close(list(features), list(alone))
        torch.testing.assert_close(features.stages, alone.stages)
        assert features[1].shape[2] == 2 * features.stages[1].shape[2]


def test_the_feature_distance_compares_what_no_random_neck_has_touched():
    """The reference network's neck has no pretrained weights: whatever it holds, the distance is the same."""

    class Neck(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Conv2d(16, 16, 1)

        def forward(self, features):
            return [features[0], self.layer(features[1])]

    model = dacs(model=segmentor() | {'neck': {'type': Neck}}, **with_feature_distance())
    for p in model.imnet_model.backbone.parameters():
        p.mul_(1.1)
    model.imnet_model.neck.layer.weight.normal_(std=10.0)
    made = model.make_batch(batch())
    loss = model.source_losses(made)['src.loss_imnet_feat_dist']
    stages = [network.backbone(made.source.img)[-1] for network in (model.model, model.imnet_model)]
    expected = model.feature_distance([Compared(*stages, made.source.label)]).loss
    torch.testing.assert_close(loss, expected)
    assert loss > 0


@pytest.mark.parametrize('kind', ['DAFormerHead', 'DAHead', 'DLV2Head', 'SegFormerHead'])
def test_a_head_predicts_in_two_steps_what_it_predicts_in_one(kind):
    own = {
        'DAFormerHead': segmentor()['decode_head'],
        'DAHead': {'in_channels': 16, 'in_index': 1, 'channels': 8, 'pam_channels': 4},
        'DLV2Head': {'in_channels': 16, 'in_index': 1},
        'SegFormerHead': {
            'in_channels': [8, 16],
            'in_index': [0, 1],
            'channels': 8,
            'norm_cfg': {'type': 'BN'},
            'decoder_params': {'embed_dim': 8},
        },
    }[kind]
    head = MODELS.build({'num_classes': 6, **own, 'type': kind}).eval()
    features = [torch.randn(2, 8, 8, 8), torch.randn(2, 16, 4, 4)]
    embedded = head.embed(features)
    assert torch.equal(head.cls_seg(embedded), head(features))
    assert torch.equal(head.prediction(head.logits_of(embedded)), head(features))
    assert head.losses(head.logits_of(embedded), torch.zeros(2, 1, 8, 8).long())
