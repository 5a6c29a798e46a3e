"""Augment training patches with all that changes a wave image but not the tissue.

Each augmentation works on a batch of patches at once, on the device of the generator that it is given, and
draws from it, so that an epoch is a function of its seed.
"""

import math

import torch
from torch.nn import functional as F

ZOOM = 1.6
"""Largest factor by which a patch is magnified or reduced; its squared wavelength in pixels follows."""

BACKGROUND_RMS = 1.5
"""Largest rms of the added smooth background, relative to the shear wave's rms."""

NOISE_RMS = math.sqrt(2) / 3
"""Largest noise: its standard deviation in one channel over the wave's rms in one channel. This is SNR 3 as
the studies define it, the rms of both channels together over the noise of one."""


def random_patches(images, rows, size, generator, zoom=ZOOM):
    """Cut one randomly placed, rotated, mirrored and magnified patch from each of the named images.

    Parameters
    ----------
    images : (image, 4, y, x) tensor
        Real and imaginary part of the wave, mask (0, 1), log(mu / (rho (f dx)^2)).
    rows : (patch,) int tensor
        Image that each patch is cut from.
    size : int
        Pixels per side.
    zoom : float
        Largest magnification or reduction; 1 for none.

    Returns
    -------
    waves : (patch, 2, size, size), masks : (patch, 1, size, size), targets : (patch, size, size)
    """
    batch = images[rows]
    patches, _, height, width = batch.shape
    angle = 2 * math.pi * _uniform(patches, generator)
    zoom = zoom ** (2 * _uniform(patches, generator) - 1)
    mirror = torch.sign(_uniform(patches, generator) - 0.5)
    # The centre is a random pixel of the mask; the affine map takes patch to image coordinates in [-1, 1].
    counted = batch[:, 2].flatten(1).cumsum(dim=1)  # torch.multinomial would draw a number for every pixel
    last = counted[:, -1] - 1
    which = torch.minimum((counted[:, -1] * _uniform(patches, generator)).floor(), last)
    centre = torch.searchsorted(counted, which[:, None], right=True)[:, 0]
    centre_y, centre_x = centre // width, centre % width
    scale_x, scale_y = size / (width * zoom), size / (height * zoom)
    cos, sin = torch.cos(angle), torch.sin(angle)
    row_x = [mirror * scale_x * cos, -scale_x * sin, (2 * centre_x + 1) / width - 1]
    row_y = [mirror * scale_y * sin, scale_y * cos, (2 * centre_y + 1) / height - 1]
    theta = torch.stack([torch.stack(row_x, dim=1), torch.stack(row_y, dim=1)], dim=1)
    grid = F.affine_grid(theta, (patches, 1, size, size), align_corners=False)
    masked = torch.cat([batch[:, :2] * batch[:, 2:3], batch[:, 2:3], batch[:, 3:] * batch[:, 2:3]], dim=1)
    sampled = F.grid_sample(masked, grid, mode="bilinear", align_corners=False)
    weight = sampled[:, 2:3]
    masks = (weight > 0.5).float()
    # Divide by the interpolated mask: otherwise the rim mixes tissue with the zeros outside it.
    waves, targets = (part / weight.clamp(min=0.5) * masks for part in (sampled[:, :2], sampled[:, 3:]))
    return waves, masks, targets[:, 0] + 2 * torch.log(zoom)[:, None, None] * masks[:, 0]


