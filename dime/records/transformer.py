"""Networks that judge stiffness: each gives the location and the log scale of a Laplace law of ln kPa.

`Judge` is a transformer over tokens: one for each field of the records and each reading of the images.
`Modulated` scales and shifts the image's features by the records. `Patches` is a transformer over the images'
patches themselves and the fields, and `Volume` a convolutional network over the images; both are taught
nothing before.
"""

import torch
from torch import nn

from dime.records.columns import SEQUENCES
from dime.records.frame import SHAPE, SURFACE_PIXELS
from dime.records.tabular import FARTHEST, LOG_SCALE, FieldTokens, TabularTransformer
from dime.records.tokens import ImagePatches, scales

VOLUME = len(SEQUENCES) * SHAPE[0] * SHAPE[1] * SHAPE[2]
"""Pixels of the volume; those of the fine slice follow them where a network sees pixels."""


class Judge(TabularTransformer):
    """Transformer over the readings of the images, the fields of the records, or both.

    Parameters
    ----------
    sees : "both", "images" or "records"
    images, fields : int
        Numbers of readings and of fields.
    rest : as `TabularTransformer`
    """

    def __init__(self, images, fields, sees="both", **rest):
        self.sees = sees
        super().__init__({"both": images + fields, "images": images, "records": fields}[sees], **rest)
        self.architecture |= {"images": images, "fields": fields, "sees": sees}

    def seen(self, images, fields):
        """Values (n, token) of readings (n, reading) and fields (n, field)."""
        return {"both": torch.cat([fields, images], dim=1), "images": images, "records": fields}[self.sees]

    def fit_scales(self, examples):
        """Take the scales of inputs and of ln kPa from training examples (`training.Examples`)."""
        self.standardise(self.seen(examples.images, examples.fields).numpy(), examples.ln_kpa.numpy())

    def forward(self, images, fields):
        """Location and log scale (n,) of ln kPa of readings (n, reading) and fields (n, field)."""
        return super().forward(self.seen(images, fields))


class Direct(nn.Module):
    """What the other networks share: the scales of ln kPa, and a head whose numbers are in them."""

    def __init__(self, width):
        super().__init__()
        self.head = nn.Linear(width, 2)
        self.register_buffer("location", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def fit_scales(self, examples):
        """As `Judge.fit_scales`."""
        self.location, self.spread = examples.ln_kpa.mean(), examples.ln_kpa.std()

    def law(self, features):
        """Location and log scale (n,) of ln kPa, of features (n, width)."""
        location, scale = self.head(features).unbind(dim=1)
        return self.location + self.spread * location, self.spread.log() + scale.clamp(*LOG_SCALE)


class Modulated(Direct):
    """Features f of the readings, scaled and shifted by the records: (1 + a(records)) f + b(records).

    Source: the dynamic affine transform of Poelsterl et al. 2021 (DAFT), recalled.
    """

    def __init__(self, images, fields, width=48):
        super().__init__(width)
        self.architecture = {"images": images, "fields": fields, "width": width}
        self.images, self.fields = FieldTokens(images, 1), FieldTokens(fields, 1)
        self.features = nn.Sequential(nn.Linear(2 * images, width), nn.GELU(), nn.Dropout(0.1))
        self.affine = nn.Sequential(
            nn.Linear(2 * fields, width), nn.GELU(), nn.Dropout(0.1), nn.Linear(width, 2 * width)
        )

    def fit_scales(self, examples):
        super().fit_scales(examples)
        self.images.standardise(examples.images)
        self.fields.standardise(examples.fields)

    def forward(self, images, fields):
        """Location and log scale (n,) of ln kPa of readings (n, reading) and fields (n, field)."""
        inputs = []
        for scale, values in ((self.images, images), (self.fields, fields)):
            known = values.isfinite()
            z = ((values - scale.mean) / scale.deviation).clamp(-FARTHEST, FARTHEST).where(known, 0)
            inputs.append(torch.cat([z, (~known).float()], dim=1))
        stretch, shift = self.affine(inputs[1]).chunk(2, dim=1)
        return self.law((1 + stretch) * self.features(inputs[0]) + shift)


class Patches(Direct):
    """Transformer over the patches of the images and the fields, all of it learnt from stiffness alone."""

    def __init__(self, images, fields, width=128, layers=4, heads=4, dropout=0.1):
        super().__init__(width)
        self.architecture = {"images": images, "fields": fields, "width": width, "layers": layers}
        self.architecture |= {"heads": heads, "dropout": dropout}
        self.patches, self.fields = ImagePatches(width), FieldTokens(fields, width)
        self.missing = nn.Parameter(0.02 * torch.randn(len(SEQUENCES) + 1, width))
        self.summary = nn.Parameter(torch.zeros(width))
        block = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)

    def fit_scales(self, examples):
        super().fit_scales(examples)
        self.patches.standardise(*unpacked(examples.images))
        self.fields.standardise(examples.fields)

    def forward(self, images, fields):
        """Location and log scale (n,) of ln kPa of pixels (n, pixel) and fields (n, field)."""
        volume, surface = unpacked(images)
        absent = [*torch.isnan(volume[:, :, 0, 0, 0]).unbind(dim=1), torch.isnan(surface[:, 0, 0])]
        tokens = [
            torch.where(gone[:, None, None], missing, part)
            for gone, missing, part in zip(absent, self.missing, self.patches(volume, surface), strict=True)
        ]
        first = self.summary.expand(len(fields), 1, -1)
        return self.law(self.blocks(torch.cat([first, *tokens, self.fields(fields)], dim=1))[:, 0])


