"""Networks that judge stiffness: from summaries of the images and fields of the records to ln kPa.

`Fusion` lets the tokens of both look at each other. `Modulated` scales and shifts the image's features by the
records. `VolumeNetwork` is a convolutional network that sees the images alone and is taught nothing before.
Each gives the location and the log scale of a Laplace law of ln kPa.
"""

import torch
from torch import nn

from dime.records.columns import SEQUENCES
from dime.records.tabular import LOG_SCALE, FieldTokens, TabularTransformer


class Judge(nn.Module):
    """What all share: the scales of ln kPa, and a head whose numbers are in them."""

    def __init__(self, width):
        super().__init__()
        self.head = nn.Linear(width, 2)
        self.register_buffer("location", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def standardise(self, examples):
        """Take the scales of inputs and of ln kPa from training examples (`training.Examples`)."""
        self.location, self.spread = examples.ln_kpa.mean(), examples.ln_kpa.std()

    def law(self, features):
        """Location and log scale (n,) of ln kPa, of features (n, width)."""
        location, scale = self.head(features).unbind(dim=1)
        return self.location + self.spread * location, self.spread.log() + scale.clamp(*LOG_SCALE)


class Fusion(Judge):
    """Transformer over the summaries of four groups of patches and the fields of the records.

    Parameters
    ----------
    fields, size : int
        Number of fields; length of a summary.
    width, layers, heads : int
        Length of a token; blocks, with the norm first; heads of attention.
    dropout : float
        Share of activations that training leaves out.
    groups, summaries : int
        Groups of patches, and summaries of each.
    """

    def __init__(self, fields, size, width=64, layers=3, heads=4, dropout=0.1, groups=4, summaries=4):
        super().__init__(width)
        self.architecture = {"fields": fields, "size": size, "width": width, "layers": layers, "heads": heads}
        self.architecture |= {"dropout": dropout, "groups": groups, "summaries": summaries}
        self.fields = FieldTokens(fields, width)
        self.norm = nn.LayerNorm(size)
        self.maps = nn.ModuleList(nn.Linear(size, width) for _ in range(groups))
        self.place = nn.Parameter(0.02 * torch.randn(groups, summaries, width))
        self.missing = nn.Parameter(0.02 * torch.randn(groups, summaries, width))
        self.summary = nn.Parameter(torch.zeros(width))
        block = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)

    def standardise(self, examples):
        super().standardise(examples)
        self.fields.standardise(examples.fields)

    def image_tokens(self, summaries):
        """Tokens (n, groups * summaries, width) of summaries (n, groups, summaries, size), NaN = missing."""
        absent = torch.isnan(summaries[:, :, :1, :1])
        known = self.norm(summaries.nan_to_num())
        tokens = torch.stack([layer(known[:, k]) for k, layer in enumerate(self.maps)], dim=1) + self.place
        return torch.where(absent, self.missing, tokens).flatten(1, 2)

    def forward(self, summaries, fields):
        """Location and log scale (n,) of ln kPa of summaries and of fields (n, fields), NaN = missing."""
        first = self.summary.expand(len(fields), 1, -1)
        tokens = torch.cat([first, self.image_tokens(summaries), self.fields(fields)], dim=1)
        return self.law(self.blocks(tokens)[:, 0])


class Modulated(Fusion):
    """The image's features f, scaled and shifted by the records: (1 + a(records)) f + b(records).

    Source: the dynamic affine transform of Poelsterl et al. 2021 (DAFT), recalled; here it acts on the mean
    of the tokens after the transformer, which sees the images alone.
    """

    def __init__(self, fields, size, width=64, **rest):
        super().__init__(fields, size, width, **rest)
        self.affine = nn.Sequential(
            nn.Linear(2 * fields, width), nn.GELU(), nn.Dropout(0.1), nn.Linear(width, 2 * width)
        )

    def forward(self, summaries, fields):
        features = self.blocks(self.image_tokens(summaries)).mean(dim=1)
        known = fields.isfinite()
        z = ((fields - self.fields.mean) / self.fields.deviation).clamp(-5, 5).where(known, 0)
        scale, shift = self.affine(torch.cat([z, (~known).float()], dim=1)).chunk(2, dim=1)
        return self.law((1 + scale) * features + shift)


class VolumeNetwork(Judge):
    """Convolutional network in three dimensions over the framed images, about half a million weights."""

    def __init__(self, channels=(24, 48, 96, 160)):
        super().__init__(channels[-1])
        self.architecture = {"channels": list(channels)}
        steps, before = [], 2 * len(SEQUENCES)
        for k, after in enumerate(channels):
            stride = (1, 2, 2) if k == 0 else 2 if k < 3 else 1
            steps += [nn.Conv3d(before, after, 3, stride, 1), nn.GroupNorm(8, after), nn.GELU()]
            before = after
        self.steps = nn.Sequential(*steps)
        self.register_buffer("mean", torch.zeros(len(SEQUENCES)))
        self.register_buffer("deviation", torch.ones(len(SEQUENCES)))

    def standardise(self, examples):
        super().standardise(examples)
        for k, values in enumerate(examples.images.unbind(dim=1)):
            known = values[torch.isfinite(values)].float()
            self.mean[k], self.deviation[k] = known.mean(), known.std()

    def forward(self, volume, fields=None):
        """Location and log scale (n,) of ln kPa of volume (n, 3, 8, 48, 72), NaN = missing; no fields."""
        known = torch.isfinite(volume)
        scale = (slice(None), None, None, None)
        z = ((volume.float() - self.mean[scale]) / self.deviation[scale]).where(known, 0)
        return self.law(self.steps(torch.cat([z, known.float()], dim=1)).mean(dim=(2, 3, 4)))


class Records(TabularTransformer):
    """The transformer of fields alone, called as the others are."""

    def __init__(self, fields, size=0, **rest):
        super().__init__(fields, **rest)

    def standardise(self, examples):
        super().standardise(examples.fields.numpy(), examples.ln_kpa.numpy())

    def forward(self, images, fields):
        return super().forward(fields)


KINDS = {"fusion": Fusion, "modulated": Modulated, "volume": VolumeNetwork, "records": Records}
"""Names of the networks, as cards name them."""
