"""Any network of timm that gives intermediate features, by its name there."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.config.values import Count, Fraction, Positive
from mmseg.errors import InputError, nearest
from mmseg.models.backbones.base import MASK_TOKEN, Backbone, PixelStatistics, freeze, learns_anyway, still_parts
from mmseg.models.backbones.efficientnet_keys import OF_PORT, to_timm
from mmseg.models.backbones.hugging_face_keys import from_hugging_face
from mmseg.models.backbones.packaged_weights import IF_INSTALLED, REQUIRED, packaged_file
from mmseg.models.backbones.timm_weights import file_of, say_licence, weights_of
from mmseg.models.layers import resize
from mmseg.models.layers.pixel_layout import convolves_by_channel, pixel_by_pixel
from mmseg.models.weights import State, without_prefix
from mmseg.registry import MODELS

#: value of ``pretrained`` for timm's own weights
BY_NAME = 'timm'
#: what the names of timm's network begin with in our state dict
OURS = 'model.'


@MODELS.register_module()
class TimmBackbone(Backbone):
    """A network of timm as an encoder, e.g. ``vit_base_patch14_dinov2``, ``eva02_base_patch14_224``, ``pvt_v2_b2``.

    Plain Transformers give maps of one size for all their blocks (``out_indices`` counts blocks); the neck
    ``Feature2Pyramid`` makes a pyramid of them. The others give one map per stage.

    Images may have any size where timm's network allows it: sides that the patches do not divide are resized to the
    next multiple (up to 13 pixels of 518), so that the maps still show the whole image. Networks whose tables hold for
    one size alone (Hiera, BEiT, MaxViT) are built for ``img_size`` and take no other.

    Where timm says what its weights were trained with, ``pixel_statistics`` has it.

    Args:
        model_name: timm's name of the network, perhaps with its tag of weights (``name.tag``).
        out_indices: blocks or stages whose output is returned; negative ones count from the end.
        img_size: side, or (height, width), of the images that tables of positions are made for; needed by networks
            that take images of one size only.
        input_scale: images are brought to this size first, then to whole patches: 1120 / 1024 makes 80 patches of 14
            of a side of 1024.
        in_channels: channels of the image.
        frozen_stages: the stem (0) and the blocks of a plain Transformer, or the stages of others, up to this number
            are not trained; -1: all are. A mask token is.
        mask_token: have a learnt token that stands for hidden patches, see :meth:`forward`; plain Transformers only.
        drop_path_rate: stochastic depth of the last block.
        with_cp: recompute blocks in the backward pass instead of keeping their activations.
        norm: the norm behind the last block applies to every output; of networks that have one there, before any
            pooling (ViT, DINO; EVA-02's is of the pooled token, and ConvNeXt's in the head).
        settings: further arguments of the network, as timm names them.
        pretrained: 'timm' (or True) for timm's own weights of ``model_name``, from the hub; or a file (or URL) of
            weights under timm's names, the authors' or those of Hugging Face's transformers; or 'package' for those
            of an installed Python package (see ``packaged_weights``), 'package if installed' for these or, where
            they are not, random ones.
        init_cfg: ``dict(type='Pretrained', checkpoint=...)``, the other spelling of ``pretrained``.
    """

    may_be_missing: tuple[str, ...] = ('mask_token',)
    ignored: tuple[str, ...] = ('mask_token', 'model.mask_token')
    model: Any  # what timm's networks offer is not typed

    def __init__(
        self,
        *,
        model_name: str,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        img_size: Count | Sequence[Count] | None = None,
        input_scale: Positive = 1.0,
        in_channels: Count = 3,
        frozen_stages: int = -1,
        mask_token: bool = False,
        drop_path_rate: Fraction = 0.0,
        with_cp: bool = False,
        norm: bool = False,
        settings: Mapping[str, Any] | None = None,
        pretrained: str | bool | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if pretrained in (REQUIRED, IF_INSTALLED):
            pretrained = packaged_file(model_name, str(pretrained))
        from_hub = pretrained in (True, BY_NAME)
        file = pretrained if isinstance(pretrained, str) and not from_hub else None
        super().__init__(pretrained=file, init_cfg=init_cfg)
        self.weights = weights_of(model_name) if from_hub else None
        arguments = {**(settings or {}), 'in_chans': in_channels, 'drop_path_rate': drop_path_rate}
        if img_size is not None:
            arguments['img_size'] = img_size
        self.model, arguments = _create_for_any_size(model_name, arguments)
        self.model_name = model_name
        self.input_scale = input_scale
        self.fixed_size = _only_size(self.model)
        self.grid = _grid(self.model)
        self.norm = norm
        if norm and isinstance(getattr(self.model, 'norm', nn.Identity()), nn.Identity):
            raise InputError(f'TimmBackbone: {model_name} has no norm behind its last block: leave out norm=True.')
        # entries of a file that belong to what is pruned: the classifier, blocks behind the last output
        whole = set(self.model.state_dict())
        self.out_indices = self._prune(tuple(out_indices))
        self.ignored = (*type(self).ignored, *(f'model.{key}' for key in whole - set(self.model.state_dict())))
        self.convolves_by_channel = convolves_by_channel(self.model)
        self.pixel_statistics = _pixel_statistics(self.model.pretrained_cfg, in_channels)
        self.mask_token: nn.Parameter | None = self._mask_token() if mask_token else None
        self._hidden: Tensor | None = None
        if with_cp:
            self.model.set_grad_checkpointing(True)
        self._freeze(frozen_stages)
        self._still = still_parts(self.model) if frozen_stages >= 0 else []

    def is_plain(self) -> bool:
        """Whether the network is a plain Transformer: patches side by side, then blocks that keep their size."""
        sizes = {stage['reduction'] for stage in self.model.feature_info}
        return hasattr(getattr(self.model, 'patch_embed', None), 'strict_img_size') and len(sizes) == 1

    def _mask_token(self) -> nn.Parameter:
        if not self.is_plain():
            raise InputError(
                f'TimmBackbone: {self.model_name} is no plain Transformer: it has no place for a mask_token.'
            )
        self.model.patch_embed.register_forward_hook(self._hide)
        return nn.Parameter(torch.zeros(1, 1, self.model.embed_dim))

    def _freeze(self, stages: int) -> None:
        """Let the stem and the first ``stages`` blocks or stages keep their weights."""
        depths = self._depths(coarse=True)
        if stages > max(depths.values()):
            raise InputError(
                f'TimmBackbone: frozen_stages is {stages}, but {self.model_name} has {max(depths.values())} blocks or '
                'stages up to the last of out_indices.'
            )
        for name, parameter in self.named_parameters():
            if depths[name] <= stages and not learns_anyway(self, name):
                parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> 'TimmBackbone':
        """Training mode, except for what is frozen."""
        super().train(mode)
        freeze(self._still)
        return self

    def depths_among_blocks(self) -> dict[str, int]:
        return self._depths(coarse=False)

    def _depths(self, *, coarse: bool) -> dict[str, int]:
        """Depth of every parameter: of its block, or ``coarse``, of its stage where there are stages."""
        from timm.models._manipulate import group_with_matcher  # noqa: PLC0415 (as in _create)

        found = group_with_matcher(self.model.named_parameters(), self.model.group_matcher(coarse=coarse), reverse=True)
        numbers = {depth: number for number, depth in enumerate(sorted(set(found.values())))}
        depths = {f'model.{name}': numbers[depth] for name, depth in found.items()}
        return {name: depths.get(name, 0) for name, _ in self.named_parameters()}

    def _prune(self, out_indices: tuple[int, ...]) -> tuple[int, ...]:
        for method in ('forward_intermediates', 'prune_intermediate_layers'):
            if not hasattr(self.model, method):
                raise InputError(f'{type(self.model).__name__} of timm has no {method}: it cannot be an encoder here.')
        try:
            kept = self.model.prune_intermediate_layers(list(out_indices), prune_norm=not self.norm, prune_head=True)
        except (AssertionError, IndexError) as error:
            raise InputError(f'TimmBackbone: out_indices {out_indices} do not fit the network. {error}') from error
        return tuple(kept)

    @property
    def feature_channels(self) -> list[int]:
        """Channels of each output, for the ``in_channels`` of a head."""
        return [self.model.feature_info[i]['num_chs'] for i in self.out_indices]

    def init_weights(self) -> None:
        """Load timm's weights where those are asked for, with their licence told; else as :class:`Backbone`."""
        if self.weights is None:
            super().init_weights()
            return
        say_licence(self.weights)
        self.load_file(str(file_of(self.weights)))

    def draw_weights(self) -> None:
        """Those that timm has drawn at construction."""

    def convert(self, state: State) -> State:
        """What timm's own loader does with a file of the authors, e.g. names and position tables; then our prefix.

        In a file of ours the prefix is there, and what stands beside timm's network keeps its names.
        """
        beside: State = {}
        if any(f'{OURS}{name}' in state for name in self.model.state_dict()):
            beside = {key: value for key, value in state.items() if not key.startswith(OURS)}
            state = without_prefix(state, OURS)
        state = from_hugging_face(dict(state))
        if OF_PORT in state:
            state = to_timm(state)
        self._refuse_biases(state)
        mask_token = state.get(MASK_TOKEN)
        translate = getattr(sys.modules[type(self.model).__module__], 'checkpoint_filter_fn', None)
        if translate is not None:
            state = translate(state, self.model)
        if mask_token is not None:
            beside[MASK_TOKEN] = mask_token.reshape(1, 1, -1)
        return {f'{OURS}{key}': value for key, value in state.items() if key != MASK_TOKEN} | beside

    def _refuse_biases(self, state: State) -> None:
        """Of DINOv3: drop biases of queries, keys and values that are 0; timm would drop others too.

        Raises:
            InputError: they are not 0, and the network has none.
        """
        names = [key for key in state if key.endswith('.qkv.bias')] if 'storage_tokens' in state else []
        if not names or any(name.endswith('q_bias') for name, _ in self.model.named_parameters()):
            return
        if any(state.pop(name).nan_to_num().any() for name in names):
            raise InputError(
                f'TimmBackbone: the file has biases of queries, keys and values, {self.model_name} has none: take the '
                "network of the same name with 'qkvb' in it."
            )

    def forward(self, x: Tensor, hidden: Tensor | None = None) -> list[Tensor]:
        """Image (B, C, H, W) -> maps (B, C', h, w) of the blocks or stages in ``out_indices``.

        Args:
            x: the images.
            hidden: (B, 1, rows, columns) bool, the patches that the mask token stands for.

        Raises:
            InputError: the network takes images of another size only.
        """
        self._hidden = hidden
        try:
            return self.model.forward_intermediates(
                self._fitted(x),
                indices=list(self.out_indices),
                norm=self.norm,
                output_fmt='NCHW',
                intermediates_only=True,
            )
        finally:
            self._hidden = None

    def patch_grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """(rows, columns) of the patches of an image of ``size`` (height, width)."""
        height, width = self._fitting(size)
        return height // self.grid, width // self.grid

    def _fitting(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that images of ``size`` are brought to."""
        if self.input_scale == 1:  # whole numbers alone, which a trace follows too
            height, width = (-(-side // self.grid) * self.grid for side in size)
            return height, width
        height, width = (math.ceil(round(side * self.input_scale, 6) / self.grid) * self.grid for side in size)
        return height, width

    def _hide(self, patches: nn.Module, images: Any, tokens: Tensor) -> Tensor:
        """The ``tokens`` of the patches, (B, rows, columns, C) or (B, N, C), with the mask token for hidden ones."""
        if self._hidden is None or self.mask_token is None:
            return tokens
        hidden = self._hidden[:, 0, :, :, None].reshape(*tokens.shape[:-1], 1)
        return torch.where(hidden, self.mask_token.to(tokens.dtype).view(-1), tokens)

    def check_size(self, size: tuple[int, int]) -> None:
        if self.fixed_size is not None and tuple(size) != self.fixed_size:
            height, width = self.fixed_size
            raise InputError(
                f'TimmBackbone: {self.model_name} takes images of {width}x{height} only, and gets {size[1]}x{size[0]}. '
                f'Set model.backbone.img_size=({size[0]}, {size[1]}) (height, width), the crop_size of the pipelines, '
                "and test with windows of that size: model.test_cfg=dict(mode='slide', crop_size=..., stride=...)."
            )

    def _fitted(self, x: Tensor) -> Tensor:
        """Images of a size that the network takes, in the layout in which it is fast."""
        size = (x.shape[2], x.shape[3])
        self.check_size(size)
        fitting = self._fitting(size)
        x = x if fitting == size else resize(x, fitting)
        return pixel_by_pixel(x) if self.convolves_by_channel else x


def _pixel_statistics(described: Mapping[str, Any] | None, channels: int) -> PixelStatistics | None:
    """What timm says of the images that its weights were trained on, for pixels in 0..255."""
    mean, std = ((described or {}).get(key) for key in ('mean', 'std'))
    if mean is None or std is None or len(mean) != channels:
        return None
    return PixelStatistics(tuple(255 * value for value in mean), tuple(255 * value for value in std))


def _create_for_any_size(model_name: str, arguments: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """The network, made so that it takes images of any size if it can, and the arguments it was made with."""
    flexible = {'dynamic_img_size': True, **arguments}
    try:
        return _create(model_name, **flexible), flexible
    except InputError as error:
        if 'dynamic_img_size' not in str(error):
            raise
    return _create(model_name, **arguments), arguments


def _only_size(model: nn.Module) -> tuple[int, int] | None:
    """(height, width) of the images of a network that takes no others; None if it takes many."""
    patches = getattr(model, 'patch_embed', None)
    if getattr(patches, 'strict_img_size', False) and getattr(patches, 'img_size', None):
        return tuple(patches.img_size)  # type: ignore[union-attr]
    if hasattr(model, 'tokens_spatial_shape') and hasattr(model, 'patch_stride'):
        tokens: Any = model.tokens_spatial_shape
        stride: Any = model.patch_stride
        return tokens[0] * stride[0], tokens[1] * stride[1]
    return None


def _grid(model: nn.Module) -> int:
    """What has to divide the sides of an image: the side of a patch, or of what windows of the last stage see."""
    patches: Any = getattr(model, 'patch_embed', None)
    if hasattr(patches, 'strict_img_size'):  # patches side by side; those of PVT overlap, and take any size
        return int(patches.patch_size[0])
    if hasattr(model, 'window_spec'):
        stages: Any = model.feature_info
        return int(max(stage['reduction'] for stage in stages))
    return 1


def _create(model_name: str, **arguments: Any) -> nn.Module:
    import timm  # noqa: PLC0415 (takes seconds; only this encoder needs it)

    known = timm.list_models()
    if model_name.split('.', maxsplit=1)[0] not in known:
        raise InputError(f'timm has no network {model_name!r}.{nearest(model_name, known)}')
    try:
        return timm.create_model(model_name, **arguments)
    except (TypeError, OSError, RuntimeError) as error:  # a wrong argument, or no download
        raise InputError(f'timm network {model_name!r}: {error}') from error
