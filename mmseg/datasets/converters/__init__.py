"""Label files of published data sets -> train ids: a file each, with SUFFIX, LABELS, DOWNLOAD and ``read``."""
