import json

import cv2
import numpy as np
import pytest

from mmseg.commands import init
from mmseg.config.load import load_config
from mmseg.datasets.label_colours import ids_of_colours
from mmseg.datasets.label_forms import colour_entries, table_of
from mmseg.datasets.label_sets import LabelSet
from mmseg.datasets.labels import label_reader
from mmseg.datasets.loader import build_dataset
from mmseg.engine.train import train
from mmseg.errors import InputError
from tests.own_data.users import CLASSES, images_of, label, loaded, pipelines, user_config, write_domain

COLOURS = [
    {'color': [90, 60, 30], 'name': 'ground'},
    {'color': [255, 255, 255], 'name': 'house'},
    {'color': [0, 0, 255], 'name': 'car'},
    {'color': [0, 0, 0], 'name': None},
]
PALETTE = np.array([entry['color'] for entry in COLOURS], np.uint8)
LABELS = LabelSet('three', tuple(CLASSES))


def write_colours(folder, count=4):
    """``folder/rgb/<i>.png``: the label maps as colours, one corner ignored."""
    (folder / 'rgb').mkdir(exist_ok=True)
    for i in range(count):
        ids = label(i)
        ids[0, :2] = 3
        assert cv2.imwrite(str(folder / 'rgb' / f'{i}.png'), PALETTE[ids][..., ::-1])
    return folder


def coloured(folder, **options):
    described = images_of(folder, pipelines()['labelled'], ann_dir='rgb', label_colors=COLOURS)
    del described['classes']
    return {**described, **options}


def test_colours_become_the_classes_that_they_name(tmp_path):
    write_colours(write_domain(tmp_path / 'a'))
    made = build_dataset(coloured(tmp_path / 'a'))
    assert (made.CLASSES, made.PALETTE[2]) == (('ground', 'house', 'car'), (0, 0, 255))
    expected = label(1)
    expected[0, :2] = 255
    assert np.array_equal(made.label_of(1), expected)
    assert made.class_counts(tmp_path / 'index')[1].tolist() == [(expected == i).sum() for i in range(3)]


def test_classes_may_be_given_in_another_order_than_their_colours(tmp_path):
    write_colours(write_domain(tmp_path / 'a'))
    made = build_dataset(coloured(tmp_path / 'a', classes=['car', 'ground', 'house']))
    assert np.array_equal(made.label_of(0) == 0, label(0) == 2)


def test_unknown_colours_are_listed_with_their_pixels():
    table = table_of(colour_entries(COLOURS), LABELS)
    codes = np.array([[0x5A3C1E, 1, 1], [2, 1, 0]])
    with pytest.raises(InputError, match=r'\[0, 0, 1\] \(3 pixels\), \[0, 0, 2\] \(1 pixels\)\.'):
        ids_of_colours(codes, table, 'x.png')


def test_a_palette_and_a_grey_image_show_colours_too(tmp_path):
    table = table_of(colour_entries([{'color': [7, 7, 7], 'name': 'ground'}, COLOURS[1]]), LABELS)
    assert cv2.imwrite(str(tmp_path / 'grey.png'), np.array([[7, 255]], np.uint8))
    reader = label_reader(LABELS)
    from dataclasses import replace

    assert replace(reader, colours=table)(tmp_path / 'grey.png').tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ('entries', 'said'),
    [
        ([{'color': [1, 2], 'name': 'car'}], 'of 0..255, not'),
        ([{'color': [1, 2, 300], 'name': 'car'}], 'of 0..255, not'),
        ([{'color': [1, 2, 3], 'names': 'car'}], "no key 'names'"),
        ([{'color': [1, 2, 3], 'name': 'truck'}], "no class 'truck'"),
        ([{'color': [1, 2, 3], 'name': 'car'}, {'color': (1, 2, 3), 'name': None}], 'twice'),
    ],
)
def test_colours_that_cannot_be_meant_are_refused(entries, said):
    with pytest.raises(InputError, match=said):
        table_of(colour_entries(entries), LABELS)


