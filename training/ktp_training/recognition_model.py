"""The recogniser's own parts: a small convolutional backbone and a CTC decoder with one recurrent layer."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.decoders.base import BaseDecoder
from mmocr.registry import MODELS, TASK_UTILS
from torch import Tensor, nn

from ktp_training.alphabet import ALPHABET
from ktp_training.precision import training_in_bfloat16


@TASK_UTILS.register_module()
class KtpDictionary(Dictionary):
    """The alphabet, then the CTC blank (mmocr's padding) as the last class; letter case matters."""

    def __init__(self) -> None:
        self.with_start = self.with_end = self.same_start_end = self.with_unknown = False
        self.with_padding = True
        self.padding_token, self.unknown_token = "<BLANK>", None
        self._dict = list(ALPHABET)
        self._update_dict()


class _Block(nn.Module):
    """Convolution, batch normalisation, ReLU; with a shortcut where the shape stays the same.

    Deeper blocks behind it begin as identities (their normalisation's weight is zero), so that a trained network can
    grow without forgetting. Source: Goyal et al. 2017, section 5.1; Chen et al. 2016 (Net2Net).
    """

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int], depth: int = 0) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.normalisation = nn.BatchNorm2d(outputs)
        self.activation = nn.ReLU(inplace=True)
        self.shortcut = inputs == outputs and stride == (1, 1)
        self.deeper = nn.Sequential(*(_Block(outputs, outputs, (1, 1)) for _ in range(depth)))
        for block in self.deeper:
            nn.init.zeros_(block.normalisation.weight)

    def forward(self, features: Tensor) -> Tensor:
        result = self.normalisation(self.convolution(features))
        return self.deeper(self.activation(features + result if self.shortcut else result))


@MODELS.register_module()
class KtpLineBackbone(BaseModule):
    """Grey lines (N, 1, 32, W) to features (N, C, 1, W / 4).

    Narrow strokes (I, l, /, ') are what a recogniser loses first, so the first layer keeps every column and the second
    still sees them all; rows are reduced instead, where a line of capitals carries little.
    """

    def __init__(
        self,
        channels: Sequence[int] = (24, 32, 48, 96, 128),
        depths: Sequence[int] = (0, 0, 0),
        init_cfg: dict | None = None,
    ) -> None:
        """Build the backbone.

        Args:
            channels: of the five stages.
            depths: deeper blocks at 8, 4 and 2 rows.
            init_cfg: mmengine's.
        """
        super().__init__(init_cfg)
        stem, early, middle, late, last = channels
        self.layers = nn.Sequential(
            _Block(1, stem, (2, 1)),  # 16 x W
            _Block(stem, early, (1, 2)),  # 16 x W/2
            _Block(early, middle, (2, 1)),  # 8 x W/2
            _Block(middle, middle, (1, 1), depths[0]),
            _Block(middle, late, (2, 2)),  # 4 x W/4
            _Block(late, late, (1, 1), depths[1]),
            _Block(late, last, (2, 1), depths[2]),  # 2 x W/4
            nn.Conv2d(last, last, (2, 1), bias=False),  # 1 x W/4
            nn.BatchNorm2d(last),
            nn.ReLU(inplace=True),
        )

    def forward(self, lines: Tensor) -> Tensor:
        """Features; in training in bfloat16 where the processor multiplies it natively, twice as fast."""
        with training_in_bfloat16(self, lines):
            features = self.layers(lines)
        return features.float()


@MODELS.register_module()
class KtpCtcDecoder(BaseDecoder):
    """One bidirectional LSTM and a linear layer: (N, C, 1, T) to class scores (N, S * T, classes).

    Every column answers S times, for S parts of its width: CTC needs a blank between equal characters, and the three
    strokes of `VIII` do not fit into as many columns of four pixels. The LSTM sees to it that neighbouring parts do not
    both announce one stroke; without it, characters came out twice.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        parts: int,
        dictionary: dict,
        module_loss: dict | None = None,
        postprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(dictionary=dictionary, module_loss=module_loss, postprocessor=postprocessor, init_cfg=init_cfg)
        self.recurrent = nn.LSTM(in_channels, hidden_channels, bidirectional=True)
        self.dropout = nn.Dropout(0.1)
        self.parts = parts
        self.classify = nn.Linear(2 * hidden_channels, parts * self.dictionary.num_classes)

    def forward_train(
        self, feat: Tensor, out_enc: Tensor | None = None, data_samples: Sequence[object] | None = None
    ) -> Tensor:
        """Score the classes of every time step."""
        steps_first = feat.squeeze(2).permute(2, 0, 1)
        with training_in_bfloat16(self, feat):
            recurrent, _ = self.recurrent(steps_first)
        scores = self.classify(self.dropout(recurrent.float())).permute(1, 0, 2)
        return scores.reshape(scores.shape[0], -1, self.dictionary.num_classes)

    def forward_test(
        self, feat: Tensor, out_enc: Tensor | None = None, data_samples: Sequence[object] | None = None
    ) -> Tensor:
        """Probabilities of the classes at every time step."""
        return self.forward_train(feat, out_enc, data_samples).softmax(-1)
