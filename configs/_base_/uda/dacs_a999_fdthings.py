"""The DAFormer method without its sampling: slower teacher, feature distance on thing classes."""

_base_ = ['dacs_fdthings.py']
uda = dict(alpha=0.999)
