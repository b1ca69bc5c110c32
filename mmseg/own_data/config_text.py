"""A first config for somebody's own data, short and commented."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmseg.config.read import SHIPPED_CONFIGS, as_base
from mmseg.datasets.label_sets import distinct_colours
from mmseg.own_data.guess import Classes, Geometry, guess_iterations, guess_sampling
from mmseg.own_data.look import ImageFacts
from mmseg.own_data.naming import Naming

BASES = SHIPPED_CONFIGS / '_base_'
OPENCV_BANDS = 4  # so many bands are read in OpenCV's order
HELD_OUT_FROM = 20  # images; of fewer none can be spared
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class Domain:
    """Folders of one domain and how the names in them go; ``labels`` None: images alone."""

    images: Path
    labels: Path | None
    naming: Naming


@dataclass(frozen=True)
class Plan:
    """Everything a config is written from. ``pretrained`` is a file of encoder weights, or None."""

    source: Domain
    target: Domain | None
    val: Domain | None
    classes: Classes
    geometry: Geometry
    facts: ImageFacts
    pretrained: str | None


def config_text(plan: Plan, file: Path) -> str:
    """The text of the config ``file``."""
    parts = [
        _head(plan, file),
        _classes(plan.classes),
        _network(plan),
        _pipelines(plan),
        _data(plan),
        _method(plan) if plan.target else '',
        _schedule(plan),
    ]
    return '\n'.join(part for part in parts if part) + '\n'


def _head(plan: Plan, file: Path) -> str:
    target = f' -> {plan.target.images}' if plan.target else ' (labelled images alone)'
    bases = ['default_runtime.py', 'models/daformer_sepaspp_mitb0_small.py', 'schedules/adamw.py']
    bases += ['uda/dacs.py'] if plan.target else []
    lines = ',\n'.join(f'    {as_base(BASES / base, file)!r}' for base in bases)
    return f'''"""{plan.source.images}{target}. Written by mmseg init: look at every line marked "check".

    mmseg check {file}
    python -m tools.browse_dataset {file}
    mmseg train {file}
"""

_base_ = [
{lines},
]
seed = 0
'''


def _classes(classes: Classes) -> str:
    width = max(len(repr(name)) for name in classes.names)
    shares = classes.shares or [0.0] * len(classes.names)
    rows = '\n'.join(
        f'    {f"{name!r},":<{width + 1}}  # {i}: {share:.2%} of the pixels looked at'
        for i, (name, share) in enumerate(zip(classes.names, shares, strict=True))
    )
    palette = [list(colour) for colour in classes.colours or distinct_colours(len(classes.names))]
    notes = ''.join(f'# check: {note}\n' for note in classes.notes)
    extras = []
    if classes.label_map is not None:
        extras.append(f'label_map={classes.label_map!r}')
    if classes.label_colors is not None:
        rows_of = ''.join(f'    dict(color={list(colour)}, name={name!r}),\n' for colour, name in classes.label_colors)
        extras.append(f'label_colors=[\n{rows_of}]')
    if classes.reduce_zero_label:
        extras.append('reduce_zero_label=True')
    return f"""# Everything that depends on the number of classes takes it from here.
{notes}classes = [
{rows}
]
palette = {palette!r}  # RGB
labels = dict({', '.join(extras)})  # what the values in label files mean, where they are not 0..N-1
"""


def _network(plan: Plan) -> str:
    bands = f'in_chans={plan.facts.bands}' if plan.facts.bands != 3 else ''
    if plan.pretrained:
        start = f'pretrained={plan.pretrained!r}'
        note = '# The smallest encoder, from ImageNet weights.'
    else:
        start = 'pretrained=None'
        note = '# The smallest encoder, from scratch. Much better: ImageNet weights (mmseg download mit_b0),\n# with '
        note += _weights_wanted(plan.facts)
    return f"""{note}
model = dict({start}, backbone=dict({bands}), decode_head=dict(num_classes=len(classes)))
"""


def _weights_wanted(facts: ImageFacts) -> str:
    """What to set for ImageNet weights, of images like these."""
    if facts.is_photo:
        return "pretrained='pretrained/mit_b0.pth', lr=6e-5, and the mean and std of ImageNet below."
    if facts.bands == len(IMAGENET_MEAN):
        return "pretrained='pretrained/mit_b0.pth' and lr=6e-5."
    init = "init_cfg=dict(type='Pretrained', checkpoint='pretrained/mit_b0.pth', bands='mean')"
    return f'lr=6e-5 and, in backbone,\n# {init}.'


def _pipelines(plan: Plan) -> str:
    facts, geometry = plan.facts, plan.geometry
    mean, std = (IMAGENET_MEAN, IMAGENET_STD) if plan.pretrained else (_rounded(facts.mean), _rounded(facts.std))
    origin = 'of ImageNet, as the encoder knows it' if plan.pretrained else f'measured on {facts.looked} source images'
    load = "dict(type='LoadImageFromFile')"
    if not facts.is_photo:
        load = "dict(type='LoadImageFromFile', color_type='unchanged')"
    resize = f"\n    dict(type='Resize', img_scale={geometry.scale}, keep_ratio=True)," if geometry.scale else ''
    view = f'img_scale={geometry.scale}' if geometry.scale else 'img_scale=None, img_ratios=1.0'
    notes = ''.join(f'# check: {note}\n' for note in geometry.notes)
    return f"""{notes}norm = dict(mean={list(mean)!r}, std={list(std)!r}, to_rgb={facts.bands == 3})  # {origin}
