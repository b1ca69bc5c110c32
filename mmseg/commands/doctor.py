"""What this machine can do, tried on it, and what to do next.

Ends with 1 if something that training or prediction needs does not work.
"""

import argparse
from collections.abc import Iterator, Sequence

from mmseg import signals
from mmseg.errors import command


@command
def main(argv: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    from mmseg.doctor.findings import FAIL, Finding  # noqa: PLC0415

    found: list[Finding] = []
    for finding in _findings():
        found.append(finding)
        print(f'{finding.state:5} {finding.what:24} {finding.told}', flush=True)
        if finding.remedy:
            print(f'{"":30} {finding.remedy}', flush=True)
    failed = [finding.what for finding in found if finding.state == FAIL]
    print(f'\n{next_step(failed, {finding.what: finding.state for finding in found})}')
    return int(bool(failed))


def _findings() -> Iterator:
    from mmseg.doctor import software  # noqa: PLC0415 (works without torch)
    from mmseg.doctor.findings import FAIL, Finding, answers  # noqa: PLC0415

    for question in (software.python, software.packages):
        yield from answers(question)
    try:
        with signals.while_starting():
            from mmseg.doctor import devices, files, storage  # noqa: PLC0415
    except ImportError as error:
        yield Finding('import', FAIL, f'{error}', 'make install, or python -m pip install --editable .')
        return
    questions = (
        *(devices.processors, devices.driver, devices.kernels, software.compilers, storage.memory),
        *(storage.shared_memory, storage.disk, storage.locks, software.cluster, files.data_sets, files.weights),
    )
    for question in questions:
        yield from answers(question)


def next_step(failed: Sequence[str], states: dict[str, str]) -> str:
    """One sentence: what to do now."""
    if failed:
        return f'Next: mend {", ".join(failed)}.'
    ready = [name for name, state in states.items() if name.startswith('data/') and state == 'ok']
    if not ready:
        return 'Next: mmseg quickstart needs no data; for your own images: mmseg init --help.'
    if states.get('weights') != 'ok':
        return 'Next: mmseg download mit_b5, then mmseg train CONFIG.'
    return 'Next: mmseg train CONFIG; mmseg config list shows what there is.'
