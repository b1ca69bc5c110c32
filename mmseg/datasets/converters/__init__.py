"""Label files of published data sets -> train ids: a file each, with SUFFIX, DOWNLOAD and ``read``."""
