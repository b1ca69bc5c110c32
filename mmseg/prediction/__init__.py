"""Reading anything (files, folders, video, huge tiles) -> label maps and confidences -> pictures and data."""
