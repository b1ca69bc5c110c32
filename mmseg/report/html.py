"""One HTML page that holds everything itself: no network, no other file.

The page is a template with a style sheet and a script (``page/``) around the data as JSON; the script draws the tables
and charts.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mmseg.evaluation.label_free import LABEL_FREE
from mmseg.foreign_json import dump_json, writable_text
from mmseg.report.compare import config_rows, environment_rows
from mmseg.report.facts import ORACLE, SOURCE_ONLY
from mmseg.report.gallery import Gallery
from mmseg.report.logs import thin
from mmseg.report.results import classes_of, metrics_of, tested
from mmseg.report.runs import CLASS, Experiment, Run, differing, seed_name
from mmseg.writing import write_text

PARTS = Path(__file__).with_name('page')
MAX_POINTS = 400  # of a curve
TRAINING = ('loss', 'lr')
SCRIPTS = ('common.js', 'results.js', 'charts.js', 'gallery.js', 'differences.js')


def write_page(
    path: Path, experiments: Sequence[Experiment], gallery: Gallery, *, title: str, left_out: Sequence[str] = ()
) -> Path:
    """Write the page, which names runs that were ``left_out``; folders are made as needed. Returns ``path``."""
    # '<' ends a script element wherever it stands in '</script>': JSON has another spelling for it.
    data = dump_json(page_data(experiments, gallery, title, left_out), separators=(',', ':'), ensure_ascii=False)
    parts = {
        'TITLE': escaped(writable_text(title)),
        'STYLE': (PARTS / 'page.css').read_text(encoding='utf-8'),
        'DATA': data.replace('<', '\\u003c'),
        'SCRIPT': '\n'.join((PARTS / name).read_text(encoding='utf-8') for name in SCRIPTS),
    }
    page = (PARTS / 'page.html').read_text(encoding='utf-8')
    page = re.sub('@([A-Z]+)@', lambda place: parts[place[1]], page)  # in one pass: a part may hold such a name
    write_text(path, page)
    return path


def escaped(text: str) -> str:
    """Text for HTML."""
    return text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')


def page_data(
    experiments: Sequence[Experiment], gallery: Gallery, title: str, left_out: Sequence[str]
) -> dict[str, Any]:
    """What the page shows, as plain data."""
    return {
        'title': title,
        'made': f'{datetime.now():%Y-%m-%d %H:%M}',
        'metrics': metrics_of(experiments),
        'classes': classes_of(experiments),
        'experiments': [_experiment(number, one, experiments) for number, one in enumerate(experiments)],
        'curves': _curves(experiments),
        'warnings': [
            *({'experiment': 'left out', 'kind': '', 'text': text} for text in left_out),
            *warnings_of(experiments),
        ],
        'gallery': {
            'scenes': [
                {
                    'name': scene.name,
                    'layers': [[layer.title, layer.uri] for layer in scene.layers],
                    'colours': {name: list(colour) for name, colour in scene.colours.items()},
                }
                for scene in gallery.scenes
            ],
            'notes': gallery.notes,
        },
        'config': config_rows(experiments),
        'environment': environment_rows([run for one in experiments for run in one.runs]),
    }


def warnings_of(experiments: Sequence[Experiment]) -> list[dict[str, str]]:
    """What a reader has to know before quoting a number.

    That there is none, unstable classes, unfinished runs, unequal repetitions.
    """
    found = []
    for one in experiments:
        if figures := _label_free(one):
            text = f'label-free figures: {figures}. None of them says that a prediction on the target is right'
            found.append({'experiment': one.label, 'kind': 'no mIoU, no labels', 'text': text})
        for unstable in one.unstable():
            values = ', '.join(f'{value:.1f} ({seed})' for seed, value in unstable.by_seed.items())
            found.append({'experiment': one.label, 'kind': 'unstable class', 'text': f'{unstable.title}: IoU {values}'})
        for run in one.runs:
            if not run.finished:
                text = f'{run.name}: at iteration {run.iteration} of {run.facts.iterations}'
                text += '' if run in one.counted else ', not counted'
                found.append({'experiment': one.label, 'kind': 'unfinished', 'text': text})
        keys = differing([run.config for run in one.runs])
        if keys:
            text = f'runs under one name differ in {", ".join(keys)}'
            found.append({'experiment': one.label, 'kind': 'unequal runs', 'text': text})
    return found


def _label_free(one: Experiment) -> str:
    """The last label-free figures of an experiment without a score, in percent; '' where there are none."""
    if one.spread(one.headline) is not None:
        return ''
    log = one.runs[0].log
    last = {key: log.curve(key)[1][-1] for key in LABEL_FREE if key in log.names()}
    return ', '.join(f'{key} {value:.1f} %' for key, value in last.items())


def _experiment(number: int, one: Experiment, experiments: Sequence[Experiment]) -> dict[str, Any]:
    facts, published = one.facts, one.published
    metrics = [*metrics_of(experiments), 'aAcc', 'mAcc', *(CLASS + name for name in classes_of(experiments))]
    spreads = {metric: one.spread(metric) for metric in metrics}
    return {
        'id': number,
        'label': one.label,
        'setting': facts.setting,
        'role': {SOURCE_ONLY: 'source', ORACLE: 'oracle'}.get(facts.setting, 'method'),
        'network': f'{facts.encoder} + {facts.decoder}',
        'domains': facts.domains,
        'data': facts.data,
        'tested': tested(one),
        'iterations': facts.iterations,
        'headline': one.headline,
        'values': {metric: list(spread) for metric, spread in spreads.items() if spread},
        'relative': one.relative(one.headline),
        'relativeClasses': {name: one.relative(CLASS + name) for name in classes_of(experiments)},
        'oracle': next((i for i, other in enumerate(experiments) if other is one.oracle), None),
        'published': {
            'values': dict(published.values),
            'std': dict(published.std),
            'split': published.split,
            'origin': published.origin,
        }
        if published
        else None,
        'unstable': [unstable.title for unstable in one.unstable()],
        'runs': [_run(run, one) for run in one.runs],
    }


def _run(run: Run, experiment: Experiment) -> dict[str, Any]:
    return {
        'name': run.name,
        'seed': seed_name(run),
        'iteration': run.iteration,
        'finished': run.finished,
        'counted': run in experiment.counted,
        'values': run.metrics,
        'command': run.environment.get('command', ''),
    }


def _curves(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """Every curve of every run, thinned; the keys that are shown first come first."""
    first = metrics_of(experiments)[:1]
    logged = {key for one in experiments for run in one.runs for key in run.log.names()}
    if not logged.intersection(first) and LABEL_FREE[0] in logged:  # a target without labels
        first = [LABEL_FREE[0]]
    keys: dict[str, None] = dict.fromkeys((*first, *TRAINING))
    lines = []
    for number, one in enumerate(experiments):
        for run in one.runs:
            curves = {}
            for key in run.log.names():
                if key.startswith('Acc.') or '/Acc.' in key:
                    continue
                iterations, values = run.log.curve(key)
                kept = thin(iterations, MAX_POINTS)
                curves[key] = [[iterations[i] for i in kept], [float(f'{values[i]:.5g}') for i in kept]]
            keys |= dict.fromkeys(curves)
            lines.append({'experiment': number, 'seed': seed_name(run), 'curves': curves})
    return {'keys': list(keys), 'runs': lines}
