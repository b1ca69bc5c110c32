"""From folders of somebody's own images and labels to a first config."""
