"""Which texture each material of the toy streets has, and a picture's surfaces painted with them."""

from collections.abc import Mapping, Sequence

import numpy as np

from mmseg.datasets.toy.patch import Patch
from mmseg.datasets.toy.textures import TEXTURES, Tones
from mmseg.datasets.toy.view import Planes, Surface

# What each material is painted with; the others are plain.
OF_MATERIAL = {
    'sky': 'sky',
    'skyline': 'skyline',
    'asphalt': 'asphalt',
    'gutter': 'asphalt',
    'patch': 'asphalt',
    'marking': 'marking',
    'pavement': 'paving',
    'grass': 'grass',
    'facade brick': 'facade brick',
    'facade plaster': 'facade plaster',
    'facade panel': 'facade panel',
    'plain wall': 'plain wall',
    'end wall': 'plain wall',
    'chimney': 'stone',
    'stone': 'stone',
    'coping': 'stone',
    'roof': 'roof',
    'shop': 'shop',
    'board': 'board',
    'awning': 'stripes',
    'balcony': 'bars',
    'bars': 'bars',
    'planks': 'planks',
    'door': 'planks',
    'leaf': 'leaves',
    'needle': 'needles',
    'hedge': 'hedge',
    'post': 'round',
    'wood': 'bark',
    'bark': 'bark',
    'coat': 'cloth',
    'sleeve': 'cloth',
    'trousers': 'cloth',
    'skin': 'cloth',
    'bag': 'cloth',
    'car': 'paintwork',
    'motorcycle': 'paintwork',
    'cab': 'paintwork',
    'truck': 'tarpaulin',
    'glass': 'glass',
    'bus': 'coach',
    'train': 'coach',
}


def paint_textures(
    colours: np.ndarray,
    surface: Surface,
    plane: Planes,
    kinds: np.ndarray,
    *,
    contrast: Mapping[str, float],
    tones: Tones,
    lit: float,
    cover: float,
) -> np.ndarray:
    """Paint every texture into ``colours`` (N, 3).

    Args:
        colours: plain colours of the sub-pixels; changed in place
        surface: where the sub-pixels are
        plane: of the pieces
        kinds: (P,) number of the texture of each piece in :data:`TEXTURES`; others are plain
        contrast: texture -> strength, 0 (plain) to 1, which is the default
        tones: colours of what textures paint besides
        lit: share of windows with a light on
        cover: share of the sky behind clouds

    Returns:
        (N,) share of the light that is the surface's own: lit windows
    """
    glow = np.zeros(len(colours), np.float32)
    kind_at = kinds.astype(np.uint8)[surface.piece]
    low, size = plane.low.astype(np.float32), np.maximum(plane.size, 1e-3).astype(np.float32)
    for number, (name, texture) in enumerate(TEXTURES.items()):
        strength = np.float32(contrast.get(name, 1.0))
        places = np.flatnonzero(kind_at == number)
        if not len(places) or not strength:
            continue
        piece, u, v = surface.piece[places], surface.u[places], surface.v[places]
        own = np.zeros(len(places), np.float32)
        patch = Patch(
            piece,
            u,
            v,
            u - low[piece, 0],
            v - low[piece, 1],
            size[piece, 0],
            size[piece, 1],
            surface.over_u[places],
            surface.over_v[places],
            own,
            lit,
            cover,
        )
        plain = colours[places]
        painted = texture(patch, plain, tones)
        colours[places] = painted if strength == 1 else plain + strength * (painted - plain)
        glow[places] = own
    return glow


def kinds_of(materials: Sequence[str]) -> np.ndarray:
    """Numbers of their textures in :data:`TEXTURES`; the number after the last one where there is none."""
    numbers = {name: number for number, name in enumerate(TEXTURES)}
    return np.array([numbers.get(OF_MATERIAL.get(material, ''), len(numbers)) for material in materials])