class Volume(Direct):
    """Convolutional network in three dimensions over the volume, about half a million weights."""

    def __init__(self, images, fields, channels=(24, 48, 96, 160)):
        super().__init__(channels[-1])
        self.architecture = {"images": images, "fields": fields, "channels": list(channels)}
        steps, before = [], 2 * len(SEQUENCES)
        for k, after in enumerate(channels):
            stride = (1, 2, 2) if k == 0 else 2 if k < 3 else 1
            steps += [nn.Conv3d(before, after, 3, stride, 1), nn.GroupNorm(8, after), nn.GELU()]
            before = after
        self.steps = nn.Sequential(*steps)
        self.register_buffer("mean", torch.zeros(len(SEQUENCES), 1, 1, 1))
        self.register_buffer("deviation", torch.ones(len(SEQUENCES), 1, 1, 1))

    def fit_scales(self, examples):
        super().fit_scales(examples)
        for k, values in enumerate(unpacked(examples.images)[0].unbind(dim=1)):
            self.mean[k], self.deviation[k] = scales(values)

    def forward(self, images, fields):
        """Location and log scale (n,) of ln kPa of pixels (n, pixel); fields are not seen."""
        volume = unpacked(images)[0].float()
        known = torch.isfinite(volume)
        z = ((volume - self.mean) / self.deviation).where(known, 0)
        return self.law(self.steps(torch.cat([z, known.float()], dim=1)).mean(dim=(2, 3, 4)))


def packed(volume, surface):
    """Pixels (n, pixel) of volume (n, 3, 8, 48, 72) and surface (n, 128, 128)."""
    return torch.cat([volume.flatten(1), surface.flatten(1)], dim=1)


def unpacked(pixels):
    """Volume and surface of pixels (n, pixel)."""
    volume, surface = pixels[:, :VOLUME], pixels[:, VOLUME:]
    return volume.unflatten(1, (len(SEQUENCES), *SHAPE)), surface.unflatten(1, (SURFACE_PIXELS, -1))


KINDS = {"judge": Judge, "modulated": Modulated, "patches": Patches, "volume": Volume}
"""Names of the networks, as cards name them."""

PIXELS = ("patches", "volume")
"""Networks that see pixels in place of readings."""
