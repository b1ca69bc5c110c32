"""A page on this machine to drop images on: what networks say of them, pixel by pixel.

    mmseg demo --web WORK_DIR
    mmseg demo --web CONFIG CHECKPOINT --compare source-only=OTHER_WORK_DIR --port 8000

Choose two of image, student, teacher and the networks that are compared, and move the border between them; hovering
says class and confidence. It is for this machine alone (--host opens it to others, who then may use it), needs no
network, and fetches and sends nothing. Ctrl-C ends it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmseg.commands.arguments import named_run
from mmseg.commands.networks import network_of
from mmseg.errors import InputError, command

PORT = 7860


@command
def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    if not args.megapixels > 0:
        raise InputError(f'--megapixels is a number above 0, not {args.megapixels:g}.')
    from mmseg.web.offered import Run, offered_of  # noqa: PLC0415 (--help needs no torch)
    from mmseg.web.server import Studio, is_loopback, served  # noqa: PLC0415

    runs = [Run(name_of(args.network), *network_of(args.network))]
    runs += [Run(name, *network_of([str(folder)])) for name, folder in args.compare]
    studio = Studio(offered_of(runs, device=args.device, trust=args.trust), most_megapixels=args.megapixels)
    with served(studio, args.host, args.port) as server:
        if not is_loopback(args.host):
            print('warning: every machine that reaches this address can use the page.', file=sys.stderr)
        host = f'[{args.host}]' if ':' in args.host else args.host
        print(f'http://{host}:{server.server_address[1]} (Ctrl-C ends it)', flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            studio.close()
    return 0


def name_of(network: Sequence[str]) -> str:
    """What a network is called: its folder, or its config."""
    path = Path(network[0])
    return path.stem if len(network) > 1 else path.resolve().name


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog='mmseg demo --web', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('network', nargs='+', metavar='WORK_DIR', help='a work directory, or CONFIG CHECKPOINT')
    parser.add_argument(
        '--compare', nargs='+', type=named_run, default=[], metavar='[NAME=]WORK_DIR', help='further runs to choose'
    )
    parser.add_argument('--port', type=int, default=PORT, help='default: %(default)s; 0: any free one')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default: %(default)s, this machine)')
    parser.add_argument('--megapixels', type=float, default=16, help='of an image at most (default: %(default)s)')
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; default: a GPU if there is one')
    parser.add_argument('--trust', action='store_true', help='files that can run code: you know their origin')
    return parser.parse_args(argv)
