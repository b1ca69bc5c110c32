"""Another spelling of uper_beit_DAFormer.py.

python run_experiments.py --config configs/daformer/uper_beit_DAFomer.py
"""

_base_ = ['uper_beit_DAFormer.py']