def disturb(waves, masks, generator, noise_rms=NOISE_RMS, background_rms=BACKGROUND_RMS):
    """Turn clean waves into waves as scanners record them, without a change of stiffness.

    The steps, in this order: a global phase; in each channel separately, a smooth background of compressional
    and bulk motion, and motion that decays from the edge of the tissue; unwrapping errors; loss of
    resolution; noise; a mask that leaves out part of the tissue. The gain and constant offset of each channel
    need no augmentation, because the network removes them.

    Parameters
    ----------
    waves : (patch, 2, y, x) tensor
    masks : (patch, 1, y, x) tensor
    noise_rms, background_rms : float
        Largest noise and background, relative to the wave's rms. Each of two layers of motion at the edge
        peaks at up to three times the background.

    Returns
    -------
    waves, masks : tensors of the same shapes
    """
    patches, _, height, width = waves.shape
    phase = 2 * math.pi * _uniform(patches, generator)[:, None, None]
    real, imaginary = waves.unbind(dim=1)
    waves = torch.stack(
        [
            real * torch.cos(phase) - imaginary * torch.sin(phase),
            real * torch.sin(phase) + imaginary * torch.cos(phase),
        ],
        dim=1,
    )
    rms = _rms(waves, masks)

    background = smooth_background((patches, 2, height, width), generator)
    background = background / _rms(background, masks).clamp(min=1e-6)
    size = background_rms * _uniform((patches, 2), generator) ** 2 * _chance((patches, 1), 0.7, generator)
    waves = waves + rms * size[..., None, None] * background

    for _ in range(2):  # measured edges have a thin layer and a deep one at once
        edge = edge_motion(masks, generator)
        size = _uniform((patches, 2), generator) ** 2 * _chance((patches, 1), 0.4, generator)
        waves = waves + rms * 3 * background_rms * size[..., None, None] * edge

    # A region that unwrapping left off: turns in some offsets' phases add a constant to each channel of the
    # first harmonic. Its size is drawn, because the wave's unit does not tell what a turn is.
    wrapped = _ellipse(patches, height, width, generator) & (
        _chance(patches, 0.1, generator)[:, None, None] > 0
    )
    step = rms * 2 * _normal((patches, 2, 1, 1), generator)
    waves = waves + step * wrapped[:, None]

    waves = _coarsen(waves * masks, masks, generator)

    level = noise_rms * _uniform(patches, generator) ** 2 * _chance(patches, 0.8, generator)
    waves = waves + rms * level[:, None, None, None] * scan_noise(waves.shape, generator)

    # An elliptical region of interest instead of the whole organ, in a quarter of the patches.
    whole = _chance(patches, 0.75, generator)[:, None, None] > 0
    masks = masks * (whole | _ellipse(patches, height, width, generator))[:, None]
    return waves * masks, masks


def _ellipse(patches, height, width, generator):
    """Random ellipse in each patch, about the size of the patch: (patch, y, x) bool."""
    axis_y, axis_x = (2 * axis - 1 for axis in _places(height, width, generator.device))
    shift = _uniform((patches, 2), generator) - 0.5
    radii = 0.5 + _uniform((patches, 2), generator)
    return (
        ((axis_y - shift[:, :1, None]) / radii[:, :1, None]) ** 2
        + ((axis_x - shift[:, 1:, None]) / radii[:, 1:, None]) ** 2
    ) < 1


def smooth_background(shape, generator, pixels_per_wavelength=70.0):
    """Smooth random fields: plane waves longer than any shear wave, and second-order polynomials.

    Assumption: compressional and bulk motion varies over more than 110 mm (70 pixels at the working
    resolution of 1.5 mm at 60 Hz); the original authors' homogeneous phantoms show such a background.

    Returns
    -------
    tensor of `shape` = (patch, channel, y, x)
    """
    patches, channels, height, width = shape
    y, x = _places(height, width, generator.device)
    terms = torch.stack([torch.ones_like(x), x, y, x * y, x**2, y**2])
    weights = _normal((patches, channels, len(terms)), generator)
    field = torch.einsum("pct,tyx->pcyx", weights, terms)
    for _ in range(2):
        angle = 2 * math.pi * _uniform((patches, channels), generator)[..., None, None]
        wavenumber = 2 * math.pi * height / pixels_per_wavelength * _uniform((patches, channels), generator)
        wave_phase = 2 * math.pi * _uniform((patches, channels), generator)[..., None, None]
        along = x * torch.cos(angle) + y * torch.sin(angle)
        size = _normal((patches, channels), generator)[..., None, None]
        field = field + size * torch.cos(wavenumber[..., None, None] * along + wave_phase)
    return field


def scan_noise(shape, generator, coarsest=0.12):
    """Noise of rms 1 with the resolution of a scan: white up to a limit of k-space, and none beyond it.

    A scan acquires fewer lines than the image has pixels. Its noise then consists of grains as wide as the
    acquired voxel. In half of the patches every sample is acquired; in the others the limit is drawn.

    Assumption: measured livers show their noise up to 0.16 cycles per 1.5 mm (80 lines over 360 mm).

    Parameters
    ----------
    shape : (patch, channel, y, x)
    coarsest : float
        Lowest limit [cycles per pixel]; log-uniform up to 0.5.

    Returns
    -------
    tensor of `shape`
    """
    patches, _, height, width = shape
    limit = coarsest * (0.5 / coarsest) ** _uniform(patches, generator)
    limit = torch.where(_chance(patches, 0.5, generator) > 0, limit, 1.0)
    k_y = torch.fft.fftfreq(height, device=generator.device).abs()
    k_x = torch.fft.rfftfreq(width, device=generator.device)
    inside = torch.maximum(k_y[:, None], k_x)[None] <= limit[:, None, None]
    noise = torch.fft.irfft2(torch.fft.rfft2(_normal(shape, generator)) * inside[:, None], s=(height, width))
    return noise / noise.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


