"""Encoders of texts by Hugging Face."""

import torch
from torch import Tensor, nn

from dann.errors import BadInput
from dann.networks.backbone import Backbone
from dann.networks.heads import Head, attach_head
from dann.networks.network import Network
from dann.networks.pretrained import Rate, Shape
from dann.networks.weights import import_package, load_model

REMEDY = "name a Hugging Face model, or the folder of one"


def huggingface(
    input_shape: Shape,
    num_classes: int,
    *,
    model: str,
    weights: str = "default",
    head: Head = "linear",
    dropout: Rate | None = None,
) -> Network:
    """For texts: any encoder of Hugging Face, the mean of its last layer over the tokens; discriminator 1024-1024.

    Takes the token ids of the data set ``texts``, with the same model as its tokenizer, ``(N, length)``.

    Args:
        model: its name, such as ``distilbert-base-uncased``, or a folder.
        weights: ``default``, or ``none`` for fresh ones.
        head: what follows: see ``dann.networks.heads``.
        dropout: in the head.
    """
    if len(input_shape) != 1:
        raise BadInput(f"network: {model} takes token ids, not inputs of shape {input_shape}: choose data of texts")
    library = import_package("transformers", "text")
    automatic = library.AutoModel
    if weights == "default":
        built = load_model(model, lambda: automatic.from_pretrained(model), REMEDY)
    elif weights == "none":
        built = load_model(model, lambda: automatic.from_config(library.AutoConfig.from_pretrained(model)), REMEDY)
    else:
        raise BadInput(f"network.weights: {weights}: write default or none; model may be a folder of your own")
    longest = getattr(built.config, "max_position_embeddings", None) or input_shape[0]
    if input_shape[0] > longest:
        raise BadInput(f"network: {model} reads at most {longest} tokens: set the length of texts to so many")
    return attach_head(
        Backbone(_Encoder(built.float()), None, weights != "none"), head, input_shape, num_classes, dropout
    )


class _Encoder(nn.Module):
    """Token ids, −1 behind a text's end, ``(N, L)``, to the mean of the last hidden states, ``(N, D)``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        if getattr(model, "pooler", None) is not None:
            setattr(model, "pooler", None)  # noqa: B010  a layer behind the hidden states, which nothing here would train

    def forward(self, x: Tensor) -> Tensor:
        mask = (x >= 0).to(torch.int64)
        hidden: Tensor = self.model(input_ids=x.clamp(min=0).to(torch.int64), attention_mask=mask).last_hidden_state
        return (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
