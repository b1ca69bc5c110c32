"""Print a config as a run would see it: bases merged, overrides applied, old spellings translated, defaults filled.

Usage:
    python -m tools.print_config configs/daformer/NAME.py --cfg-options runner.max_iters=2 uda.alpha=0.99
"""

import argparse

from mmseg.config.load import load_config, parse_cfg_options
from mmseg.errors import command


@command
def main(argv: list[str] | None = None) -> None:
    """Command line: CONFIG [--cfg-options KEY=VALUE ...] [--purpose train|test]."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='a .py or .json config')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE', help='overrides by dotted key')
    parser.add_argument('--purpose', choices=('train', 'test'), default='train', help='what is checked')
    args = parser.parse_args(argv)
    cfg = load_config(args.config, parse_cfg_options(args.cfg_options), purpose=args.purpose)
    print(cfg.pretty_text)


if __name__ == '__main__':
    raise SystemExit(main())
