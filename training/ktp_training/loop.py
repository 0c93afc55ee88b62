"""The training loop: mmengine's, but a resumed training starts at once."""

from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop
from torch import nn


@LOOPS.register_module()
class KtpTrainLoop(IterBasedTrainLoop):
    """Iterate without end over the data.

    mmengine loads and throws away as many batches as were trained before; here batches are drawn at random, so there
    is nothing to skip.
    """

    def run(self) -> nn.Module:
        """Train up to the last iteration, with validations between."""
        self.runner.call_hook("before_train")
        self.runner.call_hook("before_train_epoch")
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            self._decide_current_val_interval()
            due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
            if self.runner.val_loop is not None and self._iter >= self.val_begin and due:
                self.runner.val_loop.run()
        self.runner.call_hook("after_train_epoch")
        self.runner.call_hook("after_train")
        return self.runner.model
