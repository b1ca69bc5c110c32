import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from mmseg.datasets.label_sets import CAMVID11, CITYSCAPES19, LabelSet
from mmseg.datasets.labels import LabelReader, label_reader, read_ids
from mmseg.errors import InputError
from tests.datasets.samples import write

TWO = LabelSet('two', ('field', 'forest'))


def test_a_palette_file_is_read_by_its_indices(tmp_path):
    ids = np.array([[7, 26], [34, 0]], np.uint8)
    file = Image.fromarray(ids, mode='P')
    file.putpalette(list(range(255, -1, -1)) * 3)
    file.save(tmp_path / 'p.png')
    assert read_ids(tmp_path / 'p.png').tolist() == ids.tolist()


def test_sixteen_bit_files_are_read_while_their_values_fit(tmp_path):
    write(tmp_path / 'small.png', np.array([[0, 255]], np.uint16))
    assert read_ids(tmp_path / 'small.png').tolist() == [[0, 255]]
    write(tmp_path / 'instances.png', np.array([[7, 26001]], np.uint16))
    with pytest.raises(InputError, match=r'instances\.png.*values from 7 to 26001'):
        read_ids(tmp_path / 'instances.png')


def test_what_is_no_label_map_is_named(tmp_path):
    write(tmp_path / 'colours.png', np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match=r'colours\.png.*3 channels'):
        read_ids(tmp_path / 'colours.png')
    whole = write(tmp_path / 'cut.png', np.random.default_rng(0).integers(0, 200, (64, 64), dtype=np.uint8))
    whole.write_bytes(whole.read_bytes()[:900])
    with pytest.raises(InputError, match=r'cut\.png.*complete'):
        read_ids(whole)
    with pytest.raises(InputError, match=r'none\.png.*does not exist'):
        read_ids(tmp_path / 'none.png')


def read(tmp_path, values, reader):
    return reader(write(tmp_path / 'label.png', np.array([values], np.uint8))).tolist()[0]


def test_values_outside_the_classes_name_file_and_values(tmp_path):
    assert read(tmp_path, [0, 18, 255], label_reader(CITYSCAPES19)) == [0, 18, 255]
    with pytest.raises(InputError, match=r'label\.png.* holds the values 19, 33, which are no class \(0\.\.18 and 255'):
        read(tmp_path, [0, 33, 19, 33, 255], label_reader(CITYSCAPES19))


def test_a_label_map_translates_and_names_what_it_lacks(tmp_path):
    reader = label_reader(TWO, label_map={'40': 'forest', 50: 0}, ignore=[9])
    assert read(tmp_path, [40, 50, 9, 255], reader) == [1, 0, 255, 255]
    with pytest.raises(InputError, match=r'values 41, which are no class in the label_map \(which names 40, 50\)'):
        read(tmp_path, [40, 41], reader)


def test_the_ids_of_cityscapes_can_be_read_directly(tmp_path):
    assert read(tmp_path, [7, 33, 0, 34], label_reader(CITYSCAPES19, label_map='cityscapes')) == [0, 18, 255, 255]
    with pytest.raises(InputError, match='values 35'):
        read(tmp_path, [35], label_reader(CITYSCAPES19, label_map='cityscapes'))


def test_camvids_unlabelled_pixels_are_ignored(tmp_path):
    assert read(tmp_path, [0, 10, 11], label_reader(CAMVID11)) == [0, 10, 255]


def test_reduce_zero_label_shifts_the_classes_down(tmp_path):
    assert read(tmp_path, [0, 1, 2, 255], label_reader(TWO, reduce_zero_label=True)) == [255, 0, 1, 255]
    with pytest.raises(InputError, match='values 3'):
        read(tmp_path, [0, 3], label_reader(TWO, reduce_zero_label=True))


def test_a_reader_without_classes_takes_every_value(tmp_path):
    assert read(tmp_path, [0, 77, 255], LabelReader()) == [0, 77, 255]


