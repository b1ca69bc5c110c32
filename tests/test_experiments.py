import json

import pytest

from experiments import generate_experiment_cfgs
from mmseg.errors import InputError


def test_the_toy_table_has_every_part_of_the_method_with_three_seeds():
    cfgs = generate_experiment_cfgs('toy')
    assert [(cfg['name_uda'], cfg['seed']) for cfg in cfgs] == [
        (method, seed) for method in ('source_only', 'dacs', 'dacs_rcs', 'daformer', 'oracle') for seed in (0, 1, 2)
    ]
    assert len({cfg['name'] for cfg in cfgs}) == len(cfgs)
    assert cfgs[9]['_base_'] == ['../../toy/daformer.py']
    json.dumps(cfgs)


def test_an_unknown_table_is_refused_with_those_that_are_known():
    with pytest.raises(InputError, match=r"'toi'.*'toy'.*Known: toy"):
        generate_experiment_cfgs('toi')
