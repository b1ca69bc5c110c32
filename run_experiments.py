"""Door to :mod:`mmseg.commands.train`; python run_experiments.py --help says what it does."""

from mmseg.commands.train import main, run

__all__ = ['main']

if __name__ == '__main__':
    run()