def test_two_ways_of_saying_what_labels_hold_are_refused(tmp_path):
    write_colours(write_domain(tmp_path / 'a'))
    with pytest.raises(InputError, match='label_colors and reduce_zero_label say in several ways'):
        build_dataset(coloured(tmp_path / 'a', reduce_zero_label=True))


def test_colours_come_from_a_file_and_a_run_saved_as_json_goes_on_unchanged(tmp_path):
    write_colours(write_domain(tmp_path / 'a'))
    write_domain(tmp_path / 'b')
    rows = [f'{i},{entry["name"]},{",".join(map(str, entry["color"]))}' for i, entry in enumerate(COLOURS[:3])]
    (tmp_path / 'classes.csv').write_text('\n'.join(['id,name,r,g,b', *rows, '3,nothing,0,0,0']) + '\n')
    entries = colour_entries(str(tmp_path / 'classes.csv'))
    assert [tuple(entry) for entry in entries[:3]] == [(tuple(e['color']), e['name']) for e in COLOURS[:3]]
    cfg = json.loads(user_config(tmp_path).read_text())
    cfg['data']['train']['source'] = coloured(tmp_path / 'a')
    (tmp_path / 'own.json').write_text(json.dumps(cfg))
    work_dir = train(loaded(tmp_path / 'own.json', tmp_path / 'work' / 'run', **{'runner.max_iters': 2}))
    saved = next(file for file in work_dir.glob('*.json') if not file.name.endswith('.log.json'))
    again = load_config(saved, {'work_dir': str(work_dir), 'runner.max_iters': 2})
    assert again.data.train.source.label_colors == COLOURS
    assert train(again, resume=work_dir / 'latest.pth') == work_dir


def test_ids_beyond_255_are_read_where_a_label_map_names_them(tmp_path):
    assert cv2.imwrite(str(tmp_path / 'wide.png'), np.array([[1001, 40000], [7, 1001]], np.uint16))
    reader = label_reader(LABELS, label_map={'1001': 'car', '40000': 'ground'}, ignore=[7])
    assert reader(tmp_path / 'wide.png').tolist() == [[2, 0], [255, 2]]
    with pytest.raises(InputError, match=r'holds the values 7, which are no class'):
        label_reader(LABELS, label_map={1001: 'car', 40000: 'ground'})(tmp_path / 'wide.png')
    with pytest.raises(InputError, match=r'from 7 to 40000.*named in a label_map'):
        label_reader(LABELS)(tmp_path / 'wide.png')


def test_masks_of_one_class_each_become_one_label_map(tmp_path):
    write_domain(tmp_path / 'a')
    for train_id, name in ((1, 'house'), (2, 'car')):
        (tmp_path / 'a/masks' / name).mkdir(parents=True)
        for i in range(4):
            mask = (label(i) == train_id).astype(np.uint8) * 255
            assert cv2.imwrite(str(tmp_path / f'a/masks/{name}/{i}_m.png'), mask)
    files = [{'name': name, 'folder': name, 'suffix': '_m.png'} for name in ('house', 'car')]
    described = images_of(tmp_path / 'a', pipelines()['labelled'], ann_dir='masks')
    made = build_dataset({**described, 'label_masks': [*files, {'name': 'ground'}]})
    assert np.array_equal(made.label_of(2), label(2))
    rest = build_dataset({**described, 'label_masks': files})
    assert np.array_equal(rest.label_of(2), np.where(label(2) == 0, 255, label(2)))
    assert made[0]['gt_semantic_seg'].data.shape[-2:] == (32, 32)
    cv2.imwrite(str(tmp_path / 'a/masks/car/0_m.png'), np.full(label(0).shape, 255, np.uint8))
    with pytest.raises(InputError, match=r'car/0_m\.png.* pixels that are in the mask of another class too'):
        made.label_of(0)
    (tmp_path / 'a/masks/car/1_m.png').unlink()
    with pytest.raises(InputError, match=r"car/1_m\.png' does not exist"):
        made.label_of(1)


