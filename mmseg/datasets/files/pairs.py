"""The images of a data set in the form in which pipelines take them."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

from mmseg.datasets.files.names import Root, Suffixes, label_name


class Pairs(Sequence[dict]):
    """The images of one root as a data set describes them, made when they are asked for: a name each is held.

    Each is ``{'filename', 'img_dir', 'ann': {'seg_map', 'ann_dir'}}``, ``ann`` where there are label maps.
    """

    def __init__(self, root: Root, images: list[str], suffixes: Suffixes, odd: Mapping[str, str]) -> None:
        self.root, self.images, self.suffixes = root, images, suffixes
        # label maps under names that cannot be made of the image's: by image, or by what is in front of its suffix
        self.odd = odd

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict:  # type: ignore[override]
        name = self.images[index]
        info: dict = {'filename': name, 'img_dir': self.root.img_dir}
        if self.root.ann_dir is not None:
            label = label_name(name, self.suffixes)
            if self.odd:
                label = self.odd.get(name) or self.odd.get(str(self.suffixes.stem(name)), label)
            info['ann'] = {'seg_map': label, 'ann_dir': self.root.ann_dir}
        return info


class Joined(Sequence[dict]):
    """Sequences one behind the other, without a copy."""

    def __init__(self, parts: Sequence[Sequence[dict]]) -> None:
        self.parts = list(parts)
        self.ends = list(accumulate(map(len, self.parts)))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index: int) -> dict:  # type: ignore[override]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        part = bisect_right(self.ends, place)
        return self.parts[part][place - (self.ends[part - 1] if part else 0)]
