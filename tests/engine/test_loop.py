"""What the loop does besides the step."""

from torch import nn

from mmseg.engine.loop import TrainMode


class Counting(nn.Sequential):
    walks = 0

    def train(self, mode: bool = True):
        self.walks += mode
        super().train(mode)
        self[1].eval()  # what is frozen
        return self


def test_train_mode_is_set_anew_only_where_something_has_left_it():
    model = Counting(nn.Dropout(), nn.Dropout()).eval()
    mode = TrainMode(model)
    for _ in range(3):
        mode.set()
        assert [model.training, model[0].training, model[1].training] == [True, True, False]
    assert model.walks == 1
    for changed in (model[0].eval, model[1].train, model.eval):
        changed()
        mode.set()
        assert [model.training, model[0].training, model[1].training] == [True, True, False]
    assert model.walks == 4
