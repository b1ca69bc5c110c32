"""Weights from files: find the file, read it safely, select the network in it, load it strictly."""

import fnmatch
import logging
import pickle  # nosec B403
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmseg.config.values import fits, in_words, shown
from mmseg.errors import InputError
from mmseg.models.download import Source, fetch
from mmseg.models.file_kind import seems_to_be
from mmseg.models.finite import is_plain, not_finite
from mmseg.models.foreign_networks import in_our_names, refuse_known_strangers, without_other_classifier
from mmseg.models.input_bands import MEAN, WAYS, for_other_bands
from mmseg.models.left_out import KEY as LEFT_OUT
from mmseg.models.left_out import completed, concerns_student
from mmseg.models.read_weights import mark_read
from mmseg.models.weight_files import PRETRAINED_DIR, name_of_file, remote_sources
from mmseg.models.whole_file import damage_of
from mmseg.places import home_expanded

State = dict[str, Tensor]
LISTED = 8
#: what is used of the meta information of a checkpoint
META: dict[str, Any] = {'CLASSES': Sequence[str] | None, 'PALETTE': Sequence[tuple[int, int, int]] | None}
#: numpy 2 renamed the module; files written with numpy 1 still name the old one
MULTIARRAY_NAMES = ('numpy.core.multiarray', 'numpy._core.multiarray')


class Pretrained(NamedTuple):
    """A file of weights (None for none), and the part of the names in it to take: those that begin with ``prefix``.

    ``bands``: how the first layer of a file for three bands becomes one for others: :mod:`mmseg.models.input_bands`.
    """

    path: str | None
    prefix: str = ''
    bands: str = MEAN


def pretrained_of(pretrained: str | None, init_cfg: Mapping | None, *, owner: str) -> Pretrained:
    """The pretrained file a config names, in either of its two spellings.

    Raises:
        InputError: both spellings at once, or an ``init_cfg`` of another kind.
    """
    if init_cfg is None:
        return Pretrained(pretrained)
    if pretrained is not None:
        raise InputError(f'{owner}: give either pretrained or init_cfg, not both.')
    if init_cfg.get('type') != 'Pretrained' or set(init_cfg) - {'prefix', 'bands'} != {'type', 'checkpoint'}:
        raise InputError(
            f"{owner}: init_cfg must be dict(type='Pretrained', checkpoint=FILE), with a prefix='backbone.' if only a "
            f'part of the file is meant, got {dict(init_cfg)}'
        )
    bands = init_cfg.get('bands', MEAN)
    if bands not in WAYS:
        raise InputError(f'{owner}: bands of init_cfg is one of {", ".join(map(repr, WAYS))}, not {bands!r}.')
    return Pretrained(init_cfg['checkpoint'], init_cfg.get('prefix') or '', bands)


def find(path_or_url: str | Path) -> Path:
    """The local file for a path, for a file name in ``pretrained/``, or for a URL (downloaded once and kept).

    ``open-mmlab://NAME`` is a URL too. One whose file name ends in ``-<8 or more hex digits>`` is checked against
    that SHA-256 prefix.

    Raises:
        InputError: there is no such file, or it cannot be downloaded.
    """
    sources = remote_sources(str(path_or_url))
    if sources:
        return _downloaded(sources)
    path = home_expanded(path_or_url)
    for candidate in (path, PRETRAINED_DIR / path.name):
        if candidate.is_file():
            return candidate
    raise InputError(f'Weights not found: {path.absolute()}')


def _downloaded(sources: Sequence[Source]) -> Path:
    file = sources[0].file
    path = Path(torch.hub.get_dir()) / 'checkpoints' / file
    for candidate in (PRETRAINED_DIR / file, path):
        if candidate.is_file():
            return candidate
    fetch(sources, path)
    return path


def _harmless_classes() -> list[Any]:
    """Constructors of plain numpy values: what training frameworks leave beside the weights."""
    multiarray = np._core.multiarray  # type: ignore[attr-defined]
    dtypes = {type(np.dtype(kind)) for kind in (np.float16, np.float32, np.float64, np.int32, np.int64, np.uint8, bool)}
    functions = [(multiarray.scalar, 'scalar'), (multiarray._reconstruct, '_reconstruct')]
    return [
        np.dtype,
        np.ndarray,
        *dtypes,
        *((function, f'{module}.{name}') for function, name in functions for module in MULTIARRAY_NAMES),
    ]