def test_another_ignore_index_is_what_ignored_pixels_become(tmp_path):
    reader = label_reader(LabelSet('two', ('field', 'forest'), ignore_index=9), ignore=[4])
    assert read(tmp_path, [0, 1, 4, 9, 255], reader) == [0, 1, 9, 9, 9]


@pytest.mark.parametrize(
    ('label_map', 'said'),
    [
        ({'x': 0}, "'x' is no value"),
        ({70000: 0}, '70000'),
        ({1: 2}, 'train id 2'),
        ({1: 'forrest'}, "mean 'forest'"),
        ('gta', 'cityscapes'),
    ],
)
def test_a_wrong_label_map_is_refused(label_map, said):
    with pytest.raises(InputError, match=said):
        label_reader(TWO, label_map=label_map)


def test_what_a_label_map_says_of_255_counts_and_without_it_255_is_ignored(tmp_path):
    masks = label_reader(TWO, label_map={0: 'field', 255: 'forest'})
    assert read(tmp_path, [0, 255], masks) == [0, 1]
    assert read(tmp_path, [0, 255], label_reader(TWO, label_map={0: 'field', 255: 255})) == [0, 255]
    assert read(tmp_path, [0, 255], label_reader(TWO, label_map={0: 'field'})) == [0, 255]


def test_an_index_made_while_255_was_ignored_is_not_taken_for_one_where_it_is_a_class():
    masks = label_reader(TWO, label_map={0: 'field', 255: 'forest'})
    assert masks.meaning != repr(masks)  # as indices were marked before
    plain = label_reader(TWO)
    assert plain.meaning == repr(plain)


def test_a_value_is_a_class_or_ignored_but_not_both():
    with pytest.raises(InputError, match='label_map and ignore both name 4: keep one'):
        label_reader(TWO, label_map={4: 'field', 5: 'forest'}, ignore=[4])
    own_ignored = LabelSet('two', ('field', 'forest'), ignored_values=(7,))
    assert label_reader(own_ignored, label_map={7: 'field'}).ignored == ()


def test_ids_from_one_are_met_with_the_setting_for_them(tmp_path):
    with pytest.raises(InputError, match=r'ids run from 1 to 2 .* reduce_zero_label=True'):
        read(tmp_path, [0, 1, 2], label_reader(TWO))
    with pytest.raises(InputError, match='give the data set a label_map, or list values'):
        read(tmp_path, [0, 1, 3], label_reader(TWO))


def test_floats_are_ids_while_they_are_whole_numbers(tmp_path):
    for value in (3.0, 0.999, np.nan, np.inf):
        Image.fromarray(np.array([[0, value]], np.float32)).save(tmp_path / f'{value}.tif')
    assert read_ids(tmp_path / '3.0.tif').tolist() == [[0, 3]]
    for value in ('0.999', 'nan', 'inf'):
        with pytest.raises(InputError, match=rf'{value}.* no class id: ids are whole numbers'):
            read_ids(tmp_path / f'{value}.tif')


@pytest.mark.parametrize('name', ['l.png', 'l.tif'])
def test_a_label_map_that_went_through_jpeg_is_refused_whatever_its_file_is_called(tmp_path, name):
    ids = Image.fromarray(np.zeros((16, 16), np.uint8))
    ids.save(tmp_path / name, **({'format': 'JPEG'} if name == 'l.png' else {'compression': 'jpeg'}))
    with pytest.raises(InputError, match='compressed as JPEG'):
        read_ids(tmp_path / name)


def test_a_label_map_in_jpeg_2000_is_read_where_its_wavelets_keep_whole_numbers(tmp_path):
    ids = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(ids).save(tmp_path / 'whole.jp2')
    np.testing.assert_array_equal(read_ids(tmp_path / 'whole.jp2'), ids)
    for name in ('rounded.jp2', 'rounded.j2k'):  # in boxes, and the bare code
        Image.fromarray(ids).save(tmp_path / name, irreversible=True)
        with pytest.raises(InputError, match='compressed as JPEG'):
            read_ids(tmp_path / name)


