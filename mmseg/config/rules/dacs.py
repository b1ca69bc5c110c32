"""DACS: keys of the published DAFormer runs that are gone."""

from typing import Any

from mmseg.config.rules import dead_key, old_spelling
from mmseg.errors import InputError

dead_key('uda', 'print_grad_magnitude', 'a debug print')
dead_key('uda', 'imnet_feature_dist_scale_method', 'there is one way to scale labels, by ratio')
dead_key('uda', 'imnet_original_pretrained', 'the ImageNet network is always that of pretrained')


@old_spelling
def _switches_of_variants(values: dict[str, Any]) -> list[str]:
    """Switches of an older code base on DACS, which did not do what their names say (docs/variants.md)."""
    uda = values.get('uda')
    ways = {
        'mix_losses_soft': "use type='DACSPlus' with soft=0.9",
        'mmd_loss': "use type='DACSPlus' with mmd=dict(weight=0.005)",
        'adv_loss': "DACS has no adversarial loss; type='AdvSeg' is a method of its own",
        'adv_loss_fada': "DACS has no adversarial loss; type='AdvSeg' is a method of its own",
    }
    given = [key for key in ways if isinstance(uda, dict) and key in uda]
    for key in given:
        if values['uda'].pop(key):
            raise InputError(f'uda.{key}=True is gone: {ways[key]}.')
    return [f'uda.{key} dropped (False is what there is)' for key in given]
