"""Everything is in pyproject.toml but this: a wheel has configs/ inside the package, as mmseg/configs/."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=['mmseg*']), 'mmseg.configs'], package_dir={'mmseg.configs': 'configs'})
