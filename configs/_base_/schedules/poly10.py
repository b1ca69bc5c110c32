"""Linear decay without warm-up, as in the paper's Table 4 ("without").

The published definition ends at 1e-4, above the base learning rate of AdamW here (6e-5): the encoder's learning
rate rises to 1e-4 while the head's falls from 6e-4 to it. Kept, since the published numbers were made with it.
"""

lr_config = dict(policy='poly', power=1.0, min_lr=0.0001, by_epoch=False)
