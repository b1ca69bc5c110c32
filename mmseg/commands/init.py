"""Look at your own images and labels, and write a first config for them.

mmseg init --source IMAGES LABELS --target IMAGES --val IMAGES LABELS --out configs/my/

The source has labels, the target needs none. Without --val nothing is measured; without --target the source is
trained on alone. Says what was guessed and what to check, then checks every file.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmseg.errors import InputError, command
from mmseg.places import check_file
from mmseg.writing import write_text

if TYPE_CHECKING:
    from mmseg.datasets.files import Suffixes
    from mmseg.own_data.config_text import Domain, Plan

PRETRAINED = Path('pretrained/mit_b0.pth')


@command
def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    # Here, so that --help needs neither torch nor a second.
    from mmseg.commands.check import check_config  # noqa: PLC0415
    from mmseg.own_data.config_text import config_text  # noqa: PLC0415

    file = args.out if args.out.suffix == '.py' else args.out / ('uda.py' if args.target else 'supervised.py')
    if file.exists() and not args.force:
        raise InputError(f'{file} exists already: name another --out, or give --force to replace it.')
    check_file(file)
    plan = make_plan(args)
    write_text(file, config_text(plan, file))
    tell(plan, file)
    return check_config(str(file), ['train', 'val'])


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    pair = ('IMAGES', 'LABELS')
    parser.add_argument('--source', nargs=2, type=Path, metavar=pair, required=True, help='labelled images')
    parser.add_argument('--target', type=Path, metavar='IMAGES', help='images without labels of the other domain')
    parser.add_argument('--val', nargs=2, type=Path, metavar=pair, help='labelled images of the target, to measure on')
    parser.add_argument('--out', type=Path, required=True, help='folder of the config, or its file (.py)')
    parser.add_argument(
        '--classes', type=Path, metavar='FILE', help='names (and colours) of the classes: txt, csv, json'
    )
    parser.add_argument(
        '--label-suffix', default='', metavar='END', help='take label files that end so, where an image has several'
    )
    parser.add_argument('--force', action='store_true', help='replace a config that is there')
    return parser.parse_args(argv)


def make_plan(args: argparse.Namespace) -> 'Plan':
    """Everything the config says, measured or guessed.

    Raises:
        InputError: files are missing, do not pair, or cannot be used.
    """
    from mmseg.datasets.class_list import read_classes  # noqa: PLC0415
    from mmseg.datasets.files import label_name  # noqa: PLC0415
    from mmseg.own_data.config_text import Plan  # noqa: PLC0415
    from mmseg.own_data.guess import guess_classes, guess_geometry  # noqa: PLC0415
    from mmseg.own_data.look import PICTURES, kind_of, look_at_images, look_at_labels  # noqa: PLC0415
    from mmseg.own_data.naming import image_files  # noqa: PLC0415

    progress = sys.stderr.isatty()
    given = read_classes(args.classes) if args.classes else None
    source = domain_of(args.source[0], args.source[1], args.label_suffix)
    target = images_alone(args.target, source.naming.suffixes) if args.target else None
    val = domain_of(args.val[0], args.val[1], args.label_suffix) if args.val else None
    domains = [domain for domain in (source, target, val) if domain is not None]
    facts = [look_at_images(domain.images, domain.naming.names, progress=progress) for domain in domains]
    kinds = {(fact.bands, fact.dtype) for fact in facts}
    if kinds == PICTURES:  # grey and in colours: all are read in colours
        facts = [look_at_images(one.images, one.naming.names, in_colours=True, progress=progress) for one in domains]
    elif len(kinds) > 1:
        told = ', '.join(kind_of(bands, dtype) for bands, dtype in sorted(kinds))
        raise InputError(f'The domains have images of different kinds ({told}): convert them to one.')
    files = {name.lower(): name for name in image_files(args.source[1], 'Label')}  # a suffix may be in another case
    wanted = [files[label_name(name, source.naming.suffixes).lower()] for name in source.naming.names]
    labels = look_at_labels(args.source[1], wanted, progress=progress)
    pretrained = str(PRETRAINED) if PRETRAINED.is_file() and facts[0].is_photo else None
    return Plan(source, target, val, guess_classes(labels, given), guess_geometry(facts), facts[0], pretrained)


def images_alone(images: Path, like: 'Suffixes') -> 'Domain':
    """The images of a domain without labels; label maps among them that are called as ``like`` are none.

    Raises:
        InputError: there are none.
    """
    from mmseg.own_data.config_text import Domain  # noqa: PLC0415
    from mmseg.own_data.naming import image_files, suffix_naming  # noqa: PLC0415

    return Domain(images, None, suffix_naming(image_files(images), like))


def domain_of(images: Path, labels: Path, label_suffix: str) -> 'Domain':
    """The files of a domain and how their names go; of the labels those that end in ``label_suffix``.

    Raises:
        InputError: there are none, or they do not pair.
    """
    from mmseg.own_data.config_text import Domain  # noqa: PLC0415
    from mmseg.own_data.naming import image_files, paired_naming  # noqa: PLC0415

    names = image_files(images)
    files = image_files(labels, 'Label')
    chosen = [name for name in files if name.lower().endswith(label_suffix.lower())]
    if not chosen:
        raise InputError(f'--label-suffix {label_suffix}: no file in {labels} ends so; the first is {files[0]}.')
    return Domain(images, labels, paired_naming(names, chosen, where=(images, labels)))


def tell(plan: 'Plan', file: Path) -> None:
    """Say what was found and what was guessed."""
    from mmseg.own_data.look import kind_of  # noqa: PLC0415
    from mmseg.own_data.naming import twin_ends  # noqa: PLC0415

    for title, domain in (('source', plan.source), ('target', plan.target), ('val', plan.val)):
        if domain is None:
            continue
        naming = domain.naming
        labels = f', labels *{naming.suffixes.seg_map}' if domain.labels else ''
        print(f'{title}: {len(naming.names)} images *{", *".join(naming.suffixes.img)}{labels} in {domain.images}')
        for suffix, count in naming.others.items():
            print(f'  {count} that end in {suffix or "no suffix"} are left out')
        if domain.labels is None and (ends := twin_ends(naming.names)):
            print(
                f'  check: half of these images end in {ends[1]}, each beside one in {ends[0]}: if they are label '
                'maps, move them away, or name the images in a list (split)'
            )
        for ending, count in naming.other_labels.items():
            print(f'  check: {count} label files end in {ending} and are left out; --label-suffix {ending} takes them')
    facts = plan.facts
    print(f'images: {facts.size[0]}x{facts.size[1]}, {kind_of(facts.bands, facts.dtype)}')
    print(f'classes: {len(plan.classes.names)} ({", ".join(plan.classes.names)})')
    if plan.classes.ignored is not None:
        value, share = plan.classes.ignored
        print(f'ignored: label value {value} ({share:.1%} of the pixels)')
    for note in (*plan.classes.notes, *plan.geometry.notes):
        print(f'check: {note}')
    if plan.val is None:
        print('check: without --val nothing is measured during training; look at predictions (mmseg predict)')
    print(f'Config: {file}')