def edge_motion(masks, generator, reach_pixels=(2.0, 20.0)):
    """Motion b forced at the surface of tissue that decays inwards, with peak 1 inside the mask.

    In nearly incompressible tissue, motion other than shear waves follows the pressure, which is harmonic.
    Where it varies as e^{iz/d} through the slice, b obeys lap b = b / d^2 in the slice. So do shear waves
    that vary faster along z than their wavelength and therefore do not travel. Here b is the field of random
    sources outside the mask, lap b - b / d^2 = -source, solved in Fourier space; it obeys the equation
    everywhere in the tissue.

    Assumption: d from 3 to 30 mm (at 60 Hz), as surfaces are pressed on. The waves of the original authors'
    homogeneous phantoms are fitted with 6 to 11 mm, those of the heterogeneous ones with a layer of 4 mm and
    a deep one that together peak at two to three times the rms of the shear wave. A patch without an edge
    has no such motion.

    Parameters
    ----------
    masks : (patch, 1, y, x) tensor of 0 and 1
    reach_pixels : smallest and largest d [pixels], log-uniform between

    Returns
    -------
    (patch, 2, y, x) tensor
        Each channel has its own random sources.
    """
    patches, _, height, width = masks.shape
    shortest, longest = reach_pixels
    reach = shortest * (longest / shortest) ** _uniform(patches, generator)[:, None, None, None]
    sources = smooth_background((patches, 2, height, width), generator, pixels_per_wavelength=20.0)
    padded = (height + height // 2, width + width // 2)  # or sources would act from the other side
    k_y = 2 * math.pi * torch.fft.fftfreq(padded[0], device=masks.device)
    k_x = 2 * math.pi * torch.fft.rfftfreq(padded[1], device=masks.device)
    operator = k_y[:, None] ** 2 + k_x**2 + reach**-2
    spectrum = torch.fft.rfft2(sources * (1 - masks), s=padded) / operator
    motion = torch.fft.irfft2(spectrum, s=padded)[..., :height, :width]
    peak = (motion * masks).abs().amax(dim=(2, 3), keepdim=True)
    return torch.where(peak > 0, motion / peak.clamp(min=1e-12), 0)


def _coarsen(waves, masks, generator):
    """Reduce resolution as coarse acquisition matrices do; one choice for the whole batch."""
    kind = _uniform((), generator).item()
    if kind < 0.4:
        return waves
    weight = masks.clamp(min=1e-3)
    if kind < 0.6:  # blur: a mask-aware 3 x 3 mean
        blurred = F.avg_pool2d(waves, 3, stride=1, padding=1) / F.avg_pool2d(weight, 3, stride=1, padding=1)
        return blurred * masks
    if kind < 0.8:  # band-limited k-space, zero-filled, each axis with a limit of its own
        kept = 0.5 * (0.4 + 0.6 * _uniform(2, generator))
        cycles = (torch.fft.fftfreq(size, device=waves.device).abs() for size in waves.shape[2:])
        inside = [axis <= limit for axis, limit in zip(cycles, kept, strict=True)]
        spectrum = torch.fft.fft2(waves) * inside[0][:, None] * inside[1]
        return torch.fft.ifft2(spectrum).real * masks
    # Each axis keeps every line, every second or every third: repeated rows, or lines drawn between them.
    steps = [1 + int(3 * _uniform((), generator).item()) for _ in range(2)]
    size = waves.shape[2:]
    coarse = [F.avg_pool2d(image, steps, ceil_mode=True) for image in (waves, weight)]
    mode = {"mode": "nearest"} if kind < 0.9 else {"mode": "bilinear", "align_corners": False}
    return F.interpolate(coarse[0] / coarse[1], size=size, **mode) * masks


def _places(height, width, device):
    """Two images (y, x): the position of each pixel along y and along x, from 0 to 1."""
    axes = (torch.linspace(0, 1, size, device=device) for size in (height, width))
    return torch.meshgrid(*axes, indexing="ij")


def _uniform(shape, generator):
    return torch.rand(shape, generator=generator, device=generator.device)


def _normal(shape, generator):
    return torch.randn(shape, generator=generator, device=generator.device)


def _chance(shape, probability, generator):
    return (_uniform(shape, generator) < probability).float()


def _rms(waves, masks):
    """Root mean square over both channels and the mask, shaped to broadcast."""
    pixels = masks.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    return ((waves**2 * masks).sum(dim=(1, 2, 3), keepdim=True) / (2 * pixels)).sqrt()