@pytest.mark.parametrize('bits', [1, 2, 4])
def test_ids_stored_in_few_bits_are_not_spread_over_the_greys(tmp_path, bits):
    most = 2**bits - 1
    path = tmp_path / 'few.png'
    path.write_bytes(grey_png(bits, [[0, 1], [most, 0]]))
    assert read_ids(path).tolist() == [[0, 1], [most, 0]]


def grey_png(bits: int, rows: list[list[int]]) -> bytes:
    """A PNG of so many bits a pixel, which no encoder at hand writes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    lines = [int(''.join(f'{value:0{bits}b}' for value in row).ljust(8, '0'), 2) for row in rows]
    header = struct.pack('>IIBBBBB', len(rows[0]), len(rows), bits, 0, 0, 0, 0)
    pixels = zlib.compress(b''.join(bytes([0, line]) for line in lines))
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', pixels) + chunk(b'IEND', b'')


def test_ids_in_one_of_several_channels_are_met_with_the_way_to_convert_them(tmp_path):
    ids = np.arange(16, dtype=np.uint8).reshape(4, 4)
    zero = np.zeros_like(ids)
    kinds = {'carla': [ids, zero, zero, zero + 255], 'grey': [ids] * 3, 'colours': [ids, ids[::-1], zero]}
    said = {'carla': 'in the red channel alone', 'grey': 'all the same', 'colours': 'it shows colours'}
    for name, channels in kinds.items():
        Image.fromarray(np.dstack(channels)).save(tmp_path / f'{name}.png')
        with pytest.raises(InputError, match=said[name]):
            read_ids(tmp_path / f'{name}.png')


def test_a_label_map_is_turned_as_its_exif_says_unless_images_are_not(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top of the picture is the right side of what is stored
    Image.fromarray(np.array([[1, 2], [3, 4]], np.uint8)).save(tmp_path / 'turned.png', exif=exif)
    assert LabelReader()(tmp_path / 'turned.png').tolist() == [[3, 1], [4, 2]]
    assert LabelReader(turn=False)(tmp_path / 'turned.png').tolist() == [[1, 2], [3, 4]]


def header(width: int, height: int) -> bytes:
    """A PNG that says it is this large, and holds nothing."""
    chunk = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + chunk + struct.pack('>I', zlib.crc32(chunk))


@pytest.mark.parametrize('size', [(15_000, 15_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_file_that_says_it_is_huge_is_named(tmp_path, size):
    (tmp_path / 'huge.png').write_bytes(header(*size))
    with pytest.raises(InputError, match=r'huge\.png'):
        read_ids(tmp_path / 'huge.png')


@pytest.mark.parametrize('value', [70000, -1, 2**40])
def test_a_value_to_ignore_that_no_file_can_hold_is_refused(value):
    with pytest.raises(InputError, match=f'ignore: {value} is no value of a label file'):
        label_reader(TWO, ignore=[value])


@pytest.mark.parametrize(
    ('label_map', 'said'), [({'²': 0}, "'²' is no value"), ({0: 0, '0': 1}, 'names a value .* twice')]
)
def test_a_label_map_names_each_value_once_and_in_plain_digits(label_map, said):
    with pytest.raises(InputError, match=said):
        label_reader(TWO, label_map=label_map)


@pytest.mark.parametrize(
    ('name', 'options'), [('a.mpo', {'format': 'MPO'}), ('a.avif', {'format': 'AVIF', 'quality': 30})]
)
def test_kinds_of_files_that_lose_are_named_as_jpeg_is(tmp_path, name, options):
    if not features.check('avif') and options['format'] == 'AVIF':
        pytest.skip('this Pillow cannot write AVIF')
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name, **options)
    with pytest.raises(InputError, match=r'is compressed as .* without loss'):
        read_ids(tmp_path / name)