def load_checkpoint(path: str | Path, *, trust: bool = False) -> dict[str, Any]:
    """All that a checkpoint file holds, on the CPU: weights, and meta information where there is any.

    Args:
        path: what :func:`find` understands.
        trust: also read files that need Python's pickle, which can run any code hidden in them.

    Raises:
        InputError: no such file, not a checkpoint, damaged, or in need of ``trust``.
    """
    file = find(path)
    damage = damage_of(file)
    if damage is not None:
        raise InputError(f'{file} is not a checkpoint, or is damaged: {damage}. Get it again, or take another.')
    try:
        content = _read_safetensors(file) if file.suffix == '.safetensors' else _read(file, trust=trust)
    except InputError:
        raise
    except Exception as error:  # a damaged file can fail anywhere in the reader
        told = f'{_first_sentence(error)}; {seems_to_be(file)}'
        raise InputError(f'{file} is not a checkpoint, or is damaged: {told}.') from error
    if not isinstance(content, Mapping):
        raise InputError(f'{file} holds a {type(content).__name__} where a dict of weights is expected.')
    return dict(content)


def _read(file: Path, *, trust: bool) -> Any:
    try:
        with torch.serialization.safe_globals(_harmless_classes()):
            # with --trust alone it can run code, which is what the option says
            return torch.load(file, map_location='cpu', weights_only=not trust)  # nosec B614
    except pickle.UnpicklingError as error:
        refused = re.search(r'(?:GLOBAL|class) ([\w.]+)', str(error))
        if refused is None:
            raise
        raise InputError(
            f'{file} holds Python objects ({refused[1]}), and reading those can run any code. '
            'If you trust its origin, give --trust.'
        ) from error


def _read_safetensors(file: Path) -> State:
    from safetensors.torch import load_file  # noqa: PLC0415 (only such files need it)

    return load_file(file)


def _first_sentence(error: Exception) -> str:
    return re.split(r'\.\s|\n', str(error).strip(), maxsplit=1)[0] or 'the file ends too early'


def load_state(path: str | Path, *, trust: bool = False) -> State:
    """The weights in a checkpoint file by name, without the wrappings that training frameworks put around them.

    Raises:
        InputError: as :func:`load_checkpoint`, or there are no weights in it.
    """
    return state_of(load_checkpoint(path, trust=trust), source=str(path))


def state_of(content: Mapping[str, Any], *, source: str) -> State:
    """The weights in what a checkpoint file holds; see :func:`load_state`."""
    refuse_known_strangers(content, source=source)
    for wrapping in ('state_dict', 'model', 'module', 'state'):
        if isinstance(content.get(wrapping), Mapping):
            content = content[wrapping]
            break
    foreign = [key for key in content if not isinstance(key, str)]
    if foreign:
        raise InputError(f'{source} holds no weights by name: {shown(foreign[0])} is no name.')
    # what a data-parallel wrapper puts in front
    content = {key.removeprefix('module.'): value for key, value in content.items()}
    state = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    if not state:
        raise InputError(f'There are no weights in {source}; it holds {", ".join(content) or "nothing"}.')
    odd = [key for key, value in state.items() if not is_plain(value)]
    if odd:
        raise InputError(
            f'{source} holds weights without plain values (sparse, quantised, complex or none at all): '
            f'{_abbreviate(odd)}. Save them as ordinary tensors.'
        )
    return state


def part_of(content: Mapping[str, Any], prefix: str, *, source: str) -> State:
    """The weights whose names begin with ``prefix``; a dict within the file counts as a part of the names.

    Raises:
        InputError: there are none; the message lists how names begin.
    """
    first, dot, rest = prefix.partition('.')
    if dot and isinstance(content.get(first), Mapping):
        return part_of(content[first], rest, source=source) if rest else state_of(content[first], source=source)
    state = state_of(content, source=source)
    chosen = without_prefix(state, prefix if prefix.endswith('.') else f'{prefix}.')
    if not chosen:
        begins = sorted({key.partition('.')[0] for key in state})
        raise InputError(
            f'{source} has no weights whose names begin with {prefix!r}; they begin with {_abbreviate(begins)}.'
        )
    return chosen


def without_prefix(state: State, prefix: str) -> State:
    """The entries whose name begins with ``prefix``, under the rest of their name."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def student_of(state: State) -> State:
    """The student (``model.*``) of an adaptation checkpoint; a plain network's checkpoint is its own student."""
    return without_prefix(state, 'model.') or state


