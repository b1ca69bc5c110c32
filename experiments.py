"""Door to the tables of experiments, :mod:`mmseg.config.tables`, and to the command that trains them.

python experiments.py --list           # all tables
python experiments.py --exp 1 --list   # the runs of one
python experiments.py --exp 1          # train them; the same as: python run_experiments.py --exp 1
"""

from mmseg.config.tables import TABLES, generate_experiment_cfgs, rows_of

__all__ = ['TABLES', 'generate_experiment_cfgs', 'rows_of']

if __name__ == '__main__':
    from mmseg.commands.train import run

    run()
