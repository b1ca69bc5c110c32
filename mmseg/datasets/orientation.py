"""Which way up a picture is: the orientation that cameras note in EXIF, read from headers."""

from pathlib import Path

from PIL import Image

from mmseg.datasets.tiff import tiff_header
from mmseg.errors import InputError

ORIENTATION = 0x0112  # the EXIF tag
UPRIGHT = 1
SIDEWAYS = (5, 6, 7, 8)  # width and height change places


def orientation(path: str | Path) -> int:
    """The EXIF orientation (1..8) of an image file, from its header; 1 is upright, or none is noted.

    A TIFF is always turned by whoever reads it, labels and images alike, so its own tag counts as upright.

    Raises:
        InputError: the file is no image.
    """
    try:
        with Image.open(path) as file:
            # Asking a PNG for EXIF that is not in front of the pixels would decode it.
            noted = file.format != 'TIFF' and (file.format != 'PNG' or 'exif' in file.info)
            return int(file.getexif().get(ORIENTATION, UPRIGHT)) if noted else UPRIGHT
    except (OSError, SyntaxError, ValueError) as error:
        if tiff_header(path) is not None:  # of bands and depths that Pillow does not know
            return UPRIGHT
        raise InputError(f'{str(path)!r} cannot be read as an image ({error}).') from error
