"""What all methods of unsupervised domain adaptation share: a student, and the descent along its loss terms."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import torch
from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.models.chance import step_generator
from mmseg.models.networks import Network, Role
from mmseg.models.segmentors.base import BaseSegmentor
from mmseg.models.uda.batch import Batch, Labelled, StepRecord
from mmseg.models.uda.further_term import FurtherTerm
from mmseg.models.uda.fusion import fusion_pays, refuse_fusion
from mmseg.models.uda.pseudo_label import PseudoLabel, trusted
from mmseg.registry import MODELS

if TYPE_CHECKING:
    from mmengine.optim import OptimWrapper

T = TypeVar('T')
#: field of the target's samples: pixels whose pseudo-label counts, where there is one
VALID_PSEUDO_MASK = 'valid_pseudo_mask'
#: a prefix of log names, and losses (and accuracies) by name
Term = tuple[str, dict[str, Tensor]]


class UDADecorator(nn.Module):
    """A segmentor ``model``, the student, with a way of training it on a labelled and an unlabelled domain.

    To everybody but the training loop it is the student.

    Args:
        model: config of the student.
        max_iters: training steps in all.
        fuse_forward: run source and mixed images through the encoder together. Same result, fewer and fuller
            kernels, but both graphs are in memory at once. Only for encoders that treat each image alone. 'auto':
            where it can and pays, see :mod:`mmseg.models.uda.fusion`; decided in the first step.
        accumulate: steps whose mean gradient makes one move of the student.
        debug_img_interval: every so many steps, ``last_step`` keeps what the step made.
        terms: configs of further terms of the objective, see :class:`FurtherTerm`.

    Attributes:
        steps: number of training steps done, known to the host. In checkpoints it is called ``iteration``.
        last_step: what the last step made, for figures; None between the debug intervals.

    Raises:
        InputError: a setting is out of its range, or a further term does not go with the method.
    """

    iteration: Tensor
    #: of a method that ``labels_target``: how slowly its teacher follows, and from which confidence on it is sure
    alpha: float
    pseudo_threshold: float
    #: whether the batches of the loader have to hold labelled source images
    needs_source: ClassVar[bool] = True
    #: whether the batches of the loader have to hold target images
    needs_target: ClassVar[bool] = True
    #: whether :meth:`make_batch` labels the target images (``batch.pseudo``)
    labels_target: ClassVar[bool] = False
    #: fields of the target's samples besides the image that the method reads
    target_fields: ClassVar[frozenset[str]] = frozenset({VALID_PSEUDO_MASK})
    #: set by a method with a term that needs the graphs of the source and of the mixed images at the same time
    couples_domains = False

    def __init__(
        self,
        *,
        model: dict,
        max_iters: int,
        fuse_forward: bool | Literal['auto'] = 'auto',
        accumulate: int = 1,
        debug_img_interval: int = 1000,
        terms: Sequence[Mapping] = (),
    ) -> None:
        super().__init__()
        counts = {'runner.max_iters': max_iters, 'accumulate': accumulate, 'uda.debug_img_interval': debug_img_interval}
        for name, value in counts.items():
            require(isinstance(value, int) and value > 0, name, value, 'a positive whole number')
        require(max_iters % accumulate == 0, 'accumulate', accumulate, f'a divisor of runner.max_iters = {max_iters}')
        require(fuse_forward in (True, False, 'auto'), 'uda.fuse_forward', fuse_forward, "True, False or 'auto'")
        self.model: BaseSegmentor = MODELS.build(model)
        self.max_iters = max_iters
        self.fuse_forward = fuse_forward
        self.accumulate = accumulate
        self.debug_img_interval = debug_img_interval
        if fuse_forward is True:
            refuse_fusion(self.model)
        if self.labels_target:
            refuse_unweighable(self.model)
        self.last_step: StepRecord | None = None
        #: weights of all pseudo-labels since somebody has looked, on the device; no part of the state
        self.pseudo_weight_sum: Tensor | None = None
        self.steps = 0
        # the host's number, mirrored where every way of saving finds it; it is never read back in training
        self.register_buffer('iteration', torch.zeros((), dtype=torch.int64))
        self.term_names: list[str] = []
        require(isinstance(terms, list | tuple), 'uda.terms', terms, 'a list of dict(type=...)')
        for cfg in terms:
            self.add_term(MODELS.build(cfg))

    def add_term(self, term: FurtherTerm) -> None:
        """Make ``term`` a part of the objective, under its own name."""
        free = isinstance(term, FurtherTerm) and not hasattr(self, term.name)
        require(free, 'uda.terms', getattr(term, 'name', term), 'further terms, none of them twice')
        term.attach(self)
        self.add_module(term.name, term)
        self.term_names.append(term.name)

    def fields_of_target(self) -> set[str]:
        """Fields of the target's samples besides the image that the method and its further terms read."""
        return set(self.target_fields).union(*(term.target_fields for term in self.terms()))

    @property
    def ignore_index(self) -> int:
        """Train id of pixels without a label."""
        return self.model.decode_head.ignore_index

    def terms(self) -> list[FurtherTerm]:
        """The further terms, in the order of the config."""
        return [getattr(self, name) for name in self.term_names]

    def init_weights(self) -> None:
        """Initialise the student, and whatever starts as its copy."""
        self.model.init_weights()
        for term in self.terms():
            term.init_weights(self)

    def networks(self) -> list[Network]:
        """Every network of the method with its role, the student first: that is what evaluation and testing use.

        A method with further ones adds them. What learns by the optimizer of the config without being a network that
        encodes images (a projection) is no member.
        """
        further = [n._replace(name=f'{term.name}.{n.name}') for term in self.terms() for n in term.networks()]
        return [Network('model', self.model, Role.LEARNS), *further]

    def train(self, mode: bool = True) -> 'UDADecorator':
        """Set the mode of all networks; a frozen one only ever predicts."""
        super().train(mode)
        for network in self.networks() if mode else ():
            if network.role is Role.FROZEN:
                network.module.eval()
        return self

    def extract_feat(self, img: Tensor) -> Any:
        return self.model.extract_feat(img)

    def encode_decode(self, img: Tensor, img_metas: list[dict] | None = None) -> Tensor:
        return self.model.encode_decode(img, img_metas)

    def forward(self, img: Tensor) -> Tensor:
        return self.model(img)

    def inference(self, img: Tensor, img_meta: dict, rescale: bool) -> Tensor:
        return self.model.inference(img, img_meta, rescale)

    def simple_test(self, img: Tensor, img_meta: dict, rescale: bool = True) -> Tensor:
        return self.model.simple_test(img, img_meta, rescale)

    def aug_test(self, imgs: list[Tensor], img_metas: list, rescale: bool = True) -> Tensor:
        return self.model.aug_test(imgs, img_metas, rescale)

    def train_step(self, data: dict[str, Any], optim_wrapper: 'OptimWrapper') -> dict[str, Tensor]:
        """One iteration: what follows the student moves and labels the target, the student descends every term.

        Args:
            data: a batch of the loader; what it has to hold, :meth:`make_batch` says.
            optim_wrapper: of the student's parameters.

        Returns:
            Detached scalars by log name, ``loss`` being the total.
        """
        self.settle(data, getattr(optim_wrapper, 'dtype', torch.float32))
        self.forget_gradients(optim_wrapper)
        with torch.no_grad():  # outside of the context, in which layers may hold copies of their weights
            self.update_teacher()  # phi
            for term in self.terms():
                term.before_step(self)
        with torch.no_grad(), optim_wrapper.optim_context(self):
            batch = self.make_batch(data)
            if batch.pseudo is not None:
                weight = batch.pseudo.weight.sum()
                self.pseudo_weight_sum = weight if self.pseudo_weight_sum is None else self.pseudo_weight_sum + weight
            for term in self.terms():
                term.prepare(self, batch)
        logged = self.descend(self.objective(batch), optim_wrapper)
        self.finish_step(batch)
        return logged

    def update_teacher(self) -> None:
        """Move what follows the student; nothing does here."""

    def make_batch(self, data: dict[str, Any]) -> Batch:
        """Everything the loss terms learn from."""
        raise NotImplementedError

    def loss_terms(self, batch: Batch) -> Iterator[Term]:
        """The method's own terms of the objective, each with a graph that is descended before the next is built.

        A term is a prefix of its log names and its losses; those that share a graph belong into one term.
        """
        raise NotImplementedError

    def trusted(self, pseudo: PseudoLabel, data: Mapping[str, Any]) -> PseudoLabel:
        """``pseudo``, of whatever teacher, with weight 0 where the target images of ``data`` show nothing to learn."""
        return trusted(pseudo, data.get(f'target_{VALID_PSEUDO_MASK}'))

    def objective(self, batch: Batch) -> Iterator[Term]:
        """The method's terms and the further ones; those whose graphs have to live together are one."""
        sharing = [term for term in self.terms() if term.shares_graphs]
        own = chain(self.loss_terms(batch), *(term.loss_terms(self, batch) for term in sharing))
        yield from joined(own) if self.fuses() or self.couples_domains or sharing else own
        for term in self.terms():
            if term not in sharing:
                yield from term.loss_terms(self, batch)

    def forget_gradients(self, optim_wrapper: 'OptimWrapper') -> None:
        """Drop the gradients of the last move, before anything of the step is computed.

        They may be results of a replayed CUDA graph, whose memory the step's first graph takes over.
        """
        if self.starts_accumulation():
            optim_wrapper.zero_grad()

    def descend(self, terms: Iterator[Term], optim_wrapper: 'OptimWrapper') -> dict[str, Tensor]:
        """Go back through every term, and move the student where an accumulation is complete.

        Forward and losses of a term run in the optimizer wrapper's context (autocast), the way back does not.
        """
        total: Tensor | None = None
        logged: dict[str, Tensor] = {}
        for prefix, losses in within(lambda: optim_wrapper.optim_context(self), terms):
            loss, values = self.model.parse_losses(losses)
            optim_wrapper.backward(loss / self.accumulate)
            total = loss.detach() if total is None else total + loss.detach()
            logged |= add_prefix(values, prefix)
        assert total is not None
        if self.ends_accumulation():
            optim_wrapper.step()
        return {'loss': total, **logged}

    def fuses(self) -> bool:
        """Whether source and mixed images go through the encoder together."""
        return self.fuse_forward is True

    def settle(self, data: Mapping[str, Any], dtype: torch.dtype = torch.float32) -> dict[str, bool]:
        """Decide what was left to be decided, before the first step.

        Args:
            data: the first batch.
            dtype: what the networks compute in.

        Returns:
            The settings that depend on the machine, by their names in the config; attributes of the same names.
        """
        if self.fuse_forward == 'auto':
            img = data['img' if self.needs_source else 'target_img']
            self.fuse_forward = fusion_pays(self.model, img.shape, dtype)
        return {'fuse_forward': self.fuse_forward}

    def starts_accumulation(self) -> bool:
        return self.steps % self.accumulate == 0

    def ends_accumulation(self) -> bool:
        """Whether the student moves at the end of this step; the optimizer wrapper asks, too."""
        return (self.steps + 1) % self.accumulate == 0

    def finish_step(self, batch: Batch) -> None:
        """Keep the batch for figures, if it is time, and count the step."""
        due = self.steps % self.debug_img_interval == 0
        self.last_step = batch.record(self.pictures(batch)) if due else None
        self.steps += 1
        self.iteration.fill_(self.steps)

    def pictures(self, batch: Batch) -> dict[str, Tensor]:
        """What the debug figure shows of further images, and of what the segmentor itself finds worth a look."""
        shown: dict[str, Tensor] = {}
        for name, part in batch.parts.items():
            shown |= {f'{name} image': part.img, f'{name} label': part.label}
            if part.weight is not None:
                shown[f'{name} weight (white: 1)'] = part.weight
            if part.logits is not None:
                shown[f'{name} prediction'] = self.model.prediction(part.logits).detach().argmax(1, keepdim=True)
        for name, part in batch.everything().items():
            if part.logits is not None:
                own = self.model.pictures(part.features, part.logits)
                shown |= {f'{name} {title}': value.detach() for title, value in own.items()}
        return shown

    def student_features(self, batch: Batch, part: Labelled) -> Any:
        """The student's features of ``part`` of the batch, computed when first asked for.

        ``part`` may be any images of the step. Source and mixed ones are computed together where that is asked for.
        """
        if part.features is None:
            pair = [] if batch.mixed is None or batch.labelled is None else [batch.labelled, batch.mixed]
            if self.fuses() and any(part is member for member in pair):
                features = self.model.extract_feat(torch.cat([p.img for p in pair]))
                for p, own in zip(pair, features.split([len(p.img) for p in pair]), strict=True):
                    p.features = own
            else:
                part.view = self.draw_view(batch, part)
                part.features = self.model.extract_feat(part.img, part.view)
        return part.features

    def draw_view(self, batch: Batch, part: Labelled) -> Any:
        """What of ``part`` the student looks at; None for a segmentor that looks at all of it.

        A view that whoever made ``part`` has given stays.
        """
        if part.view is not None:
            return part.view
        if not self.model.draws_views:
            return None
        if batch.generator is None:
            batch.generator = step_generator()
        return self.model.draw_view(part.img.shape, batch.generator)

    def student_embedding(self, batch: Batch, part: Labelled) -> dict[str, Any]:
        """What the classifier of each of the student's heads gets of ``part``, by prefix; computed once."""
        if part.embedded is None:
            part.embedded = self.model.embed(self.student_features(batch, part))
        return part.embedded

    def student_logits(self, batch: Batch, part: Labelled) -> dict[str, Any]:
        """What each of the student's heads predicts of ``part``, by prefix; computed once.

        ``self.model.prediction(...)`` of it is the student's prediction, (B, classes, h, w).
        """
        if part.logits is None:
            part.logits = self.model.logits_of(self.student_embedding(batch, part))
        return part.logits

    def segmentation_losses(self, batch: Batch, part: Labelled) -> dict[str, Tensor]:
        """The student's (weighted) cross entropy on ``part`` of the batch, and its accuracy."""
        weight = None if part.weight is None else part.weight.squeeze(1)
        return self.model.losses_of(self.student_logits(batch, part), part.label, weight)

    def missing_iteration(self, state: dict[str, Tensor], prefix: str) -> int:
        """The number of steps to go on from after loading a ``state`` that does not say it."""
        return self.steps

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        key = f'{prefix}iteration'
        if key not in state_dict:
            state_dict[key] = torch.tensor(self.missing_iteration(state_dict, prefix))
        super()._load_from_state_dict(state_dict, prefix, *args)
        self.steps = int(state_dict[key])