crop_size = ({geometry.crop}, {geometry.crop})  # height, width
load = {load}
crop = [{resize}
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Normalize', **norm),
    dict(type='Pad', size=crop_size, pad_val=0),
    dict(type='DefaultFormatBundle'),
]
labelled = [load, dict(type='LoadAnnotations'), *crop, dict(type='Collect', keys=['img', 'gt_semantic_seg'])]
unlabelled = [load, *crop, dict(type='Collect', keys=['img'])]
test_pipeline = [
    load,
    dict(
        type='MultiScaleFlipAug',
        {view},
        flip=False,
        transforms=[
            dict(type='Resize', keep_ratio=True),
            dict(type='RandomFlip'),
            dict(type='Normalize', **norm),
            dict(type='ImageToTensor', keys=['img']),
            dict(type='Collect', keys=['img']),
        ],
    ),
]
"""


def _data(plan: Plan) -> str:
    lines = [f'source = {_domain(plan.source, "labelled")}']
    train = 'source'
    if plan.target:
        target = Domain(plan.target.images, None, plan.target.naming)
        lines.append(f'target = {_domain(target, "unlabelled")}  # its labels are never read')
        sampling = ', '.join(f'{key}={value}' for key, value in guess_sampling(plan.geometry.crop).items())
        train = f"""dict(
        type='UDADataset',
        source=source,
        target=target,
        # a class is drawn by its rarity, then an image with more than min_pixels of it
        rare_class_sampling=dict({sampling}),
    )"""
    if plan.val:
        lines.append(f'val = {_domain(plan.val, "test_pipeline")}')
        val = 'val=val, test=val'
    else:
        images = plan.target or Domain(plan.source.images, None, plan.source.naming)
        lines.append(f'images = {_domain(Domain(images.images, None, images.naming), "test_pipeline")}')
        lines.append('# No labelled images to measure on: look at predictions instead (mmseg predict).')
        val = 'val=None, test=images'
    lines.append(f'data = dict(\n    samples_per_gpu=2,\n    train={train},\n    {val},\n)')
    return '\n'.join(lines) + '\n'


def _domain(domain: Domain, pipeline: str) -> str:
    naming = domain.naming
    several = naming.suffixes.img
    suffix = several[0] if len(several) == 1 else list(several)
    fields = [f'img_dir={str(domain.images)!r}', f'img_suffix={suffix!r}']
    fields += [f'ann_dir={str(domain.labels)!r}'] if domain.labels else []
    # of images alone too: files that end so beside them are none
    fields += [f'seg_map_suffix={naming.suffixes.seg_map!r}'] if naming.suffixes.seg_map else []
    fields += ['**labels'] if domain.labels else []
    rows = ''.join(f'    {part},\n' for part in ("type='CustomDataset'", *fields, 'classes=classes', 'palette=palette'))
    return f'dict(\n{rows}    pipeline={pipeline},\n)'


def _method(plan: Plan) -> str:
    jitter = ''
    bands = plan.facts.bands
    if bands > 3:
        rgb, order = ([2, 1, 0], 'B, G, R and the rest') if bands == OPENCV_BANDS else ([0, 1, 2], 'as stored')
        jitter = (
            f'\n    # color_jitter_bands={rgb},  # check: red, green, blue of bands that come {order}; without, '
            'of brightness and contrast alone'
        )
    return f"""uda = dict(
    alpha=0.999,  # the teacher keeps this share of itself in every iteration{jitter}
    pseudo_weight_ignore_top=0,  # rows that show no scene in the target: the own car, an edge of the camera
    pseudo_weight_ignore_bottom=0,
)
"""


def _schedule(plan: Plan) -> str:
    iterations = guess_iterations(len(plan.source.naming.names))
    rate, head = ('6e-5', 10.0) if plan.pretrained else ('5e-4', 2.0)
    reason = 'the rate of the papers' if plan.pretrained else 'from scratch; with ImageNet weights 6e-5'
    if plan.val:
        measured = f"evaluation = dict(interval={iterations // 10}, metric='mIoU')"
    elif plan.target:
        share = 0.1 if len(plan.source.naming.names) >= HELD_OUT_FROM else 0
        measured = f"""evaluation = None
# Without target labels: how sure the network is of the target, and mIoU on source images that training leaves out.
target_monitor = dict(interval={iterations // 10}, held_out={share})"""
    else:
        measured = 'evaluation = None'
    return f"""optimizer = dict(
    lr={rate},  # {reason}
    paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult={head}), norm=dict(decay_mult=0.0))),
)
# {round(2 * iterations / len(plan.source.naming.names))} times through the source
runner = dict(type='IterBasedRunner', max_iters={iterations})
lr_config = dict(
    policy='poly',
    power=1.0,
    min_lr=0.0,
    by_epoch=False,
    warmup='linear',
    warmup_iters={iterations // 20},
    warmup_ratio=1e-6,
)
checkpoint_config = dict(by_epoch=False, interval={iterations // 10}, max_keep_ckpts=1)
{measured}
exp = 'own'
"""


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 3) for value in values]
