"""MiT-B5 with the DAFormer head on GTA alone, with warm-up: gta2cs_source-only_daformer_mitb5_s0.py by its short name.

python run_experiments.py --config configs/daformer/mitb_5_src.py
"""

_base_ = ['gta2cs_source-only_daformer_mitb5_s0.py']
name = 'mitb_5_src'
