"""What every segmentor does with predictions and losses, whatever its parts are."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.models.chance import step_generator
from mmseg.models.layers import resize
from mmseg.models.segmentors.features import Compared
from mmseg.models.segmentors.label_maps import label_maps
from mmseg.models.segmentors.parse_losses import parse_losses

FLIP_DIMS = {'horizontal': 3, 'vertical': 2}


class BaseSegmentor(nn.Module, ABC):
    """From images to label maps: rescaling, un-flipping and test-time augmentation around a network's logits.

    What trains it goes ``extract_feat`` -> ``embed`` -> ``logits_of`` -> ``losses_of``, and may keep what each of them
    gives: only the segmentor looks inside. A segmentor that draws in training what it looks at (a detail crop) says
    ``draws_views``. It then gets, in every training pass, a view from :meth:`draw_view`, and keeps nothing itself; its
    images are never put into one batch with those of another pass, which have a view of their own.
    """

    backbone: nn.Module
    neck: nn.Module | None
    decode_head: Any
    parse_losses = staticmethod(parse_losses)
    #: how names of weights begin that other networks with the same config have, and what to do about them
    strangers: ClassVar[Mapping[str, str]] = {}
    #: whether :meth:`draw_view` draws something
    draws_views: ClassVar[bool] = False

    def draw_view(self, img_shape: Sequence[int], generator: torch.Generator) -> Any:
        """What of images (B, 3, H, W) of this shape one training pass looks at, for :meth:`extract_feat`.

        Args:
            img_shape: of the images.
            generator: all chance of the view; on the CPU.
        """
        return None

    @abstractmethod
    def extract_feat(self, img: Tensor, view: Any = None) -> Any:
        """Images (B, 3, H, W) -> features: a :class:`StageFeatures`, or a NamedTuple of the segmentor's own.

        Args:
            img: the images.
            view: of :meth:`draw_view` in a training pass; None everywhere else.
        """

    @abstractmethod
    def reference_features(self, img: Tensor, view: Any = None) -> Any:
        """As :meth:`extract_feat`, but as much as :meth:`compared` needs of the network that is compared with."""

    @abstractmethod
    def compared(self, features: Any, reference: Any, label: Tensor) -> list[Compared]:
        """What a distance between two networks compares: maps in front of the neck, which no file of weights fills.

        Args:
            features: of :meth:`extract_feat`.
            reference: of :meth:`reference_features` of the other network, for the same images and view.
            label: of the images, (B, 1, H, W) int64.
        """

    @abstractmethod
    def levels(self, features: Any) -> list[Tensor]:
        """The maps (B, C, h, w) of whole images among ``features``, finest first, for terms that average over them."""

    @abstractmethod
    def embed(self, features: Any) -> dict[str, Any]:
        """Features of :meth:`extract_feat` -> what the classifier of each head gets, by its prefix in the log."""

    @abstractmethod
    def logits_of(self, embedded: Mapping[str, Any]) -> dict[str, Any]:
        """What :meth:`embed` gives -> what each head predicts with it, for :meth:`losses_of`."""

    @abstractmethod
    def prediction(self, logits: Mapping[str, Any]) -> Tensor:
        """The logits (B, classes, h, w) that the segmentor predicts with, among those of :meth:`logits_of`."""

    @abstractmethod
    def losses_of(
        self, logits: Mapping[str, Any], label: Tensor, seg_weight: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Losses and accuracies of all heads, e.g. ``decode.loss_seg``; one prediction may be judged by many labels.

        Args:
            logits: what :meth:`logits_of` gives.
            label: (B, 1, H, W) or (B, H, W), class ids.
            seg_weight: (B, H, W), a weight per pixel, for every head.
        """

    def pictures(self, features: Any, logits: Mapping[str, Any]) -> dict[str, Tensor]:
        """What is worth a look in a debug figure, by its title; tensors as in :attr:`Batch.extra`."""
        return {}

    def training_logits(self, features: Any) -> dict[str, Any]:
        """Features of :meth:`extract_feat` -> what :meth:`losses_of` takes."""
        return self.logits_of(self.embed(features))

    def losses(self, features: Any, label: Tensor, seg_weight: Tensor | None = None) -> dict[str, Tensor]:
        """As :meth:`losses_of`, of features of :meth:`extract_feat`."""
        return self.losses_of(self.training_logits(features), label, seg_weight)

    @abstractmethod
    def encode_decode(self, img: Tensor, img_metas: Sequence[Mapping] | None = None) -> Tensor:
        """Images (B, 3, H, W) -> logits (B, C, H, W)."""

    @abstractmethod
    def test_logits(self, img: Tensor) -> Tensor:
        """Logits (B, C, H, W) as the test settings ask for them."""

    def forward_train(self, img: Tensor, label: Tensor, seg_weight: Tensor | None = None) -> dict[str, Tensor]:
        """Images (B, 3, H, W) and labels -> what :meth:`losses` gives, with a view of their own if there are any."""
        view = self.draw_view(img.shape, step_generator()) if self.draws_views else None
        return self.losses(self.extract_feat(img, view), label, seg_weight)

    def forward(self, img: Tensor) -> Tensor:
        """Images (B, 3, H, W) -> logits (B, C, H, W)."""
        return self.encode_decode(img)

    def train_step(self, data: Mapping[str, Any], optim_wrapper: Any) -> dict[str, Tensor]:
        """One supervised iteration.

        Args:
            data: ``img`` (B, 3, H, W) and ``gt_semantic_seg`` (B, 1, H, W).
            optim_wrapper: the engine's optimizer; sets precision, descends the loss and counts accumulation.

        Returns:
            ``loss`` and every part of it, detached and 0-dimensional.
        """
        with optim_wrapper.optim_context(self):
            loss, values = self.parse_losses(self.forward_train(data['img'], data['gt_semantic_seg']))
        optim_wrapper.update_params(loss)
        return {'loss': loss.detach(), **values}

    def inference(self, img: Tensor, img_meta: Mapping | Sequence[Mapping], rescale: bool) -> Tensor:
        """Probabilities of an image, or of several of the same size.

        Args:
            img: (B, 3, H, W), flipped if ``img_meta['flip']`` says so.
            img_meta: ``ori_shape`` (h, w[, 3]), ``flip`` and ``flip_direction`` ('horizontal' or 'vertical'), and of a
                padded image its ``img_shape`` and ``pad_shape``; for all images, or a list with one for each, which
                must then agree in these.
            rescale: give them at the original size instead of that of ``img``.

        Returns:
            (B, C, h, w), of the unflipped image.
        """
        view = _geometry(img_meta)
        logits = self.test_logits(img)
        if rescale:
            logits = resize(view.content(logits), view.size, align_corners=self.align_corners)
        probabilities = logits.softmax(dim=1)
        return probabilities if view.flip_dim is None else probabilities.flip(view.flip_dim)

    @abstractmethod
    def init_weights(self) -> None:
        """Initialise every part; the backbone loads its pretrained file if one is named."""

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """Number of classes of the prediction."""

    @property
    @abstractmethod
    def align_corners(self) -> bool:
        """How logits are resized."""

    def content_logits(self, img: Tensor, img_meta: Mapping | Sequence[Mapping]) -> Tensor:
        """As :meth:`test_logits`, without a border that Pad has added; arguments of :meth:`inference`."""
        return _geometry(img_meta).content(self.test_logits(img))

    @torch.no_grad()
    def simple_test(self, img: Tensor, img_meta: Mapping | Sequence[Mapping], rescale: bool = True) -> Tensor:
        """Label maps (B, h, w) int64 of images (B, 3, H, W); arguments as for :meth:`inference`.

        The same as the best class of :meth:`inference`, without its probabilities in memory.
        """
        view = _geometry(img_meta)
        logits = self.test_logits(img)
        if rescale:
            logits = view.content(logits)
        size = view.size if rescale else (logits.shape[2], logits.shape[3])
        found = label_maps(logits, size, align_corners=self.align_corners).long()
        return found if view.flip_dim is None else found.flip(view.flip_dim - 1)

    @torch.no_grad()
    def aug_test(
        self, imgs: Sequence[Tensor], img_metas: Sequence[Mapping | Sequence[Mapping]], rescale: bool = True
    ) -> Tensor:
        """Label maps (B, h, w) int64 from the mean probability over augmented versions of the same images.

        Args:
            imgs: each (B, 3, H, W); sizes may differ.
            img_metas: one for each version.
            rescale: must be True where sizes differ, for versions are averaged at the original size.
        """
        if not rescale:
            raise ValueError('versions of different sizes are averaged at the original size: rescale must be True')
        first, *others = zip(imgs, img_metas, strict=True)
        total = self.inference(*first, rescale)
        for img, meta in others:  # one at a time: probabilities of a large image are large
            total += self.inference(img, meta, rescale)
        return total.argmax(dim=1)