def require(condition: bool, key: str, value: object, valid: str) -> None:
    """Refuse a setting.

    Raises:
        InputError: naming the ``key`` of the config, its value and what is ``valid``.
    """
    if not condition:
        raise InputError(f'{key} is {value!r}: it must be {valid}.')


def within(context: Callable[[], AbstractContextManager], items: Iterator[T]) -> Iterator[T]:
    """The items, each computed in a fresh context; what the caller does with it is outside."""
    end = object()
    while True:
        with context():
            item: Any = next(items, end)
        if item is end:
            return
        yield item


def joined(terms: Iterator[Term]) -> Iterator[Term]:
    """One term of all: their graphs live together and are descended at once."""
    yield '', {name: value for prefix, losses in terms for name, value in add_prefix(losses, prefix).items()}


def add_prefix(values: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """``mix`` makes ``mix.decode.loss_seg`` of ``decode.loss_seg``; an empty prefix changes nothing."""
    return {f'{prefix}.{name}' if prefix else name: value for name, value in values.items()}


def refuse_unweighable(segmentor: Any) -> None:
    """Refuse losses that cannot weigh pixels by how sure the teacher is of them.

    Raises:
        InputError: names the loss and its head.
    """
    for name, head in segmentor.heads().items() if hasattr(segmentor, 'heads') else ():
        for module in head.modules():
            if getattr(module, 'takes_pixel_weights', True) is False:
                raise InputError(
                    f'{type(module).__name__} of the {name} head cannot weigh pixels by the quality of their '
                    'pseudo-label, as this method does: take CrossEntropyLoss, DiceLoss or FocalLoss.'
                )
