import fnmatch
import re
from pathlib import Path

import pytest

from mmseg.errors import InputError
from mmseg.models import weights
from mmseg.models.weights.manifest import name_of_file, remote_sources, weight_files

REPOSITORY = Path(__file__).parents[3]


def test_the_published_files_are_those_of_the_original_script():
    rows = weight_files()
    ids = {name: row.sources[0].url for name, row in rows.items() if row.sources[0].url.startswith('gdrive:')}
    assert ids == {
        'mit_b3': 'gdrive:1d3wU8KNjPL4EqMCIEO_rO-O3-REpG82T',
        'mit_b4': 'gdrive:1BUtU42moYrOFbsMCE-LTTkUE-mrWnfG2',
        'mit_b5': 'gdrive:1d7I50jVjtCddnhpf-lqj8-f13UyCzoW1',
        'daformer_gta2cs': 'gdrive:1pG3kDClZDGwp1vSTEXmTchkGHmnLQNdP',
    }
    assert str(rows['mit_b5'].path) == 'pretrained/mit_b5.pth'
    assert len({row.path for row in rows.values()}) == len(rows)


def test_every_file_that_a_config_starts_from_is_in_the_manifest_or_made_by_a_command_that_a_config_has():
    texts = {config: config.read_text() for config in sorted((REPOSITORY / 'configs').rglob('*.py'))}
    made = re.findall(
        r'^ +python tools/model_converters/\w+\.py \S+ pretrained/(\S+)$', '\n'.join(texts.values()), re.M
    )
    named = [
        (config.relative_to(REPOSITORY).as_posix(), file)
        for config, text in texts.items()
        for file in re.findall(r"'pretrained/([^']+)'", text)
        if file not in made
    ]
    assert len(named) >= 8
    for config, file in named:
        name = name_of_file(file)
        assert name is not None, f'{config} starts from {file}'
        patterns = weight_files()[name].used_by
        assert any(fnmatch.fnmatch(config, pattern) for pattern in patterns), f'{name}: add {config} to used_by'


def test_names_of_openmmlab_are_looked_up_in_the_table_of_the_engine():
    first, second = remote_sources('open-mmlab://resnet101_v1c')
    assert first.file == second.file == 'resnet101_v1c-e67eebb6.pth'
    assert first.checksum == second.checksum == 'e67eebb6'
    assert first.url != second.url
    with pytest.raises(InputError, match=r"'resnet101_v1x'.*Did you mean 'resnet101_v1c'"):
        remote_sources('open-mmlab://resnet101_v1x')
    assert remote_sources('pretrained/mit_b5.pth') == ()


def test_weights_of_openmmlab_are_found_in_the_folder_of_pretrained_weights(here):
    (here / 'pretrained').mkdir()
    file = here / 'pretrained' / 'resnet101_v1c-e67eebb6.pth'
    file.write_bytes(b'')
    assert weights.find('open-mmlab://resnet101_v1c').resolve() == file
