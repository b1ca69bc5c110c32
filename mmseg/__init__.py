"""mmseg: unsupervised domain adaptation of semantic segmentation, from config files."""

__version__ = '1.0.0'