@pytest.mark.parametrize('changed', ['car/1_m.png', 'house/1_m.png'])
def test_an_image_without_its_mask_of_any_class_is_named_before_anything_is_read(tmp_path, changed):
    write_domain(tmp_path / 'a')
    for name in ('house', 'car'):
        for i in range(4):
            (tmp_path / 'a/by class' / name).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(tmp_path / f'a/by class/{name}/{i}_m.png'), np.zeros((48, 64), np.uint8))
    files = [{'name': name, 'folder': f'by class/{name}', 'suffix': '_m.png'} for name in ('house', 'car')]
    described = images_of(tmp_path / 'a', pipelines()['labelled'], ann_dir='.', label_masks=files)
    assert build_dataset(described).label_of(1).shape == (48, 64)
    mask = tmp_path / 'a/by class' / changed
    mask.rename(mask.with_name('1_M.png'))  # masks of the other classes are found by the name alone
    with pytest.raises(InputError, match=rf'1 of 4 images .*expected label map .*{changed}'):
        build_dataset(described)


def test_lists_may_name_pairs_and_whole_paths_also_with_spaces(tmp_path):
    write_domain(tmp_path / 'a')
    (tmp_path / 'a/img/x y').mkdir()
    (tmp_path / 'a/img/3.png').rename(tmp_path / 'a/img/x y/3.jpeg')
    lines = ['img/0.png lab/2.png', 'img/x y/3.jpeg\tlab/3.png', f'{tmp_path}/a/img/1.png']
    (tmp_path / 'a/pairs.txt').write_text('\n'.join(lines) + '\n')
    described = images_of(tmp_path / 'a', pipelines()['labelled'], ann_dir='lab', split='pairs.txt')
    made = build_dataset(described)
    assert [made.image_path(i).name for i in range(3)] == ['0.png', '3.jpeg', '1.png']
    assert [made.label_path(i).name for i in range(3)] == ['2.png', '3.png', '1.png']
    (tmp_path / 'a/pairs.txt').write_text('img/0.png lab/9.png\n')
    with pytest.raises(InputError, match=r'names .img/0\.png lab/9\.png'):
        build_dataset(described)
    (tmp_path / 'a/pairs.txt').write_text(f'{tmp_path}/a/lab/0.png\n')
    with pytest.raises(InputError, match='which is not below'):
        build_dataset(described)


def test_lists_that_begin_at_the_root_of_the_data_may_lie_anywhere(tmp_path):
    write_domain(tmp_path / 'a/city/train')
    lists = tmp_path / 'splits/1_8'
    lists.mkdir(parents=True)
    lines = [f'city/train/img/{i}.png city/train/lab/{3 - i}.png' for i in (2, 1)]
    (lists / 'labeled.txt').write_text('\n'.join(lines) + '\n')
    described = images_of(
        tmp_path / 'a/city/train', pipelines()['labelled'], ann_dir='lab', split=str(lists / 'labeled.txt')
    )
    made = build_dataset(described)
    assert [(made.image_path(i).name, made.label_path(i).name) for i in (0, 1)] == [
        ('2.png', '1.png'),
        ('1.png', '2.png'),
    ]
    alone = build_dataset({**described, 'ann_dir': None, 'pipeline': pipelines()['unlabelled']})
    assert [alone.image_path(i).name for i in (0, 1)] == ['2.png', '1.png']


def test_init_finds_colours_and_several_suffixes(tmp_path, capsys):
    write_colours(write_domain(tmp_path / 'a'))
    write_domain(tmp_path / 'b')
    (tmp_path / 'b/img/3.png').rename(tmp_path / 'b/img/3.tif')
    arguments = ['--source', tmp_path / 'a/img', tmp_path / 'a/rgb', '--target', tmp_path / 'b/img']
    assert init.main([str(argument) for argument in [*arguments, '--out', tmp_path / 'out']]) == 0
    said = capsys.readouterr().out
    assert '4 images and label maps are fine' in said
    cfg = load_config(tmp_path / 'out/uda.py')
    assert sorted(cfg.data.train.target.img_suffix) == ['.png', '.tif']
    found = {tuple(entry.color) for entry in cfg.data.train.source.label_colors}
    assert found == {tuple(entry['color']) for entry in COLOURS}
    assert cfg.model.decode_head.num_classes == 4
