"""Writing and reading exported files. Each carries what a program needs to know about it, as JSON."""

import importlib.util
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mmseg.errors import InputError
from mmseg.export import ONNX, PT2, TORCHSCRIPT
from mmseg.foreign_json import parse_json
from mmseg.writing import replacing

KEY = 'mmseg.json'
#: what the formats need besides torch: packages by their names of import
PACKAGES = {ONNX: ('onnx', 'onnxscript', 'onnxruntime')}

#: one image or several -> what the file computes
Runs = Callable[[Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Facts:
    """What an exported file says of itself.

    Attributes:
        classes: names of the classes.
        palette: their colours, RGB.
        processing: whether it takes RGB images (B, H, W, 3) uint8 and gives ids and probabilities; else it takes
            normalised images (B, bands, H, W) float32 and gives logits.
        scale: of images with processing.
        size: (height, width) of the images; None is any.
        align_corners: how logits are resized.
        norm: mean, std and order of what the network gets, of values 0..255.
        pipeline: the test pipeline of the config.
    """

    classes: list[str]
    palette: list[list[int]]
    processing: bool
    scale: float
    size: list[int] | None
    align_corners: bool
    norm: dict[str, Any]
    pipeline: list[dict[str, Any]]
    written_by: str


def require_packages(kind: str) -> None:
    """Make sure that what a format needs is installed.

    Raises:
        InputError: it is not, with the command that installs it.
    """
    missing = [name for name in PACKAGES.get(kind, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f'{kind} files need {", ".join(missing)}: python -m pip install {" ".join(PACKAGES[kind])}')


def write(network: nn.Module, example: Tensor, path: Path, facts: Facts) -> None:
    """Export ``network`` to ``path``, whose suffix says how.

    Args:
        network: of :func:`mmseg.export.network.exportable`.
        example: what it takes, several images.
        path: of the file.
        facts: written into it.

    Raises:
        InputError: the network has something that the format cannot say.
    """
    kind = path.suffix
    require_packages(kind)
    text = json.dumps(asdict(facts), default=str)
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter('ignore')  # the result is checked, and what the writers remark is for their developers
        try:
            WRITERS[kind](network, example, temporary, text, facts)
        except InputError:
            raise
        except Exception as error:  # whatever part of torch gives up: the network or the size is the reason
            remedy = 'With a fixed --size HEIGHT WIDTH it may work.' if facts.size is None else ''
            first = str(error).strip().splitlines()[:1]
            raise InputError(f'This network cannot be exported as {kind}: {"".join(first)[:300]}. {remedy}') from error


def _program(network: nn.Module, example: Tensor, facts: Facts) -> Any:
    auto = torch.export.Dim.AUTO
    sides = {} if facts.size else dict.fromkeys((1, 2) if facts.processing else (2, 3), auto)
    return torch.export.export(network, (example,), dynamic_shapes=({0: auto, **sides},))


def _write_onnx(network: nn.Module, example: Tensor, path: Path, text: str, facts: Facts) -> None:
    names = ['ids', 'probability'] if facts.processing else ['logits']
    program = torch.onnx.export(
        _program(network, example, facts), input_names=['image'], output_names=names, dynamo=True, verbose=False
    )
    assert program is not None
    program.model.metadata_props[KEY] = text
    program.save(path)


def _write_pt2(network: nn.Module, example: Tensor, path: Path, text: str, facts: Facts) -> None:
    with path.open('wb') as file:
        torch.export.save(_program(network, example, facts), file, extra_files={KEY: text})


def _write_torchscript(network: nn.Module, example: Tensor, path: Path, text: str, facts: Facts) -> None:
    torch.jit.save(torch.jit.trace(network, example, check_trace=False), str(path), _extra_files={KEY: text})


WRITERS = {ONNX: _write_onnx, PT2: _write_pt2, TORCHSCRIPT: _write_torchscript}


def read(path: Path, *, trust: bool = False) -> tuple[Runs, Facts]:
    """An exported file as a function of images on the CPU, and what it says of itself.

    Args:
        path: of the file.
        trust: read a ``.pt2`` or ``.ts``, which can run code: the reader knows its origin.

    Raises:
        InputError: it cannot be read, was not written by ``mmseg export``, or is not to be trusted.
    """
    kind = path.suffix
    if not path.is_file():
        raise InputError(f'{path} does not exist.')
    require_packages(kind)
    if kind != ONNX and not trust:
        raise InputError(
            f'{path}: a {kind} file can run code. If you know its origin: --trust. (.onnx files are data.)'
        )
    try:
        run, text = READERS[kind](path)
    except Exception as error:  # each library has errors of its own
        raise InputError(f'{path} cannot be read: {str(error).strip().splitlines()[0][:300]}') from error
    if not text:
        raise InputError(f'{path} was not written by mmseg export: it does not say what its classes are.')
    return run, _facts(text, path)


def _facts(text: str, path: Path) -> Facts:
    try:
        return Facts(**parse_json(text))
    except (TypeError, json.JSONDecodeError) as error:
        raise InputError(f'{path} was written by another version of mmseg export: {error}.') from error


def _read_onnx(path: Path) -> tuple[Runs, str]:
    import onnxruntime  # noqa: PLC0415 (an extra)

    session = onnxruntime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name

    def run(image: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.from_numpy(found) for found in session.run(None, {name: image.numpy()}))

    return run, session.get_modelmeta().custom_metadata_map.get(KEY, '')


def _read_pt2(path: Path) -> tuple[Runs, str]:
    extra = {KEY: ''}
    module = torch.export.load(path, extra_files=extra).module()
    return _of_module(module), extra[KEY]


def _read_torchscript(path: Path) -> tuple[Runs, str]:
    extra = {KEY: ''}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', FutureWarning)  # that this format has a successor is for who exports to know
        module = torch.jit.load(str(path), map_location='cpu', _extra_files=extra)
    text = extra[KEY]
    return _of_module(module), text.decode() if isinstance(text, bytes) else text


READERS = {ONNX: _read_onnx, PT2: _read_pt2, TORCHSCRIPT: _read_torchscript}


def _of_module(module: Callable[[Tensor], Tensor | Sequence[Tensor]]) -> Runs:
    def run(image: Tensor) -> tuple[Tensor, ...]:
        with torch.no_grad():
            found = module(image)
        return (found,) if isinstance(found, Tensor) else tuple(found)

    return run
