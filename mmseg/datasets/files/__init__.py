"""Which files are the images and label maps of a data set."""

from mmseg.datasets.files.folders import inside, shared_folder, walk
from mmseg.datasets.files.names import IMAGE_ENDS, Root, Suffixes, label_name, roots, suffixes_of
from mmseg.datasets.files.not_images import label_maps_among, predictions_among
from mmseg.datasets.files.pairs import Joined, Pairs
from mmseg.datasets.files.search import check_labels, image_names, no_label_map

__all__ = [
    'IMAGE_ENDS',
    'Joined',
    'Pairs',
    'Root',
    'Suffixes',
    'check_labels',
    'image_names',
    'inside',
    'label_maps_among',
    'label_name',
    'no_label_map',
    'predictions_among',
    'roots',
    'shared_folder',
    'suffixes_of',
    'walk',
]
