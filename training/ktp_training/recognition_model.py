"""The recogniser's own parts: a small convolutional backbone and a CTC decoder of convolutions along the line."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.decoders.base import BaseDecoder
from mmocr.registry import MODELS, TASK_UTILS
from torch import Tensor, nn

from ktp_training.alphabet import ALPHABET


@TASK_UTILS.register_module()
class KtpDictionary(Dictionary):
    """The alphabet, then the CTC blank (mmocr's padding) as the last class; letter case matters."""

    def __init__(self) -> None:
        self.with_start = self.with_end = self.same_start_end = self.with_unknown = False
        self.with_padding = True
        self.padding_token, self.unknown_token = "<BLANK>", None
        self._dict = list(ALPHABET)
        self._update_dict()


def fast_bfloat16(tensor: Tensor) -> bool:
    """Whether the tensor's device computes in bfloat16 natively."""
    if tensor.device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_avx512_bf16_supported()


class _Block(nn.Module):
    """Convolution, batch normalisation, ReLU; with a shortcut where the shape stays the same."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int], kernel: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.normalisation = nn.BatchNorm2d(outputs)
        self.activation = nn.ReLU(inplace=True)
        self.shortcut = inputs == outputs and stride == (1, 1)

    def forward(self, features: Tensor) -> Tensor:
        result = self.normalisation(self.convolution(features))
        return self.activation(features + result if self.shortcut else result)


@MODELS.register_module()
class KtpLineBackbone(BaseModule):
    """Grey lines (N, 1, 32, W) to features (N, C, 1, W / 4).

    The first layer's channels outnumber the pixels that it steps over, so that narrow strokes (I, l, /, ') survive it.
    """

    def __init__(self, channels: Sequence[int], init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        stem, early, middle, late, last = channels
        self.layers = nn.Sequential(
            _Block(1, stem, (2, 2), kernel=5),  # 16 x W/2
            _Block(stem, early, (2, 1)),  # 8 x W/2
            _Block(early, early, (1, 1)),
            _Block(early, middle, (2, 2)),  # 4 x W/4
            _Block(middle, middle, (1, 1)),
            _Block(middle, late, (2, 1)),  # 2 x W/4
            _Block(late, late, (1, 1)),
            nn.Conv2d(late, last, (2, 1), bias=False),  # 1 x W/4
            nn.BatchNorm2d(last),
            nn.ReLU(inplace=True),
        )

    def forward(self, lines: Tensor) -> Tensor:
        """Features; in training in bfloat16 where the processor multiplies it natively, twice as fast."""
        with torch.autocast(lines.device.type, torch.bfloat16, enabled=self.training and fast_bfloat16(lines)):
            features = self.layers(lines)
        return features.float()


class _ContextBlock(nn.Module):
    """Mixes columns (depthwise), then channels: a ConvNeXt block along one axis. Source: Liu et al. 2022."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, channels, (1, kernel), padding=(0, kernel // 2), groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, 2 * channels, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(2 * channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        return features + self.layers(features)


@MODELS.register_module()
class KtpCtcDecoder(BaseDecoder):
    """Context blocks and a linear layer: (N, C, 1, T) to class scores (N, S * T, classes).

    Every column answers S times, for S parts of its width: CTC needs a blank between equal characters, and the three
    strokes of `VIII` do not fit into as many columns of four pixels. No recurrent layer: convolutions batch, quantise
    and run in parallel, and a line of a card needs no memory beyond a word.
    """

    def __init__(
        self,
        in_channels: int,
        blocks: int,
        kernel: int,
        parts: int,
        dictionary: dict,
        module_loss: dict | None = None,
        postprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(dictionary=dictionary, module_loss=module_loss, postprocessor=postprocessor, init_cfg=init_cfg)
        self.context = nn.Sequential(*(_ContextBlock(in_channels, kernel) for _ in range(blocks)))
        self.dropout = nn.Dropout(0.1)
        self.parts = parts
        self.classify = nn.Conv2d(in_channels, parts * self.dictionary.num_classes, 1)

    def forward_train(
        self, feat: Tensor, out_enc: Tensor | None = None, data_samples: Sequence[object] | None = None
    ) -> Tensor:
        """Score the classes of every time step."""
        with torch.autocast(feat.device.type, torch.bfloat16, enabled=self.training and fast_bfloat16(feat)):
            context = self.context(feat)
        scores = self.classify(self.dropout(context.float())).squeeze(2)
        count, classes = scores.shape[0], self.dictionary.num_classes
        return scores.reshape(count, self.parts, classes, -1).permute(0, 3, 1, 2).reshape(count, -1, classes)

    def forward_test(
        self, feat: Tensor, out_enc: Tensor | None = None, data_samples: Sequence[object] | None = None
    ) -> Tensor:
        """Probabilities of the classes at every time step."""
        return self.forward_train(feat, out_enc, data_samples).softmax(-1)
