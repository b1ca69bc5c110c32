"""Python, the packages, compilers and the cluster's commands."""

import platform
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from mmseg.doctor.findings import FAIL, NOTE, OK, Finding

DISTRIBUTION = 'mmseg-uda'
TESTED = ((3, 11), (3, 13))
#: without an installation of ours that would list them
PACKAGES = ('torch', 'torchvision', 'timm', 'numpy', 'opencv-python-headless', 'onedl-mmengine', 'tqdm')


def python() -> Iterator[Finding]:
    version, (oldest, newest) = sys.version_info[:2], TESTED
    state = FAIL if version < oldest else NOTE if version > newest else OK
    remedy = '' if state == OK else f'Python {oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]} are tested.'
    yield Finding('Python', state, f'{platform.python_version()} on {platform.platform()}', remedy)


def packages() -> Iterator[Finding]:
    """Every package that is needed, with its version."""
    for requirement in requirements():
        name = re.split(r'[<>=!~;\s\[]', requirement, maxsplit=1)[0]
        try:
            yield Finding(name, OK, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, FAIL, 'not installed', f"python -m pip install '{requirement}'")


def requirements() -> list[str]:
    try:
        return [text for text in metadata.requires(DISTRIBUTION) or () if 'extra ==' not in text]
    except metadata.PackageNotFoundError:
        return list(PACKAGES)


def compilers() -> Iterator[Finding]:
    """What ``compile=True`` needs."""
    from mmseg.engine.acceleration import find_compiler  # noqa: PLC0415 (imports torch)

    compiler = find_compiler()
    header = Path(sysconfig.get_path('include'), 'Python.h').is_file()
    missing = [name for name, there in (('a C++ compiler', compiler), ('Python.h', header)) if not there]
    told = f'{compiler or "no C++ compiler"}, {"Python.h" if header else "no Python.h"}'
    remedy = f'Only compile=True needs {" and ".join(missing)} (g++, python3-dev).' if missing else ''
    yield Finding('compiler', NOTE if missing else OK, told, remedy)


def cluster() -> Iterator[Finding]:
    sbatch = shutil.which('sbatch')
    yield Finding('Slurm', OK if sbatch else NOTE, sbatch or 'no sbatch: --machine slurm is not for this machine')