class View(NamedTuple):
    """How images of a batch relate to the original: its size, the dimension they are flipped in, their content."""

    size: tuple[int, int]
    flip_dim: int | None
    padded: tuple[tuple[int, int], tuple[int, int]] | None  # (height, width) of the content, and with the border

    def content(self, logits: Tensor) -> Tensor:
        """Logits (B, C, H, W) without those of a border that Pad has added at the right and bottom."""
        if self.padded is None or self.padded[1] != (logits.shape[2], logits.shape[3]):
            return logits
        height, width = self.padded[0]
        return logits[:, :, :height, :width]


def _geometry(img_meta: Mapping | Sequence[Mapping]) -> View:
    metas = [img_meta] if isinstance(img_meta, Mapping) else img_meta
    found = {_view(meta) for meta in metas}
    if len(found) != 1:
        raise InputError(f'Images of one batch must agree in original size and flip, got {sorted(map(str, found))}')
    return found.pop()


def _view(meta: Mapping) -> View:
    flip = FLIP_DIMS[meta.get('flip_direction') or 'horizontal'] if meta.get('flip') else None
    inside, whole = (tuple(meta[key][:2]) if key in meta else None for key in ('img_shape', 'pad_shape'))
    padded = (inside, whole) if inside and whole and inside != whole else None
    return View(tuple(meta['ori_shape'][:2]), flip, padded)
