"""Two drawn domains of street scenes: what stands in a street, how it is seen and painted, and the pair on disk."""

from mmseg.datasets.toy.pair import ToyParams, command_for, is_written, save, shots, take, write_toy

__all__ = ['ToyParams', 'command_for', 'is_written', 'save', 'shots', 'take', 'write_toy']