def teacher_of(state: State) -> State:
    """The teacher (``ema_model.*``) of an adaptation checkpoint.

    Raises:
        InputError: there is none in it.
    """
    teacher = without_prefix(state, 'ema_model.')
    if not teacher:
        raise InputError('This checkpoint has no teacher (no entry ema_model.*); use the student.')
    return teacher


def backbone_of(state: State) -> State:
    """The backbone's part (``backbone.*``, of the student) of a whole network's weights; others are all of it.

    A network from elsewhere may hold a part called ``model`` beside others (DINOv3 in transformers).
    """
    inside = all(key.startswith('model.') for key in state)
    return without_prefix(student_of(state), 'backbone.') or (student_of(state) if inside else state)


def load_network(
    segmentor: nn.Module,
    path: str | Path,
    *,
    which: Literal['student', 'teacher'] = 'student',
    trust: bool = False,
    other_classes: bool = False,
    before_tuning: bool = False,
    plain_too: bool = False,
    load_from: str | Path | None = None,
) -> dict[str, Any]:
    """Load a whole network from a plain or an adaptation checkpoint; returns the checkpoint's ``meta`` ({} if none).

    A network of OpenMMLab is read too. A checkpoint that holds only what learned is completed: ``segmentor`` is given
    what its run started from first, its pretrained weights or those of ``load_from``.

    ``other_classes``: one for another number of classes leaves the classifiers as they are. ``before_tuning``: one from
    before an encoder was tuned lets what was added to it start anew, from these weights. ``plain_too``: where there is
    one network alone in the file, that is the one.

    Raises:
        InputError: unreadable, no such network in it, or it does not fit ``segmentor`` or holds no numbers.
    """
    content = load_checkpoint(path, trust=trust)
    state = state_of(content, source=str(path))
    alone = plain_too and not without_prefix(state, 'model.')
    selected = student_of(state) if which == 'student' or alone else teacher_of(state)
    selected = in_our_names(segmentor, selected, source=str(path))
    left_out: list[str] = []
    if other_classes:
        selected, left_out = without_other_classifier(segmentor, selected, source=str(path))
    added = _added_to(segmentor, selected) if before_tuning else []
    note = _left_out_of(content)
    if concerns_student(note):
        if load_from:
            load_network(segmentor, load_from, other_classes=True, before_tuning=True)
        else:
            segmentor.init_weights()  # type: ignore[operator]
        selected = completed(segmentor, selected, note, source=str(path))
    load_strict(segmentor, selected, may_be_missing=[*left_out, *added], source=str(path))
    refuse_not_finite(selected, str(path))
    if added:
        segmentor.tuning.start()  # type: ignore[union-attr, operator]
    return meta_of(content, str(path))


def refuse_not_finite(state: State, source: str) -> None:
    """Refuse weights that are no numbers.

    Raises:
        InputError: names the first.
    """
    bad = not_finite(state.items())
    if bad:
        raise InputError(
            f'{source} holds weights that are no numbers (first {bad[0]}, {len(bad)} in all): take another.'
        )


def _left_out_of(content: Mapping[str, Any]) -> Any:
    """What the checkpoint says of weights that it leaves out; None for one that holds all."""
    meta = content.get('meta')
    return meta.get(LEFT_OUT) if isinstance(meta, Mapping) else None


def _added_to(segmentor: nn.Module, state: State) -> list[str]:
    """Patterns of what was added to the encoder of ``segmentor``, if ``state`` has none of it."""
    added = [f'backbone.{pattern}' for pattern in getattr(getattr(segmentor, 'tuning', None), 'added', ())]
    return [] if any(_matches(key, added) for key in state) else added


