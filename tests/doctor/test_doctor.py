"""The doctor finds what is missing, says the way out and fails where nothing would work."""

import pytest
import torch

from mmseg.commands import doctor
from mmseg.doctor import devices, files, software, storage
from mmseg.doctor.findings import FAIL, NOTE, OK, Finding, answers


def test_an_error_in_a_question_is_its_answer():
    def file_locks():
        yield Finding('first', OK, 'fine')
        raise OSError(38, 'Function not implemented')

    assert list(answers(file_locks)) == [
        Finding('first', OK, 'fine'),
        Finding('file locks', FAIL, 'OSError: [Errno 38] Function not implemented'),
    ]


def test_packages_are_those_of_the_installation(monkeypatch):
    monkeypatch.setattr(software, 'requirements', lambda: ['numpy>=2.0', 'no-such-package>=1'])
    numpy, absent = software.packages()
    assert (numpy.what, numpy.state) == ('numpy', OK)
    assert (absent.state, absent.remedy) == (FAIL, "python -m pip install 'no-such-package>=1'")


@pytest.mark.parametrize(('version', 'state'), [((3, 10), FAIL), ((3, 12), OK), ((3, 15), NOTE)])
def test_a_python_that_is_too_old_fails_and_one_that_is_newer_than_tested_is_noted(monkeypatch, version, state):
    monkeypatch.setattr(software.sys, 'version_info', (*version, 1))
    (found,) = software.python()
    assert found.state == state


def test_kernels_are_launched_and_what_they_compute_is_compared(monkeypatch):
    found = {finding.what: finding for finding in devices.kernels()}
    assert found['cpu, float32'].state == OK

    monkeypatch.setattr(
        devices.functional, 'conv2d', lambda image, weight: torch.full((1,), float(image.dtype.itemsize))
    )
    broken = {finding.what: finding for finding in devices.kernels()}
    assert broken['cpu, float32'].state == FAIL


def test_a_disk_that_keeps_no_file_fails_and_locks_are_tried_by_a_second_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(storage, 'WRITTEN', storage.MIB)
    (disk,) = storage.disk()
    assert disk.state in (OK, NOTE)
    (locks,) = storage.locks()
    assert locks.state == OK
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_is_absent_incomplete_not_converted_or_ready(tmp_path, monkeypatch):
    monkeypatch.setattr(files, 'DATA', tmp_path)
    parts = [files.Part('gta/images', '.png', 2), files.Part('gta/labels', '_labelTrainIds.png', 2, 'convert it')]
    monkeypatch.setattr(files, 'PARTS', {'gta': parts})

    def told():
        (finding,) = files.data_sets()
        return finding.state, finding.told

    assert told() == (NOTE, 'absent')
    for folder in ('images', 'labels'):
        (tmp_path / 'gta' / folder).mkdir(parents=True)
    (tmp_path / 'gta' / 'images' / '1.png').touch()
    state, text = told()
    assert state == NOTE
    assert 'images: 1 of 2 files *.png;' in text
    assert 'labels: 0 of 2 files *_labelTrainIds.png: convert it' in text
    (tmp_path / 'gta' / 'images' / '2.png').touch()
    for name in ('1', '2'):
        (tmp_path / 'gta' / 'labels' / f'{name}_labelTrainIds.png').touch()
    assert told()[1] == 'no sample_class_stats.json: mmseg convert gta data/gta'
    (tmp_path / 'gta' / files.INDEX).touch()
    assert told() == (OK, 'complete')


def test_the_last_line_says_what_to_do_and_the_exit_code_whether_it_works(capsys, monkeypatch):
    found = [Finding('disk', OK, 'fine'), Finding('data/gta', NOTE, 'absent')]
    monkeypatch.setattr(doctor, '_findings', lambda: iter(found))
    assert doctor.main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith('Next: ')
    found.append(Finding('cpu, float32', FAIL, 'illegal instruction', 'another torch'))
    assert doctor.main([]) == 1
    said = capsys.readouterr().out
    assert 'another torch' in said
    assert said.splitlines()[-1] == 'Next: mend cpu, float32.'
