"""What every run has in common: logging, devices, where to start from. Adaptation code of the method is elsewhere."""

# One line in the log and one set of TensorBoard scalars every 50 iterations.
log_config = dict(
    interval=50,
    hooks=[dict(type='TextLoggerHook', by_epoch=False), dict(type='TensorboardLoggerHook')],
)
dist_params = dict(backend='nccl', check_interval=500)  # of several processes: docs/multi_gpu.md
log_level = 'INFO'
load_from = None  # weights to start from (a segmentor's or a UDA run's checkpoint)
resume_from = None  # a run to go on with: weights, optimizer, teacher, iteration
workflow = [('train', 1)]
cudnn_benchmark = True
