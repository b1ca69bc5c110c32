"""mmseg: unsupervised domain adaptation of semantic segmentation, from config files."""

__version__ = '1.0.0'

from mmseg import registry as registry  # after `import mmseg`, mmseg.registry.MODELS.build(...) works
