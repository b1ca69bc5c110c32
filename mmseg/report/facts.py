"""What a config says about a run in the terms of the paper: setting, network, domains, seed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from mmseg.config.leaves import LABELLED, are_named, first_leaf, leaves, named_sets
from mmseg.config.names import own_data_name
from mmseg.config.tested_at import tested_at

SOURCE_ONLY, ORACLE = 'source-only', 'oracle'

# What trains and tests; the rest of a config's top level are its user's variables, which these hold already.
MEANINGFUL = (
    'model', 'uda', 'data', 'optimizer', 'optimizer_config', 'lr_config', 'runner', 'precision', 'accumulate',
    'compile', 'load_from', 'custom_hooks',
)  # fmt: skip
MACHINE = {'data_root', 'cache_dir', 'workers_per_gpu', 'debug_img_interval'}
EMPTY: tuple[Any, ...] = (None, {}, [], ())


@dataclass(frozen=True)
class Facts:
    """A run as a table of the paper would describe it.

    ``setting`` is 'source-only', 'oracle', or the UDA method with what it adds ('DACS + RCS + FD things + warm-up');
    ``encoder`` and ``decoder`` are registered types, with the depth where that tells networks apart (ResNetV1c-101);
    ``source`` and ``target`` name domains ('GTA', 'Cityscapes'), and ``source`` is '' for an oracle; ``data`` says in
    which folders they lie. ``tested`` says on which sets, at which size and with which network a run evaluates itself.
    """

    setting: str
    encoder: str
    decoder: str
    source: str
    target: str
    data: str
    iterations: int
    tested: str

    @property
    def domains(self) -> str:
        """``GTA → Cityscapes``."""
        return ' → '.join(filter(None, (self.source, self.target)))


def facts_of(config: Mapping[str, Any]) -> Facts:
    """The facts of a complete config (nested dicts)."""
    model, test = config['model'], first_leaf(config['data'].get('test') or config['data'].get('val'))
    setting = setting_of(config)
    labelled = labelled_data(config)
    parts = [test] if setting == ORACLE or not labelled else [labelled, test]
    source, target = ['', *map(domain, parts)][-2:]
    if source and len(labelled_domains(config)) > 1:
        source = '+'.join(labelled_domains(config))
    tests = named_sets(config['data'].get('test') or config['data'].get('val'))
    target = '+'.join(dict.fromkeys(domain(first_leaf(one)) for one in tests.values())) if len(tests) > 1 else target
    return Facts(
        setting=setting,
        encoder=encoder_of(model['backbone']),
        decoder=str(_first(model['decode_head']).get('type')),
        source=source,
        target=target,
        data=' → '.join(str(part.get('data_root') or part.get('img_dir')) for part in parts),
        iterations=int((config.get('runner') or {}).get('max_iters', 0)),
        tested=tested_in_words(config),
    )


def labelled_domains(config: Mapping[str, Any]) -> list[str]:
    """The names of all data sets with labels that a run trains on."""
    train = config['data'].get('train')
    parts = [train[key] for key in LABELLED if train.get(key)] if isinstance(train, Mapping) else []
    return list(dict.fromkeys(domain(leaf) for leaf in leaves(parts or train) if leaf.get('type')))


def tested_in_words(config: Mapping[str, Any]) -> str:
    """``val at 1024x512 (width x height), whole images``; of several sets each; with the network if not the student."""
    sets = named_sets(config['data'].get('val') or config['data'].get('test'))
    told = [f'{name or _split(one)} {tested_at(one, config["model"])}' for name, one in sets.items()]
    teacher = (config.get('evaluation') or {}).get('weights') == 'teacher'
    return '; '.join([*told, *(['teacher'] if teacher else [])])


def _split(described: Any) -> str:
    """The last folder of the images, or the file that lists them."""
    leaf = first_leaf(described)
    split, folder = _first(leaf.get('split')), _first(leaf.get('img_dir'))
    return PurePosixPath(str(split)).stem if split else PurePosixPath(str(folder or '')).name


def setting_of(config: Mapping[str, Any]) -> str:
    """What may be learnt from, and by which method; see :class:`Facts`."""
    uda = config.get('uda')
    if not uda:
        return ORACLE if _same_place(labelled_data(config), first_leaf(config['data'].get('test'))) else SOURCE_ONLY
    train = _first(config['data'].get('train') or {})
    parts = {
        'RCS': train.get('rare_class_sampling'),
        'FD things' if uda.get('imnet_feature_dist_classes') else 'FD': (uda.get('imnet_feature_dist_lambda') or 0) > 0,
        'soft mix': uda.get('soft'),
        'soft paste': uda.get('soft_paste'),
        'MMD': uda.get('mmd'),
        'warm-up': (config.get('lr_config') or {}).get('warmup'),
        **{str(term.get('type')): True for term in uda.get('terms') or ()},
    }
    method = str(uda.get('type', 'UDA'))
    added = [name for name, used in parts.items() if used]
    return ' + '.join(['DACS' if method == 'DACSPlus' else method, *added])


def identity(config: Mapping[str, Any]) -> str:
    """What two runs share exactly if they differ in nothing but the seed and the machine."""
    return json.dumps(portable(config), sort_keys=True, default=str)


def network(config: Mapping[str, Any]) -> str:
    """What two runs share exactly if they train the same network on pictures of the same target."""
    model = {key: value for key, value in config['model'].items() if key != 'pretrained'}
    return json.dumps(_movable(model), sort_keys=True, default=str) + test_data(config)


def test_data(config: Mapping[str, Any]) -> str:
    """What two runs share exactly if they are tested on the same pictures."""
    described = config['data'].get('test')
    tests = [first_leaf(one) for one in named_sets(described).values()] or [{}]
    plain = [{key: value for key, value in one.items() if key != 'pipeline'} for one in tests]
    test = plain if are_named(described) else plain[0]
    return json.dumps(_movable(test), sort_keys=True, default=str)


def flat(config: Any, path: str = '') -> dict[str, Any]:
    """A nested config as ``{'model.backbone.type': 'mit_b5', …}``; plain lists and pipelines stay together."""
    if path.endswith('pipeline') and isinstance(config, list | tuple):
        return {path: ' → '.join(_step(step) for step in config)}
    nested = isinstance(config, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in config)
    if isinstance(config, Mapping) or nested:
        items = config.items() if isinstance(config, Mapping) else enumerate(config)
        return {name: value for key, item in items for name, value in flat(item, f'{path}.{key}'.lstrip('.')).items()}
    return {path: config}


def _step(step: Mapping[str, Any]) -> str:
    """One step of a pipeline: ``Resize(img_scale=[192, 96])``."""
    arguments = []
    for key, value in step.items():
        inner = [_step(one) for one in value] if key == 'transforms' else value
        arguments += [] if key == 'type' else [f'{key}={" → ".join(inner) if key == "transforms" else inner}']
    return f'{step.get("type")}({", ".join(arguments)})'


def portable(config: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a config that decides the result, wherever the run took place."""
    kept = {key: _movable(config[key]) for key in MEANINGFUL if config.get(key) not in EMPTY}
    processes = config.get('n_gpus') or 1  # 0: one, on the CPU
    return kept if processes == 1 else {**kept, 'n_gpus': processes}  # each has a batch of its own


