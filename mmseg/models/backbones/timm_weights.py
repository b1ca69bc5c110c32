"""timm's own weights by the name of a network: their file and their licence, or why they cannot be had."""

import logging
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log

from mmseg.errors import InputError, nearest
from mmseg.models.weights.manifest import PRETRAINED_DIR

FILE = 'model.safetensors'
HUB = 'https://huggingface.co/'
#: words in the short name of a licence that allows some uses only
LIMITED = ('nc', 'non-commercial', 'noncommercial', 'dinov3', 'research', 'gemma', 'other')


class TimmWeights(NamedTuple):
    """What timm says of weights.

    Attributes:
        name: with the tag: ``vit_small_patch14_dinov2.lvd142m``.
        repository: on the hub.
        licence: its short name; '' where timm does not say.
    """

    name: str
    repository: str
    licence: str

    @property
    def local(self) -> Path:
        """Where ``mmseg download`` leaves the file, and where it is looked for first."""
        return PRETRAINED_DIR / f'{self.name}.safetensors'

    @property
    def limits_use(self) -> bool:
        """Whether the licence allows some uses only."""
        return any(word in LIMITED for word in self.licence.lower().split('-')) or self.licence in LIMITED


def weights_of(model_name: str) -> TimmWeights:
    """What timm has for a network, perhaps with the tag of its weights.

    Raises:
        InputError: there is no such network or tag, or nothing to download for it.
    """
    import timm  # noqa: PLC0415 (takes seconds; only these weights need it)

    network = model_name.partition('.')[0]
    known = timm.list_models()
    if network not in known:
        raise InputError(f'timm has no network {network!r}.{nearest(network, known)}')
    tagged = timm.list_pretrained(f'{network}.*')
    try:
        described = timm.get_pretrained_cfg(model_name)
    except RuntimeError as error:
        raise InputError(f'timm has no weights {model_name!r}. Those of {network}: {", ".join(tagged)}.') from error
    repository = getattr(described, 'hf_hub_id', None)
    if not repository:
        raise InputError(
            f'timm has no weights on the hub for {model_name!r}; give a file: model.backbone.pretrained=FILE.'
        )
    name = repository.rpartition('/')[2] if '.' not in model_name else model_name
    return TimmWeights(name, repository, getattr(described, 'license', None) or '')


def file_of(weights: TimmWeights) -> Path:
    """The file of weights: from pretrained/, else from the hub's cache or the hub.

    Raises:
        InputError: it cannot be had; the message says why and what to do.
    """
    if weights.local.is_file():
        return weights.local
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 (as above)
    from huggingface_hub.errors import GatedRepoError  # noqa: PLC0415

    page = f'{HUB}{weights.repository}'
    try:
        # no revision: the names are timm's own, and a weight file is read as data, every tensor of it checked
        file = hf_hub_download(weights.repository, FILE)  # nosec B615
        return Path(file)
    except GatedRepoError as error:
        raise InputError(
            f'{weights.name}: its owner gives these weights only to accounts that have accepted the licence. Accept it '
            f'on {page} and log in (`hf auth login`), or give a file that you have: model.backbone.pretrained=FILE.'
        ) from error
    except Exception as error:  # no network, no such file: the client has many errors for it
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f'{weights.name} cannot be downloaded from {page} ({type(error).__name__}: {reason}). Where there is a '
            f'network, `mmseg download timm:{weights.name}` gets it as {weights.local}, which is looked for '
            'first.'
        ) from error


@cache
def say_licence(weights: TimmWeights) -> None:
    """Name the licence, once in a process."""
    limited = weights.limits_use
    print_log(
        f'{weights.name}: licence of the weights {weights.licence or "not stated by timm"} ({HUB}{weights.repository})'
        f'{"; it limits what they, and networks trained from them, may be used for." if limited else "."}',
        'current',
        logging.WARNING if limited else logging.INFO,
    )
