"""Tables of experiments: each is a list of rows, each row one run.

    python experiments.py --list           # all tables
    python experiments.py --exp 1 --list   # the runs of one
    python experiments.py --exp 1          # train them; the same as: python run_experiments.py --exp 1

1 to 8 and 100 are the tables of the DAFormer paper (arXiv 2111.14887), the others train the configs that come with the
code. Every option is in ``--help`` and in docs/experiments.md.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from mmseg.config import paper
from mmseg.config.experiment import NOT_PUBLISHED, Architecture, ConfigRun, Domains, Method, PaperRun, Run
from mmseg.errors import InputError, nearest

SEEDS = (0, 1, 2)


def _paper(
    exp: str,
    architectures: Iterable[Architecture],
    methods: Sequence[Method],
    seeds: Sequence[int] = SEEDS,
    *,
    domains: Domains = paper.GTA,
) -> list[PaperRun]:
    """Every architecture with every method and seed, in this order."""
    return [
        PaperRun(
            exp=exp,
            architecture=network,
            method=method,
            domains=domains,
            seed=seed,
            published=paper.PUBLISHED.get((network.decoder, network.encoder, domains.name, method.name), NOT_PUBLISHED),
        )
        for network in architectures
        for method in methods
        for seed in seeds
    ]


def architectures(exp: str) -> Sequence[Run]:
    """Table 1: architectures, each without adaptation, with DACS, and with the labels of the target."""
    networks = (paper.DLV2_R101, paper.DANET, paper.ISANET, paper.DLV3P, paper.SEGFORMER_B5)
    return _paper(exp, networks, (paper.SOURCE_ONLY, paper.DACS, paper.TARGET_ONLY))


def encoder_and_decoder(exp: str) -> Sequence[Run]:
    """Table 2: what of SegFormer helps, its encoder or its decoder."""
    return _paper(exp, (paper.DLV3P_B5, paper.SEGFORMER_R101), (paper.DACS, paper.TARGET_ONLY))


def encoders(exp: str) -> Sequence[Run]:
    """Table 3: encoders."""
    networks = (
        paper.DLV2_R50,
        paper.DLV2_S50,
        paper.DLV2_S101,
        paper.DLV2_S200,
        paper.SEGFORMER_B3,
        paper.SEGFORMER_B4,
    )
    return _paper(exp, networks, (paper.SOURCE_ONLY, paper.DACS, paper.TARGET_ONLY), seeds=(0,))


def warm_up(exp: str) -> Sequence[Run]:
    """Table 4: learning rate without warm-up; the runs with it are in table 1."""
    rows = _paper(exp, (paper.DLV2_R101, paper.SEGFORMER_B5), (paper.DACS, paper.TARGET_ONLY), seeds=(0,))
    return [replace(row, schedule='poly10', published=NOT_PUBLISHED) for row in rows]


def components(exp: str) -> Sequence[Run]:
    """Table 5: rare class sampling and feature distance on SegFormer, all parts on SegFormer and DeepLabV2."""
    parts = (paper.RCS_UNIFORM, paper.RCS, paper.FD_ALL, paper.FD_THINGS, paper.RCS_FD, paper.ALL_PARTS)
    return [*_paper(exp, (paper.SEGFORMER_B5,), parts), *_paper(exp, (paper.DLV2_R101,), (paper.ALL_PARTS,))]


def decoders(exp: str) -> Sequence[Run]:
    """Table 7: decoders of MiT-B5, with all parts of the method."""
    networks = (
        paper.DAFORMER_CONV1,
        paper.UPERNET,
        paper.UPERNET_256,
        paper.DAFORMER_ISA,
        paper.DAFORMER_BOTTLENECK,
        paper.DAFORMER_ASPP,
        paper.DAFORMER,
    )
    return _paper(exp, networks, (paper.ALL_PARTS, paper.TARGET_ONLY))


def synthia(exp: str) -> Sequence[Run]:
    """DAFormer, Synthia -> Cityscapes."""
    return _paper(exp, (paper.DAFORMER,), (paper.ALL_PARTS,), domains=paper.SYNTHIA)


def clear_to_adverse(exp: str) -> Sequence[Run]:
    """DAFormer, Cityscapes -> ACDC and Cityscapes -> Dark Zurich."""
    return [
        run
        for domains in (paper.ACDC, paper.DARK_ZURICH)
        for run in _paper(exp, (paper.DAFORMER,), (paper.ALL_PARTS,), domains=domains)
    ]


def start_up(exp: str) -> Sequence[Run]:
    """Start-up test: every architecture of the paper for two iterations."""
    networks = (
        paper.DLV2_R101,
        paper.DLV3P,
        paper.DANET,
        paper.SEGFORMER_B5,
        paper.ISANET,
        paper.DLV2_R50,
        paper.DLV2_S50,
        paper.DLV2_S101,
        paper.DLV2_S200,
        paper.DLV2_X50,
        paper.DLV2_X101,
        paper.SEGFORMER_B4,
        paper.SEGFORMER_B3,
        paper.DLV3P_B5,
        paper.SEGFORMER_R101,
        paper.DAFORMER_CONV1,
        paper.DAFORMER_ISA,
        paper.DAFORMER_BOTTLENECK,
        paper.DAFORMER_ASPP,
        paper.DAFORMER,
        paper.UPERNET,
        paper.UPERNET_256,
    )
    short = {'max_iters': 2, 'checkpoint_interval': 2, 'evaluation_interval': 100, 'published': NOT_PUBLISHED}
    return [replace(row, **short) for row in _paper(exp, networks, (paper.TARGET_ONLY,), seeds=(0,))]


def _shipped(exp: str, folder: str, rows: dict[str, str], prefix: str = '') -> list[Run]:
    """Configs of ``configs/<folder>/`` by file and method, each with three seeds."""
    return [
        ConfigRun(exp=exp, config=f'{folder}/{file}.py', title=f'{prefix}{file}', method=method, seed=seed)
        for file, method in rows.items()
        for seed in SEEDS
    ]


def toy(exp: str) -> Sequence[Run]:
    """Effect of each part of DAFormer on the toy pair, between the lower and the upper bound."""
    methods = ('source_only', 'dacs', 'dacs_rcs', 'daformer', 'oracle')
    return _shipped(exp, 'toy', {method: method for method in methods}, prefix='toy_')


def swin(exp: str) -> Sequence[Run]:
    """Swin with the DAFormer head, GTA -> Cityscapes: bounds, DACS, DAFormer, and additions to both."""
    rows = {
        'daformer_swinB_src': 'source-only',
        'daformer_swinB_oral': 'target-only',
        'daformer_swinB_uda': 'dacs',
        'daformer_swinB_uda_soft': 'dacs_soft',
        'daformer_swinB_uda_soft_paste': 'dacs_soft_paste',
        'daformer_swinB_uda_soft_paste_mmd': 'dacs_soft_paste_mmd',
        'daformer_swinB_uda_soft_paste_mmd_rare': 'dacs_soft_paste_mmd_rcs',
        'uda_daformer_swinB': 'daformer',
        'uda_daformer_swinB_soft': 'daformer_soft',
        'uda_daformer_swinB_soft_mmd': 'daformer_soft_mmd',
        'uda_daformer_swinB_soft_paste': 'daformer_soft_paste',
        'uda_daformer_swinB_soft_paste_mmd': 'daformer_soft_paste_mmd',
        'uda_daformer_swinS': 'daformer',
        'uda_daformer_swinS_soft_mmd': 'daformer_soft_mmd',
        'uda_daformer_swinL224': 'daformer',
        'uda_daformer_swinL224_mmd': 'daformer_mmd',
        'uda_daformer_swinL224_mmd_soft': 'daformer_soft_mmd',
    }
    return _shipped(exp, 'daformer', rows)


def convnext(exp: str) -> Sequence[Run]:
    """ConvNeXt with the DAFormer head, GTA -> Cityscapes: bounds, DACS, DAFormer, and additions to both."""
    rows = {
        'daformer_convnextB_src': 'source-only',
        'daformer_convnextB_oral': 'target-only',
        'daformer_convnextB_uda': 'dacs',
        'daformer_convnextB_uda_soft_paste_mmd': 'dacs_soft_paste_mmd',
        'daformer_convnextB_uda_soft_paste_mmd_rare': 'dacs_soft_paste_mmd_rcs',
        'uda_daformer_convnextB': 'daformer',
        'uda_daformer_convnextB_soft_mmd': 'daformer_soft_mmd',
        'uda_daformer_convnextB_soft_paste': 'daformer_soft_paste',
        'uda_daformer_convnextS': 'daformer',
        'uda_daformer_convnextS_soft_mmd': 'daformer_soft_mmd',
        'uda_daformer_convnextL': 'daformer',
    }
    return _shipped(exp, 'daformer', rows)


def uper(exp: str) -> Sequence[Run]:
    """UPerNet on BEiT, MAE and Swin, GTA -> Cityscapes."""
    rows = {
        'uper_beit_uda': 'dacs',
        'uper_beit_DAFormer': 'daformer',
        'uper_mae_uda': 'dacs',
        'uper_mae_DAFormer': 'daformer',
        'uper_fcn_swinB_uda_soft_paste_mmd_rare': 'dacs_soft_paste_mmd_rcs',
    }
    return _shipped(exp, 'daformer', rows)


def dsp(exp: str) -> Sequence[Run]:
    """DSP, GTA -> Cityscapes, with DeepLabV2 and with the DAFormer network."""
    return _shipped(exp, 'dsp', {'gta2cs_dsp_deeplabv2_r101': 'dsp', 'gta2cs_dsp_daformer_mitb5': 'dsp'})


def camvid(exp: str) -> Sequence[Run]:
    """CamVid day -> dusk, MiT-B0: bounds, DAFormer, without one part, with additions."""
    rows = {
        'day2dusk_daformer_mitb0_src': 'source-only',
        'day2dusk_daformer_mitb0_uda': 'daformer',
        'day2dusk_daformer_mitb0_uda_norcs': 'daformer without rcs',
        'day2dusk_daformer_mitb0_uda_nowarm': 'daformer without warm-up',
        'day2dusk_daformer_mitb0_uda_photometric': 'daformer photometric',
        'day2dusk_daformer_mitb0_uda_soft': 'daformer_soft',
        'day2dusk_daformer_mitb0_uda_soft_paste': 'daformer_soft_paste',
        'day2dusk_daformer_mitb0_uda_mmd': 'daformer_mmd',
        'day2dusk_daformer_mitb0_uda_all': 'daformer_soft_paste_mmd',
        'day2dusk_daformer_mitb0_oracle': 'target-only',
    }
    return _shipped(exp, 'camvid', rows)


TABLES: dict[str, Callable[[str], Sequence[Run]]] = {
    '1': architectures,
    '2': encoder_and_decoder,
    '3': encoders,
    '4': warm_up,
    '5': components,
    '6': decoders,
    '7': synthia,
    '8': clear_to_adverse,
    '100': start_up,
    'toy': toy,
    'camvid': camvid,
    'swin': swin,
    'convnext': convnext,
    'uper': uper,
    'dsp': dsp,
}


def rows_of(exp: str | int, *, seeds: Sequence[int] | None = None, only: str | None = None) -> list[Run]:
    """The rows of the table ``exp``, in its order.

    Args:
        exp: ID of the table.
        seeds: every run with these instead of the seeds of the table.
        only: regular expression; rows in whose name it is found.

    Raises:
        InputError: there is no such table, ``only`` is no regular expression or leaves nothing.
    """
    exp = str(exp)
    if exp not in TABLES:
        raise InputError(f'There is no experiment {exp!r}.{nearest(exp, TABLES)} Known: {", ".join(TABLES)}.')
    rows = list(TABLES[exp](exp))
    if seeds is not None:
        unseeded = {replace(row, seed=0).name: row for row in rows}.values()
        rows = [replace(row, seed=seed) for row in unseeded for seed in dict.fromkeys(seeds)]
    if only is None:
        return rows
    try:
        kept = [row for row in rows if re.search(only, row.name)]
    except re.error as error:
        raise InputError(f'--only {only}: not a regular expression: {error}.') from error
    if not kept:
        raise InputError(f'--only {only}: no run of {exp} has it in its name. The first is called {rows[0].name}.')
    return kept


def generate_experiment_cfgs(exp: str | int) -> list[dict[str, Any]]:
    """The configs of the table ``exp``, in its order; bases are relative to ``configs/generated/<exp>/``.

    Raises:
        InputError: there is no such table.
    """
    return [run.cfg() for run in rows_of(exp)]


if __name__ == '__main__':
    from run_experiments import main  # which imports this module

    sys.exit(main())