def _movable(value: Any) -> Any:
    """``value`` without settings of the machine, and folders without their place on it."""
    if isinstance(value, Mapping):
        kept = {key: _movable(item) for key, item in value.items() if key not in MACHINE}
        if isinstance(value.get('data_root'), str):
            kept['data_root'] = PurePosixPath(value['data_root']).name
        return kept
    return [_movable(item) for item in value] if isinstance(value, list | tuple) else value


def encoder_of(backbone: Mapping[str, Any]) -> str:
    """What a backbone is called: its type, with the depth or the timm name that completes it (ResNetV1c-101)."""
    completed = [backbone.get('type'), backbone.get('depth') or backbone.get('model_name')]
    return '-'.join(str(part) for part in completed if part)


def domain(data: Mapping[str, Any]) -> str:
    """What a data set is called: by its type, or an own one by its folders.

    Raises:
        ValueError: an own one without a folder.
    """
    if data.get('type') != 'CustomDataset':
        return str(data.get('type', '')).removesuffix('Dataset')
    name = own_data_name(data.get('data_root'), str(_first(data.get('img_dir'))))
    if not name:
        raise ValueError('CustomDataset without img_dir')
    return name


def labelled_data(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The description of the data with labels that a run trains on; empty where it has none."""
    data = _first(config['data'].get('train') or {})
    while inner := data.get('source') or data.get('dataset') or data.get('datasets'):
        data = _first(inner)
    return {} if data.get('target') else data


def _same_place(train: Mapping[str, Any], test: Mapping[str, Any]) -> bool:
    """Whether pictures for training and testing lie beside each other, and so are of one domain."""
    return _place(train) == _place(test)


def _place(data: Mapping[str, Any]) -> tuple[Any, ...]:
    return data.get('type'), data.get('data_root'), PurePosixPath(str(_first(data.get('img_dir')))).parent


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list | tuple) else value
