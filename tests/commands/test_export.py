"""A trained network in other formats says what PyTorch says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.layers import padding
from timm.layers.conv2d_same import Conv2dSame

from mmseg.apis import init_segmentor, predict
from mmseg.commands import export
from mmseg.commands import predict as predict_command
from mmseg.errors import InputError
from mmseg.export import check, files, segmentor
from mmseg.export.network import exportable, norm_of, plain_kernels, same_padding
from mmseg.models.backbones.timm_backbone import TimmBackbone
from mmseg.models.layers import conv
from tests.fabricated import RUN, work_dir


def has_onnx() -> bool:
    try:
        files.require_packages('.onnx')
    except InputError:
        return False
    return True


NO_ONNX = pytest.mark.skipif(not has_onnx(), reason='needs onnx, onnxscript, onnxruntime')
SLOW = pytest.mark.slow
PT2, ONNX = pytest.param('.pt2', marks=SLOW), pytest.param('.onnx', marks=[SLOW, NO_ONNX])

ALONE = """
import runpy, sys
sys.modules['mmseg'] = sys.modules['torch'] = None
runpy.run_path('run_onnx.py', run_name='__main__')
"""


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    return work_dir(tmp_path_factory.mktemp('run'))


@pytest.fixture
def picture(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / 'street.png'
    Image.fromarray(rng.integers(0, 256, (96, 160, 3), dtype=np.uint8)).save(path)
    return path


@pytest.mark.parametrize('suffix', ['.ts', PT2, ONNX])
def test_a_file_of_each_format_is_compared_and_predicts_as_the_network_does(run, picture, tmp_path, suffix, capsys):
    file = tmp_path / f'net{suffix}'
    assert export.main([str(run), '--out', str(file)]) == 0
    said = capsys.readouterr().out
    assert all(f'{count}x{height}x{width}: differs' in said for count, height, width in check.SIZES)
    trusted = [] if suffix == '.onnx' else ['--trust']
    out = tmp_path / 'out'
    assert predict_command.main([str(picture), str(file), '--out', str(out), '--save', 'ids', *trusted]) == 0
    model = init_segmentor(run / f'{RUN}.json', run / 'latest.pth', 'cpu')
    same = np.asarray(Image.open(out / 'ids' / 'street.png')) == predict(model, picture).label_map
    assert same.mean() > 0.999


@pytest.mark.parametrize('suffix', [pytest.param('.ts', marks=SLOW), PT2, ONNX])
def test_with_processing_bytes_go_in_and_ids_come_out_at_the_size_of_the_image(run, picture, tmp_path, suffix):
    file = tmp_path / f'net{suffix}'
    assert export.main([str(run), '--out', str(file), '--processing', '--scale', '0.75']) == 0
    ran, facts = files.read(file, trust=True)
    assert facts.classes[0] == 'road'
    ids, probability = ran(torch.from_numpy(np.asarray(Image.open(picture))[None].copy()))
    assert (ids.shape, ids.dtype, probability.shape) == ((1, 96, 160), torch.uint8, (1, 96, 160))


@pytest.mark.parametrize(
    ('suffix', 'way_out'), [('.onnx', r'run_onnx\.py.*, or export it without'), ('.ts', ': export it')]
)
def test_a_file_that_prepares_images_is_refused_with_what_can_run_it(run, tmp_path, monkeypatch, suffix, way_out):
    asked = export.parse_args([str(run), '--out', f'net{suffix}', '--processing'])
    facts = export.facts_of(init_segmentor(run / f'{RUN}.json', device='cpu'), asked)
    monkeypatch.setattr(segmentor, 'read', lambda path, trust: (None, facts))
    with pytest.raises(InputError, match=f'prepares images by itself.*{way_out}'):
        segmentor.ExportedSegmentor(tmp_path / f'net{suffix}', trust=True)


@SLOW
@NO_ONNX
def test_the_runner_needs_no_mmseg(run, picture, tmp_path):
    folder = tmp_path / 'shipped'
    for name, options in (
        ('plain', []),
        ('whole', ['--processing']),
        ('fixed', ['--processing', '--size', '96', '160']),
    ):
        assert export.main([str(run), '--out', str(folder / f'{name}.onnx'), '--runner', *options]) == 0
        call = [sys.executable, '-c', ALONE, f'{name}.onnx', str(picture), f'{name}.png']
        ended = subprocess.run(call, cwd=folder, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
    maps = [np.asarray(Image.open(folder / f'{name}.png')) for name in ('plain', 'whole', 'fixed')]
    assert maps[0].shape == (96, 160)
    assert min((maps[0] == other).mean() for other in maps[1:]) > 0.999
    assert len((folder / 'run_onnx.py').read_text().splitlines()) <= 40


def test_processing_normalises_as_the_pipeline_does(run):
    model = init_segmentor(run / f'{RUN}.json', run / 'latest.pth', 'cpu')
    norm = norm_of(model.cfg)
    seen = []
    model.test_logits = lambda x: seen.append(x) or torch.zeros(1, 19, 2, 2)
    pixel = torch.tensor([10, 20, 30], dtype=torch.uint8)
    exportable(model, processing=True, scale=1)(pixel.expand(1, 2, 2, 3))
    expected = [(value - mean) / std for value, mean, std in zip((10, 20, 30), norm.mean, norm.std, strict=True)]
    assert seen[0][0, :, 1, 1].tolist() == pytest.approx(expected, rel=1e-5)


class Doubled(torch.nn.Module):
    def forward(self, image):
        return torch.cat([image, 2 * image], 1)


FACTS = files.Facts([], [], False, 1.0, None, False, {'mean': [0.0]}, [], 'here')


def test_a_file_is_compared_at_three_sizes():
    found = check.compare(lambda image: (Doubled()(image) * (1 + 1e-5),), Doubled(), FACTS)
    assert list(found) == ['1x128x128', '2x96x160', '1x125x77']
    assert all(difference.largest == pytest.approx(1e-5, rel=0.1) for difference in found.values())


@pytest.mark.parametrize(
    ('says', 'told'),
    [
        (lambda image: torch.cat([image, image], 1), 'differs from PyTorch at 1x128x128'),
        (lambda image: Doubled()(image[:1]), 'differs from PyTorch at 2x96x160: by inf'),
    ],
)
def test_a_file_that_says_something_else_is_refused(says, told):
    with pytest.raises(InputError, match=told):
        check.compare(lambda image: (says(image),), Doubled(), FACTS)


def test_a_file_that_is_refused_leaves_the_one_that_was_there(run, tmp_path, monkeypatch, capsys):
    def refuse(*_, **__):
        raise InputError('it differs')

    monkeypatch.setattr(files, 'write', lambda network, example, path, facts: path.write_text('new'))
    monkeypatch.setattr(files, 'read', refuse)
    (tmp_path / 'net.ts').write_text('old')
    assert export.main([str(run), '--out', str(tmp_path / 'net.ts')]) == 2
    assert 'it differs' in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ['old']


def test_layers_are_as_before_after_an_export():
    before = conv.ONEDNN
    with plain_kernels():
        assert conv.ONEDNN is False
    assert conv.ONEDNN is before


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--out', 'net.tflite'], 'one of .onnx, .pt2, .ts'),
        (['--out', 'net.pt2', '--scale', '0.5'], 'give --processing too'),
        (['--out', 'net.pt2', '--processing', '--scale', '0'], 'above 0'),
    ],
)
def test_what_cannot_be_asked_for_is_told_before_the_network_is_loaded(arguments, said, capsys):
    assert export.main(['gone', *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(files.importlib.util, 'find_spec', lambda name: None if name == 'onnxruntime' else object())
    with pytest.raises(InputError, match='need onnxruntime: python -m pip install onnx onnxscript onnxruntime'):
        files.require_packages('.onnx')


def test_files_that_can_run_code_want_trust_and_others_are_refused_in_a_sentence(tmp_path):
    code, text = tmp_path / 'x.pt2', tmp_path / 'y.ts'
    for file in (code, text):
        file.write_text('no network')
    with pytest.raises(InputError, match=r'can run code\. If you know its origin: --trust'):
        files.read(code)
    with pytest.raises(InputError, match='cannot be read'):
        files.read(text, trust=True)
    with pytest.raises(InputError, match='does not exist'):
        files.read(tmp_path / 'gone.ts')


def test_a_module_of_someone_else_says_no_classes(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), str(tmp_path / 'relu.ts'))
    with pytest.raises(InputError, match='was not written by mmseg export'):
        files.read(tmp_path / 'relu.ts', trust=True)


def test_facts_of_another_version_are_refused(tmp_path):
    extra = {files.KEY: json.dumps({'classes': []})}
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), str(tmp_path / 'relu.ts'), _extra_files=extra)
    with pytest.raises(InputError, match='another version'):
        files.read(tmp_path / 'relu.ts', trust=True)


def test_paddings_in_short_terms_are_those_of_timm():
    for kernel, stride, dilation in (
        (1, 1, 1),
        (1, 2, 1),
        (2, 2, 1),
        (3, 2, 1),
        (3, 1, 2),
        (5, 2, 2),
        (2, 4, 1),
        (7, 4, 1),
    ):
        for size in range(1, 40):
            expected = padding.get_same_padding(size, kernel, stride, dilation)
            assert same_padding(size, kernel, stride, dilation) == expected, (size, kernel, stride, dilation)


def test_sizes_after_paddings_that_depend_on_the_size_stay_short_terms():
    torch.manual_seed(0)
    network = torch.nn.Sequential(*(Conv2dSame(1, 1, kernel, stride=2) for kernel in (3, 3, 5))).eval()
    auto = torch.export.Dim.AUTO
    image = torch.rand(1, 1, 96, 160)
    with plain_kernels():
        program = torch.export.export(network, (image,), dynamic_shapes=({2: auto, 3: auto},))
    [output] = [node for node in program.graph.nodes if node.op == 'output']
    height, width = output.args[0][0].meta['val'].shape[2:]
    assert max(len(str(height)), len(str(width))) < 100
    odd = torch.rand(1, 1, 77, 125)
    torch.testing.assert_close(program.module()(odd), network(odd))


def test_a_network_of_timm_is_traced_for_any_size():
    backbone = TimmBackbone(model_name='tf_efficientnet_lite0', out_indices=(0,)).eval().requires_grad_(False)
    with plain_kernels():
        traced = torch.jit.trace(lambda image: backbone(image)[0], torch.rand(1, 3, 64, 96), check_trace=False)
        odd = torch.rand(1, 3, 77, 125)
        torch.testing.assert_close(traced(odd), backbone(odd)[0])
