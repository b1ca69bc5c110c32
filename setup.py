"""Everything is in pyproject.toml but this: a wheel has configs/ inside the package, as mmseg/configs/."""

from setuptools import find_namespace_packages, setup

CONFIGS = [f'mmseg.configs.{folder}' for folder in find_namespace_packages('configs', exclude=['generated*'])]

setup(
    packages=[*find_namespace_packages(include=['mmseg', 'mmseg.*']), 'mmseg.configs', *CONFIGS],
    package_dir={'mmseg.configs': 'configs'},
)
