import pytest
import torch

from mmseg.models.layers.deformable_attention import DeformableAttention, places_of, sampled


def test_places_are_the_centres_of_pixels():
    assert places_of((1, 2), torch.device('cpu')).tolist() == [[0.25, 0.5], [0.75, 0.5]]


def test_what_is_seen_is_the_weighted_sum_of_bilinear_samples_of_all_maps():
    fine = torch.tensor([[1.0, 2.0], [3.0, 4.0]])  # one head of one channel, maps of 2x2 and of one pixel
    value = torch.cat([fine.flatten(), torch.tensor([10.0])]).view(1, 5, 1, 1)
    places = torch.tensor([[[0.25, 0.75], [0.5, 0.5]], [[0.5, 0.5], [1.5, 0.5]]]).view(1, 1, 1, 2, 2, 2)
    weights = torch.tensor([[0.1, 0.2], [0.3, 0.4]]).view(1, 1, 1, 2, 2)
    # the pixel at the lower left is 3, the middle 2.5; of the coarse map the pixel itself, and nothing outside
    expected = 0.1 * 3 + 0.2 * 2.5 + 0.3 * 10 + 0.4 * 0
    assert sampled(value, [(2, 2), (1, 1)], places, weights).item() == pytest.approx(expected)


def test_heads_and_queries_do_not_mix():
    torch.manual_seed(0)
    value, places = torch.rand(2, 12, 3, 4), torch.rand(2, 5, 3, 1, 2, 2)
    weights = torch.rand(2, 5, 3, 1, 2)
    whole = sampled(value, [(3, 4)], places, weights).unflatten(-1, (3, 4))
    for image, query, head in [(0, 1, 2), (1, 4, 0)]:
        one = (slice(image, image + 1), slice(query, query + 1), slice(head, head + 1))
        alone = sampled(value[one[0], :, one[2]], [(3, 4)], places[one], weights[one])
        torch.testing.assert_close(whole[image, query, head], alone[0, 0])


def test_heads_start_in_different_directions_with_equal_weights():
    attention = DeformableAttention(channels=8, heads=4, levels=1, points=2)
    offsets = attention.sampling_offsets.bias.view(4, 2, 2)
    torch.testing.assert_close(offsets[:, 0], torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(offsets[:, 1], 2 * offsets[:, 0])


def test_gradients_reach_everything():
    torch.manual_seed(0)
    attention = DeformableAttention(channels=8, heads=2, levels=2, points=2, ratio=0.5)
    queries = torch.rand(1, 6, 8, requires_grad=True)
    seen = attention(queries, places_of((2, 3), queries.device), torch.rand(1, 16, 8), [(2, 6), (2, 2)])
    assert seen.shape == (1, 6, 8)
    seen.square().sum().backward()
    assert all(parameter.grad.any() for parameter in attention.parameters())
