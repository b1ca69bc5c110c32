"""Make a file to publish out of a checkpoint: one network's weights, the classes and colours, and nothing else.

The optimizer, the other networks of an adaptation, and paths and names of the machine are left out; the first 8 digits
of its SHA-256 are put into its name. It loads without trust in its origin.

python -m tools.publish_model work_dirs/RUN/latest.pth daformer_gta2cs.pth    -> daformer_gta2cs-0a1b2c3d.pth
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == '__main__':  # as a plain script: tools/ is on the path instead of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import torch

from mmseg import __version__
from mmseg.engine.checkpoint_io import save_atomically
from mmseg.errors import InputError, command
from mmseg.models.download import sha256_of
from mmseg.models.left_out import KEY as LEFT_OUT
from mmseg.models.weights import load_checkpoint, meta_of, refuse_not_finite, state_of, student_of, teacher_of


@command
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    print(publish(args.checkpoint, args.out, weights=args.weights, trust=args.trust))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='checkpoint of a segmentor or of a UDA run')
    parser.add_argument('out', type=Path, help='file to write; the checksum is added to its name')
    parser.add_argument('--weights', choices=['student', 'teacher'], default='student', help='network of a UDA run')
    parser.add_argument('--trust', action='store_true', help='read a file that can run code: you know its origin')
    return parser.parse_args(argv)


def publish(checkpoint: str | Path, out: Path, *, weights: str = 'student', trust: bool = False) -> Path:
    """Write the network in ``checkpoint`` to ``<out>-<checksum>.pth``; returns that path.

    Raises:
        InputError: ``checkpoint`` cannot be read, or holds no whole network.
    """
    if out.is_dir():
        raise InputError(f'{out} is a folder; give the name of the file to write.')
    content = load_checkpoint(checkpoint, trust=trust)
    state = state_of(content, source=str(checkpoint))
    state = student_of(state) if weights == 'student' else teacher_of(state)
    if not any(key.startswith('decode_head.') for key in state):
        raise InputError(f'{checkpoint} holds no segmentation network (no entry decode_head.*).')
    refuse_not_finite(state, str(checkpoint))
    meta = meta_of(content, str(checkpoint))
    # own memory: a slice of a larger tensor would take that along
    state = {key: value.detach().clone(memory_format=torch.contiguous_format) for key, value in state.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    whole = out.with_name(f'.{out.name}.unnamed.pth')
    try:
        save_atomically({'meta': public_meta(meta), 'state_dict': state}, whole)
        stem = re.sub(r'-[0-9a-f]{8}$', '', out.stem)
        path = out.with_name(f'{stem}-{sha256_of(whole)[:8]}.pth')
        whole.replace(path)
    finally:
        whole.unlink(missing_ok=True)
    return path


def public_meta(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a user of the weights needs: classes and colours in plain types, iterations, the version that wrote it."""
    public: dict[str, Any] = {'mmseg_version': __version__}
    if meta.get('CLASSES'):
        public['CLASSES'] = [str(name) for name in meta['CLASSES']]
    if meta.get('PALETTE') is not None:
        public['PALETTE'] = [[int(value) for value in colour] for colour in meta['PALETTE']]
    if isinstance(meta.get('iter'), int):
        public['iter'] = int(meta['iter'])
    if meta.get(LEFT_OUT) is not None:
        public[LEFT_OUT] = meta[LEFT_OUT]
    return public


if __name__ == '__main__':
    sys.exit(main())
