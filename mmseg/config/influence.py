"""Which settings of a run have a part in what it learns."""

from typing import Any

#: Top-level keys without influence on what is learnt: changing them does not make it another run.
WITHOUT_INFLUENCE = {
    'work_dir',
    'resume_from',
    'checkpoint_config',
    'evaluation',
    'log_config',
    'log_level',
    'dist_params',
    'workflow',
}
#: The same in the data, however deep.
DATA_WITHOUT_INFLUENCE = {'workers_per_gpu', 'cache_dir'}


def of_influence(data: Any) -> Any:
    """The ``data`` section of a config without what has no influence."""
    if isinstance(data, dict):
        return {key: of_influence(value) for key, value in data.items() if key not in DATA_WITHOUT_INFLUENCE}
    return [of_influence(part) for part in data] if isinstance(data, list | tuple) else data
