"""Convolutional network for texts."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from dann.errors import BadInput
from dann.networks.bottleneck import Bottleneck, attach_classifier
from dann.networks.network import Network
from dann.options import Rate, Width

WINDOWS = (3, 4, 5)
SPREAD = 0.25  # initial embeddings are uniform in ± this, as in the code of Kim 2014
Words = Annotated[int, Field(ge=1, le=1_000_000)]


def text_cnn(
    input_shape: tuple[int, ...],
    num_classes: int,
    *,
    words: Words = 5000,
    embedding: Width = 300,
    windows: Annotated[list[Width], Field(min_length=1)] | None = None,
    filters: Width = 100,
    dropout: Rate = 0.5,
    bottleneck: Bottleneck | None = None,
) -> Network:
    """For texts as words: embeddings, convolutions over 3, 4 and 5 words, the maximum over the text (Kim 2014).

    The variant CNN-rand of Kim, Convolutional Neural Networks for Sentence Classification (EMNLP 2014, section 2): ReLU
    after the convolutions, the maximum of each filter over the text as a feature, dropout and a linear layer. Texts are
    padded by zeros at both ends as in its code (yoonkim/CNN_sentence), but windows without a word do not count, so that
    features do not depend on ``length``; the bound on the norm of the linear layer's weights is left out.
    Discriminator 100. Inputs are the words ``(N, length)`` of ``data.vocabulary: {form: ids}``.

    Args:
        words: number of words with an embedding of their own, that of ``data.vocabulary.size``.
        embedding: width of an embedding.
        windows: the numbers of words that filters span; by default 3, 4 and 5.
        filters: number of filters of each span; there are as many features as filters in all.
        dropout: dropout rate on the input of the linear layer.
        bottleneck: a layer behind the maxima, see ``dann.networks.bottleneck``.
    """
    if len(input_shape) != 1:
        raise BadInput(f"network: text_cnn takes words, not inputs of shape {input_shape}: choose a data set of texts")
    spans = list(WINDOWS) if windows is None else windows
    features = nn.Sequential(_WordFilters(words, embedding, spans, filters))
    classifier = attach_classifier(
        features,
        filters * len(spans),
        num_classes,
        bottleneck,
        lambda width: nn.Sequential(nn.Dropout(dropout), nn.Linear(width, num_classes)),
    )
    return Network(features, classifier, input_shape, (100,))


class _Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        nn.init.uniform_(self.weight, -SPREAD, SPREAD)


class _WordFilters(nn.Module):
    """Words ``(N, L)``, 0 for an unknown one and −1 behind the end, to the maxima of filters, ``(N, D)``."""

    def __init__(self, words: int, embedding: int, spans: list[int], filters: int) -> None:
        super().__init__()
        self.embedding = _Embedding(words + 1, embedding)
        # Padding at both ends, so that each word is at each place of a window, in texts shorter than it too.
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding, filters, span, padding=span - 1) for span in spans)

    def forward(self, x: Tensor) -> Tensor:
        known = x >= 0
        vectors = self.embedding(x.clamp(min=0).to(torch.int64)) * known[:, :, None]
        count = known.sum(dim=1)
        maxima = [
            _maximum(convolution(vectors.transpose(1, 2)), count, x.shape[1]) for convolution in self.convolutions
        ]
        return torch.cat(maxima, dim=1)


def _maximum(filtered: Tensor, count: Tensor, length: int) -> Tensor:
    """The maxima ``(N, F)`` of filters ``(N, F, W)`` with ReLU over the windows of a text; 0 for an empty text.

    Args:
        count: words of each text, shape ``(N,)``.
        length: L; W − L windows reach over an end.
    """
    places = torch.arange(filtered.shape[2], device=filtered.device)
    windows = count + filtered.shape[2] - length  # those that have a word in them, from the first on
    inside = (places < windows[:, None]) & (count > 0)[:, None]
    return (F.relu(filtered) * inside[:, None]).amax(dim=2)  # a maximum of values that are not negative
