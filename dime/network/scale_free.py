"""Bring a wave into the scale-free form that the network sees: no gain, no offset, no unit."""

from torch.nn import functional as F

LOG_CENTRE = 6.0
"""Typical log(mu / (rho (f dx)^2)), 20 pixels per wavelength; the network predicts the deviation from it."""

NORMALISATIONS = ("global", "local")
"""Normalisations of the network's input: "global" gives each patch unit rms; "local" adds a second copy of
the wave in which each neighbourhood has unit rms."""

NEIGHBOURHOOD = (4, 5)
"""Cell [pixels] and window [cells] of local statistics: 5 x 5 cells of 4 x 4 pixels, about one wavelength at
the working resolution."""


def normalise(waves, masks):
    """Remove the gain and the constant offset of each channel, which say nothing about stiffness.

    Each channel (real, imaginary) of each patch gets zero mean and unit variance over its mask, 0 outside.

    Parameters
    ----------
    waves : (patch, 2, y, x) tensor, any unit
    masks : (patch, 1, y, x) tensor of 0 and 1

    Returns
    -------
    (patch, 2, y, x) tensor
    """
    pixels = masks.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    centred = (waves - (waves * masks).sum(dim=(2, 3), keepdim=True) / pixels) * masks
    variance = (centred**2).sum(dim=(2, 3), keepdim=True) / pixels
    return centred / (variance.sqrt() + 1e-12 * variance.max().sqrt() + 1e-30)


def normalise_locally(waves, masks):
    """Subtract the local mean of a normalised wave and divide by its local amplitude.

    Waves decay, so without this the wave far from the driver would be almost zero beside a slow background.

    Parameters
    ----------
    waves, masks : tensors
        From `normalise`; y and x multiples of the first number of `NEIGHBOURHOOD`.

    Returns
    -------
    (patch, 2, y, x) tensor
    """
    cell, cells = NEIGHBOURHOOD

    def nearby(image):
        mean = F.avg_pool2d(F.avg_pool2d(image, cell), cells, stride=1, padding=cells // 2)
        return F.interpolate(mean, scale_factor=cell, mode="bilinear", align_corners=False)

    weight = nearby(masks).clamp(min=1e-3)
    centred = (waves - nearby(waves * masks) / weight) * masks
    variance = nearby((centred**2).mean(dim=1, keepdim=True)) / weight
    return centred / (variance.sqrt() + 1e-3)
