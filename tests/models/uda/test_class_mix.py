import numpy as np
import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.uda.class_mix import class_mask, draw_classes, paste, present_classes
from tests.parity import golden, make_input

REFERENCE = golden('uda_class_mix')


def table(*rows: list[int]) -> torch.Tensor:
    chosen = torch.zeros(len(rows), 256, dtype=torch.bool)
    for row, classes in zip(chosen, rows, strict=True):
        row[classes] = True
    return chosen


@pytest.mark.parametrize(('image', 'classes'), [(0, [0, 5, 13]), (1, [255, 8]), (0, [17])])
def test_the_mask_shows_the_chosen_classes_as_in_the_reference(image, classes):
    label = REFERENCE.tensor('in.labels')[image : image + 1].long()
    expected = REFERENCE.tensor(f'mask.img{image}.classes_{"_".join(map(str, classes))}')
    assert torch.equal(class_mask(label, table(classes))[0], expected.bool())


@pytest.mark.parametrize('seed', REFERENCE.config['seeds'])
def test_the_masks_of_a_batch_are_the_reference_s_for_its_drawn_classes(seed):
    label = REFERENCE.tensor('in.labels').long()
    classes = label.unique().numpy()
    rng = np.random.RandomState(seed)
    half = (len(classes) + 1) // 2
    chosen = table(*(classes[rng.choice(len(classes), half, replace=False)].tolist() for _ in label))
    expected = REFERENCE.tensor(f'class_masks.np_random_seed_{seed}').squeeze(2)
    assert torch.equal(class_mask(label, chosen), expected.bool())


def test_images_and_labels_are_pasted_as_in_the_reference():
    source, target = make_input('uda_class_mix.shared.data', (2, 3, 32, 48)).split(1)
    label = REFERENCE.tensor('in.labels')[:1]
    mask = REFERENCE.tensor('mask.img0.classes_0_5_13').bool().unsqueeze(0)
    assert torch.equal(paste(mask, source=source, target=target), REFERENCE.tensor('mixed_data'))
    mixed = paste(mask, source=label, target=REFERENCE.tensor('in.target_label').expand_as(label))
    assert torch.equal(mixed, REFERENCE.tensor('mixed_target'))


def test_mixing_takes_the_chosen_classes_from_the_source():
    label = torch.tensor([[[[0, 0], [1, 2]]]])
    mixed = paste(class_mask(label, table([0, 2])), source=label, target=torch.full_like(label, 9))
    assert mixed.flatten().tolist() == [0, 0, 9, 2]


def test_present_classes_are_listed_for_each_image_and_255_is_one_of_them():
    label = torch.tensor([[0, 3, 3, 255], [7, 7, 7, 7]]).view(2, 1, 2, 2)
    assert torch.equal(present_classes(label), table([0, 3, 255], [7]))


@pytest.mark.parametrize(('present', 'half'), [([4], 1), ([4, 9], 1), ([4, 9, 255], 2), ([0, 1, 2, 3, 4], 3)])
@pytest.mark.parametrize('scope', ['batch', 'image'])
def test_half_of_the_present_classes_is_chosen_rounded_up(present, half, scope):
    label = torch.tensor(present).repeat(2, 4).unsqueeze(1).unsqueeze(1)
    chosen = draw_classes(label, scope=scope)
    assert chosen.sum(dim=1).tolist() == [half, half]
    assert not (chosen & ~table(present, present)).any()


def test_image_scope_chooses_among_the_classes_of_the_image_only():
    label = torch.tensor([[0, 1, 2, 2], [5, 5, 6, 7]]).view(2, 1, 2, 2)
    for seed in range(20):
        chosen = draw_classes(label, scope='image', generator=torch.Generator().manual_seed(seed))
        assert not (chosen & ~table([0, 1, 2], [5, 6, 7])).any()
        assert chosen.sum(dim=1).tolist() == [2, 2]


def test_batch_scope_chooses_for_every_image_among_the_classes_of_all():
    label = torch.tensor([[0, 0, 0, 0], [5, 5, 6, 7]]).view(2, 1, 2, 2)
    draws = [draw_classes(label, generator=torch.Generator().manual_seed(seed)) for seed in range(40)]
    assert all(chosen.sum(dim=1).tolist() == [2, 2] for chosen in draws)
    assert {tuple(c.nonzero()[:, 0].tolist()) for chosen in draws for c in [chosen[0, :, None]]} == {
        (a, b) for a in (0, 5, 6, 7) for b in (0, 5, 6, 7) if a < b
    }


def test_every_class_is_chosen_equally_often():
    label = torch.arange(5).repeat(2000, 1).view(2000, 1, 1, 5)
    share = draw_classes(label, generator=torch.Generator().manual_seed(3)).float().mean(dim=0)[:5]
    torch.testing.assert_close(share, torch.full((5,), 3 / 5), atol=0.04, rtol=0)  # 3.6 standard deviations


def test_an_unknown_scope_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'image'"):
        draw_classes(torch.zeros(1, 1, 2, 2, dtype=torch.long), scope='images')
