import pytest
import torch

from mmseg.errors import InputError
from mmseg.models.uda.class_mix import paste
from mmseg.models.uda.pseudo_label import pseudo_label, trusted
from tests.parity import golden, make_input

REFERENCE = golden('uda_pseudo_weight')
THRESHOLD = REFERENCE.config['pseudo_threshold']
LOGITS = make_input('uda_pseudo_weight.shared.logits', (2, 19, 160, 48)) * REFERENCE.config['logits_scale']


@pytest.mark.parametrize(('case', 'top', 'bottom'), [('ignore', 15, 120), ('plain', 0, 0), ('top_only', 15, 0)])
def test_weights_that_reach_the_mixed_loss_are_the_reference_s(case, top, bottom):
    pseudo = trusted(pseudo_label(LOGITS, threshold=THRESHOLD), ignore_top=top, ignore_bottom=bottom)
    mask = torch.zeros(2, 1, 160, 48, dtype=torch.bool)
    mask[..., :7] = True  # the columns that show the source
    weight = paste(mask, source=torch.ones_like(pseudo.weight), target=pseudo.weight).squeeze(1)
    torch.testing.assert_close(weight, REFERENCE.tensor(f'{case}.weight_after_mix'), rtol=1e-6, atol=0)
    label = paste(mask, source=torch.zeros_like(pseudo.label), target=pseudo.label)
    assert torch.equal(label, REFERENCE.tensor('pseudo_label_after_mix').long())


def test_labels_and_quality_are_the_reference_s():
    pseudo = pseudo_label(LOGITS, threshold=THRESHOLD)
    assert torch.equal(pseudo.label.squeeze(1), REFERENCE.tensor('pseudo_label').long())
    share = torch.full_like(pseudo.weight, float(REFERENCE.arrays['fraction_ge_threshold']))
    torch.testing.assert_close(pseudo.weight, share, rtol=1e-6, atol=0)


def test_quality_is_one_number_for_all_images_and_pixels():
    sure, unsure = [5.0, 0.0], [0.1, 0.0]  # confidence 0.993 and 0.525
    logits = torch.tensor([[sure, sure, sure, unsure], [unsure] * 4]).view(2, 2, 2, 2).permute(0, 3, 1, 2)
    assert pseudo_label(logits, threshold=0.968).weight.unique().tolist() == [3 / 8]


def test_threshold_zero_trusts_every_pixel_and_one_almost_none():
    logits = torch.randn(2, 5, 6, 7)
    assert pseudo_label(logits, threshold=0.0).weight.unique().tolist() == [1.0]
    assert pseudo_label(logits, threshold=1.0).weight.unique().tolist() == [0.0]


def test_without_a_threshold_every_pixel_counts_fully():
    assert pseudo_label(torch.randn(2, 5, 6, 7), threshold=None).weight.unique().tolist() == [1.0]


def test_a_mask_of_valid_pixels_takes_weight_away_and_nothing_else():
    pseudo = pseudo_label(torch.randn(2, 5, 4, 4), threshold=0.3)
    valid = torch.rand(2, 1, 4, 4) > 0.5
    masked = trusted(pseudo, valid, ignore_top=1)
    kept = valid.clone()
    kept[:, :, 0] = False
    assert torch.equal(masked.weight, torch.where(kept, pseudo.weight, 0))
    assert torch.equal(masked.label, pseudo.label)


def test_half_precision_logits_are_judged_in_single_precision():
    logits = (
        torch.tensor([8.0, 4.6]).view(1, 2, 1, 1).to(torch.bfloat16)
    )  # confidence 0.9679; bfloat16 knows only 0.96875
    assert pseudo_label(logits, threshold=0.968).weight.sum() == 0
    assert pseudo_label(logits, threshold=0.967).weight.sum() == 1


@pytest.mark.parametrize(('top', 'bottom'), [(4, 0), (2, 2), (0, 9)])
def test_margins_that_leave_no_row_are_refused(top, bottom):
    found = pseudo_label(torch.zeros(1, 2, 4, 4), threshold=0.0)
    with pytest.raises(InputError, match=f'top={top} and pseudo_weight_ignore_bottom={bottom} leave no row.* 4 rows'):
        trusted(found, ignore_top=top, ignore_bottom=bottom)
    assert trusted(found, ignore_top=2, ignore_bottom=1).weight[0, 0, :, 0].tolist() == [0, 0, 1, 0]
