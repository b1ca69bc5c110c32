"""Tables of experiments: each is a list of rows, each row one run.

``python run_experiments.py --exp ID`` trains a table. What a run needs to know is a field of its row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmseg.errors import InputError, nearest

SEEDS = (0, 1, 2)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training run.

    Args:
        exp: the table it belongs to.
        config: file below ``configs/`` that it is based on.
        method: what it is called in tables.
        seed: of all chance in the run.
    """

    exp: str
    config: str
    method: str
    seed: int

    @property
    def name(self) -> str:
        """What its config and its work directory are called."""
        return f'{self.exp}_{self.method}_s{self.seed}'

    def cfg(self) -> dict[str, Any]:
        """As a config, to be written below ``configs/generated/<exp>/``."""
        return {
            '_base_': [f'../../{self.config}'],
            'exp': self.exp,
            'name': self.name,
            'name_uda': self.method,
            'seed': self.seed,
        }


def toy() -> list[Run]:
    """Effect of each part of DAFormer on the toy pair, between the lower and the upper bound."""
    methods = ('source_only', 'dacs', 'dacs_rcs', 'daformer', 'oracle')
    return [Run(exp='toy', config=f'toy/{method}.py', method=method, seed=seed) for method in methods for seed in SEEDS]


TABLES: dict[str, Callable[[], list[Run]]] = {'toy': toy}


def generate_experiment_cfgs(exp: str) -> list[dict[str, Any]]:
    """The configs of the table ``exp``, in its order.

    Raises:
        InputError: there is no such table.
    """
    if exp not in TABLES:
        raise InputError(f'There is no experiment {exp!r}.{nearest(str(exp), TABLES)} Known: {", ".join(TABLES)}.')
    return [run.cfg() for run in TABLES[exp]()]
