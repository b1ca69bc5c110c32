"""Debug pictures: where the published runs of HRDA and MIC say how often they are made."""

from typing import Any

from mmseg.config.rules import old_spelling


@old_spelling
def _interval_of_the_log(values: dict[str, Any]) -> list[str]:
    log, uda = values.get('log_config'), values.get('uda')
    if not isinstance(log, dict) or 'img_interval' not in log:
        return []
    interval = log.pop('img_interval')
    if not isinstance(uda, dict):
        return ['log_config.img_interval dropped (pictures are made in adaptation)']
    uda.setdefault('debug_img_interval', interval)
    return ['log_config.img_interval is now uda.debug_img_interval']