def meta_of(content: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The meta information in a checkpoint; {} if there is none.

    Raises:
        InputError: what is used of it is of another form.
    """
    meta = content.get('meta')
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    for key, hint in META.items():
        if isinstance(meta.get(key), np.ndarray):
            meta[key] = meta[key].tolist()
        if not fits(meta.get(key), hint):
            raise InputError(f'{source}: meta.{key} has to be {in_words(hint)}, not {shown(meta[key])}.')
    return meta


def load_pretrained(
    backbone: nn.Module,
    path: str,
    *,
    convert: Callable[[State], State] = dict,
    may_be_missing: Iterable[str] = (),
    ignored: Iterable[str] = (),
    prefix: str = '',
    bands: str = MEAN,
) -> None:
    """Load a backbone from its own file, or from the ``backbone.*`` part of a whole network's checkpoint.

    Args:
        backbone: what to load.
        path: what :func:`find` understands.
        convert: translates known foreign names and shapes.
        may_be_missing: entries that the file need not have, see :func:`load_strict`.
        ignored: entries of the file that are passed over, see :func:`load_strict`.
        prefix: only entries whose names begin with it are meant, under the rest of their names.
        bands: how a file for images of three bands serves a backbone for others, 'mean' or 'repeat'.

    Raises:
        InputError: the file is missing (the message says what to do), unreadable, does not fit or holds no numbers.
    """
    try:
        file = find(path)
    except InputError as error:
        raise InputError(f'{type(backbone).__name__}: {error}\n{_where_to_get(path)}') from error
    state = part_of(load_checkpoint(file), prefix, source=str(file)) if prefix else backbone_of(load_state(file))
    try:
        converted = convert(state)
    except InputError:
        raise
    except Exception as error:  # a converter counts on what the files of its layout hold
        raise InputError(f'{file} does not fit {type(backbone).__name__}: {type(error).__name__}: {error}') from error
    foreign = [key for key in converted if key not in state]
    if foreign:
        print_log(
            f'{file} has the names of another project; {len(foreign)} were translated, the first to {foreign[0]}.',
            'current',
            logging.INFO,
        )
    converted = for_other_bands(backbone, converted, bands, source=str(file))
    load_strict(backbone, converted, may_be_missing=may_be_missing, ignored=ignored, source=str(file))
    loaded = {key: value for key, value in backbone.state_dict().items() if key in converted}
    refuse_not_finite(loaded, str(file))  # as the network holds them: a number of 64 bits may be none in 32


def _where_to_get(path: str) -> str:
    name = name_of_file(Path(path).name)
    get = f'Get it with: mmseg download {name}\n' if name else ''
    return f'{get}docs/weights.md says more; --from-scratch goes on without.'


def load_strict(
    module: nn.Module,
    state: Mapping[str, Tensor],
    *,
    may_be_missing: Iterable[str] = (),
    ignored: Iterable[str] = (),
    source: str = 'the checkpoint',
) -> None:
    """Load ``state`` into ``module``; names and shapes must agree.

    Args:
        module: what to load.
        state: weights by name.
        may_be_missing: names, or their leading parts (``norm1``), or patterns (``*.gamma_*``), whose entries keep
            their present value when ``state`` lacks them.
        ignored: the same, for entries of ``state`` that are passed over.
        source: where ``state`` comes from, for the message.

    Raises:
        InputError: entries missing, unexpected, of another shape or kind; all are listed. Nothing is loaded then.
    """
    wanted = module.state_dict()
    given = {key: value for key, value in state.items() if key in wanted or not _matches(key, ignored)}
    missing = [key for key in wanted if key not in given and not _matches(key, may_be_missing)]
    unexpected = [key for key in given if key not in wanted]
    misshapen = [
        f'{key} ({_shape(value)} in the file, {_shape(wanted[key])} in the network)'
        for key, value in given.items()
        if key in wanted and value.shape != wanted[key].shape
    ]
    other_kind = of_other_kind(wanted, given)
    if missing or unexpected or misshapen or other_kind:
        problems = {
            'missing': missing,
            'unexpected': unexpected,
            'of another shape': misshapen,
            'of another kind': other_kind,
        }
        listed = [f'  {len(keys)} {kind}: {_abbreviate(keys)}' for kind, keys in problems.items() if keys]
        known = getattr(module, 'strangers', {}).items()
        listed += [hint for place, hint in known if any(key.startswith(place) for key in unexpected)]
        raise InputError('\n'.join([f'{source} does not fit {type(module).__name__}:', *listed]))
    module.load_state_dict(given, strict=False)
    mark_read(module, given)


def of_other_kind(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """The entries of ``given`` that torch would copy into another kind of number, or cannot copy; with both kinds."""
    return [
        f'{key} ({value.dtype} in the file, {wanted[key].dtype} in the network)'
        for key, value in given.items()
        if key in wanted and (value.is_floating_point() != wanted[key].is_floating_point() or not is_plain(value))
    ]


def _matches(key: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(key, pattern) or fnmatch.fnmatchcase(key, f'{pattern}.*') for pattern in patterns)


def _shape(value: Tensor) -> str:
    return 'x'.join(map(str, value.shape)) or 'scalar'


def _abbreviate(names: list[str]) -> str:
    rest = len(names) - LISTED
    return ', '.join(names[:LISTED]) + (f', ... and {rest} more' if rest > 0 else '')
