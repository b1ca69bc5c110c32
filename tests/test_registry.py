import copy
import subprocess
import sys

import pytest

from mmseg.config import legacy
from mmseg.errors import InputError
from mmseg.models.backbones import mix_transformer
from mmseg.registry import (
    DATASETS,
    HOOKS,
    MODELS,
    TRANSFORMS,
    _annotated,
    accepted_arguments,
    build,
    keywords,
    required_arguments,
)
from tests.parity import golden


def test_import_mmseg_gives_the_registries_and_loads_neither_networks_nor_timm():
    code = (
        'import sys, mmseg; assert mmseg.registry.MODELS.build; '
        "heavy = {'timm', 'torchvision', 'matplotlib', 'mmengine.runner', 'mmseg.models'} & set(sys.modules); "
        'assert not heavy, heavy'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def loaded_by(module: str) -> set[str]:
    """The packages that are there after ``import module`` in a fresh process."""
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout.split())


def test_importing_mmseg_does_not_even_load_torch():
    assert not {'torch', 'cv2', 'PIL', 'matplotlib'} & loaded_by('mmseg')


def test_what_a_training_starts_with_leaves_out_what_only_some_runs_need():
    unneeded = {'timm', 'torchvision', 'kornia', 'matplotlib', 'scipy', 'cityscapesscripts', 'tensorboard'}
    assert not unneeded & loaded_by('mmseg.engine.train')


def test_a_dict_in_code_is_taken_as_it_is_and_old_spellings_are_read_from_configs():
    config = golden('dacs_trajectory').config
    old = {'model': config['model'], 'uda': config['uda']}
    with pytest.raises(InputError, match=r'style|print_grad_magnitude'):
        MODELS.build({**old['uda'], 'model': old['model'], 'max_iters': 4})
    new = copy.deepcopy(old)
    assert legacy.modernise(new).refused == []
    MODELS.build({**new['uda'], 'model': new['model'], 'max_iters': 4})


def test_a_misspelt_name_is_answered_with_the_nearest_one():
    with pytest.raises(InputError, match=r"'mit_b9' is not a known model.*Did you mean 'mit_b"):
        MODELS.build({'type': 'mit_b9'})


def test_a_misspelt_argument_names_class_key_and_the_nearest_one():
    with pytest.raises(InputError, match=r"mit_b0 has no argument 'drop_path_rat'. Did you mean 'drop_path_rate'"):
        MODELS.build({'type': 'mit_b0', 'drop_path_rat': 0.1})


def test_a_text_where_a_number_belongs_names_class_and_key():
    with pytest.raises(InputError, match=r"mit_b0: drop_path_rate='a lot' does not fit: it takes a number"):
        MODELS.build({'type': 'mit_b0', 'drop_path_rate': 'a lot'})


@pytest.mark.parametrize(
    ('cfg', 'words'),
    [
        ({'type': 'mit_b0', 'drop_path_rate': float('nan')}, 'a number in 0..1'),
        ({'type': 'mit_b0', 'depths': (1, -1, 1, 1)}, 'a list, each element a whole number of at least 1'),
        ({'type': 'mit_b0', 1: 2}, 'names of arguments are texts'),
        ({'type': 'CrossEntropyLoss', 'reduction': 'max'}, "'none' or 'mean' or 'sum'"),
        ({'type': []}, r'type=\[\] is no name'),
        (5, '5 is no part of a config'),
    ],
)
def test_a_value_that_a_constructor_does_not_take_is_told_in_words(cfg, words):
    with pytest.raises(InputError, match=words):
        build(cfg, MODELS)


def test_every_argument_of_what_is_registered_here_says_what_it_takes():
    checked = 0
    for registry in (MODELS, DATASETS, TRANSFORMS, HOOKS):
        registry.import_from_location()
        for name, target in registry.module_dict.items():
            if not target.__module__.startswith('mmseg.'):
                continue
            said = {argument for argument, _, _ in _annotated(target)}
            unsaid = {parameter.name for parameter in keywords(target)} - said
            assert not unsaid, (name, unsaid)
            checked += len(said)
    assert checked > 500


def test_the_sizes_of_mit_can_be_imported():
    assert MODELS.get('mit_b5') is mix_transformer.mit_b5
    assert mix_transformer.mit_b5(depths=(1, 1, 1, 1)).embed_dims == (64, 128, 320, 512)


def test_a_dict_without_type_is_shown():
    with pytest.raises(InputError, match=r"no 'type'.*img_dir"):
        DATASETS.build({'img_dir': 'x'})


def test_arguments_are_those_of_the_class_and_of_the_parents_it_forwards_to():
    class Parent:
        def __init__(self, *, a: int) -> None: ...

    class Child(Parent):
        def __init__(self, *, b: int, **parent) -> None: ...

    class Closed(Parent):
        def __init__(self, *, c: int) -> None: ...

    assert accepted_arguments(Child) == {'a', 'b'}
    assert accepted_arguments(Closed) == {'c'}
    assert accepted_arguments(lambda **anything: None) is None


def test_an_argument_that_is_missing_is_named():
    with pytest.raises(InputError, match=r"^CustomDataset needs 'pipeline', 'img_dir'\.$"):
        DATASETS.build({'type': 'CustomDataset'})
    assert required_arguments(lambda a, *, b, c=1, **rest: None) == ['a', 'b']
