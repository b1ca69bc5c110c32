"""A page on this machine to drop images on: what trained networks say of them, pixel by pixel.

From Python's own HTTP server and one page without libraries: nothing is fetched from elsewhere, nothing sent there.
"""
