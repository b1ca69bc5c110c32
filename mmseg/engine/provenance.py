"""What a run was made with: kept in its folder, in its logs and in every checkpoint."""

import json
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from mmengine import Config

from mmseg.arithmetic import tf32_setting
from mmseg.foreign_json import parse_json
from mmseg.writing import write_text

PACKAGES = ('torch', 'torchvision', 'timm', 'numpy', 'opencv-python-headless', 'onedl-mmengine')
ENVIRONMENT_FILE = 'environment.txt'


def environment(seed: int) -> dict[str, str]:
    """Versions, device, command line, code revision and seed, by name."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        'command': shlex.join(sys.argv),
        'seed': str(seed),
        'git': git_revision(),
        'python': platform.python_version(),
        'platform': platform.platform(),
        **{package: _version(package) for package in PACKAGES},
        'cuda': str(torch.version.cuda),
        # asking for it loads it, which without a GPU is memory for nothing
        **({'cudnn': str(torch.backends.cudnn.version())} if gpus else {}),
        'gpu': ', '.join(gpus) or 'none',
        'tf32': tf32_setting(),
        'processor': processor(),
        'cpu_threads': str(torch.get_num_threads()),
    }


def processor() -> str:
    """The name of the processor, where the system tells it."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text(encoding='utf-8').splitlines() if info.is_file() else []
    names = (line.partition(':')[2].strip() for line in lines if line.startswith('model name'))
    return next(names, '') or platform.processor() or platform.machine()


def git_revision() -> str:
    """Commit of the code, with '-dirty' where files differ from it; 'unknown' outside a repository."""
    command = ['git', 'describe', '--always', '--dirty', '--abbrev=40', '--exclude=*']
    try:
        found = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 'unknown'
    return found.stdout.strip()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return 'not installed'


def config_text(cfg: Config) -> str:
    """The complete resolved config as JSON, in the form that is read back as a config file."""
    return json.dumps(cfg.to_dict(), indent=2, default=str)


def saved_config(text: Any) -> dict[str, Any] | None:
    """What :func:`config_text` has made a text of; None if it is not the text of a config."""
    try:
        values = parse_json(text)
    except (TypeError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def write_provenance(work_dir: Path, cfg: Config, record: dict[str, str]) -> None:
    """Leave ``<name of the folder>.json`` (the config) and the environment in ``work_dir``."""
    write_text(work_dir / f'{work_dir.resolve().name}.json', config_text(cfg), durable=True)
    lines = [f'{name}: {value}' for name, value in record.items()]
    write_text(work_dir / ENVIRONMENT_FILE, '\n'.join(lines) + '\n')
