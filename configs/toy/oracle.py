"""Oracle: the network of daformer.py on the camera pictures with their labels, what adaptation is measured against."""

_base_ = ['toy_base.py']
data = dict(train=dict(_delete_=True, **_base_.camera_train_labelled))
lr_config = dict(warmup='linear', warmup_iters=50, warmup_ratio=1e-6)
name = 'oracle'
