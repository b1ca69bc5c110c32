"""Weights loaded strictly: every name, shape and kind agrees, or nothing is loaded."""

import fnmatch
from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.models.finite import is_plain
from mmseg.models.weights.read_marks import mark_read
from mmseg.models.weights.state import abbreviated


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
    given = {key: value for key, value in state.items() if key in wanted or not matches(key, ignored)}
    missing = [key for key in wanted if key not in given and not matches(key, may_be_missing)]
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
        listed = [f'  {len(keys)} {kind}: {abbreviated(keys)}' for kind, keys in problems.items() if keys]
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


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of ``patterns``, or begins with one: a part of the network, or a pattern of ``fnmatch``."""
    return any(fnmatch.fnmatchcase(key, pattern) or fnmatch.fnmatchcase(key, f'{pattern}.*') for pattern in patterns)


def _shape(value: Tensor) -> str:
    return 'x'.join(map(str, value.shape)) or 'scalar'
