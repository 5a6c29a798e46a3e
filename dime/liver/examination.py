"""Examine a liver: from magnitude and wrapped phase to its outline, a stiffness map and one number.

images -> segment -> unwrap -> first harmonic -> sign of time, map -> region of the reading -> reading
"""

import json
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import ndimage

from dime.files.layouts import LEAST_OFFSETS
from dime.files.scans import LARGEST_RANGE_RAD, check_images, check_scale
from dime.liver import checks, quality
from dime.liver.features import RIM_M, reportable_region
from dime.liver.frame import frame, unframe
from dime.liver.maps import METHODS, WEIGHTS, confidence, map_of, translated, waves_in
from dime.liver.reading import read
from dime.liver.segmentation import Segmentation, load_segmenter, segment
from dime.metrics import roi
from dime.mri.elastography import wrap
from dime.physics import axis_m

SEGMENTERS = ("segment-unet", "segment-resnet")
"""Networks that mark the liver: the first one's masks are used, the second's tell how sure they are."""

QUALITY = "quality.json"
"""File below the weights: `model` of `quality.fit`, `density` of `quality.fit_density`, and `alarm_below`."""

SECOND_MAP = "map-unet"
"""The map that DIME's is compared with for the quality."""


def examine_liver(
    magnitude: np.ndarray | None,
    phase: np.ndarray,
    spacing_m: float,
    frequency_hz: float,
    mask: np.ndarray | None = None,
    method: str = "dime",
    weights: str | Path = WEIGHTS,
) -> xr.Dataset:
    """Liver, stiffness map and one number from the images of an examination.

    Parameters
    ----------
    magnitude : (x, y, slice, offset) array, any unit
        None where `mask` is given.
    phase : (x, y, slice, offset) array [rad]
        Wrapped. x grows to the patient's left and y to the back; the offsets are evenly spaced over a period.
    spacing_m, frequency_hz : float
        In-plane pixel [m] and frequency of the vibration [Hz].
    mask : (x, y, slice) bool array, optional
        The liver, in place of the segmentation.
    method : one of `METHODS`
    weights : path
        Folder that holds the networks; default: those of the package.

    Returns
    -------
    xarray.Dataset
        dims (slice, y, x): `liver`; `stiffness` |G*| [Pa], 0 outside the liver; `uncertainty`, the Laplace
        scale of log stiffness, which "mmdi" has not; `confidence`, 0 to 1, that of MMDI or of
        `dime.liver.maps.confidence`; `trusted` (`dime.inversion.trust`);
        `reportable`, the trusted part of the region that the segmenter calls reportable; `wave` [rad]. Attr
        `reading`: a dict, see `reading_of`.

    Raises
    ------
    ValueError
        Images that no reading can come from (`dime.files.scans.check_images`, `check_scale`), phases that
        span more than `scans.LARGEST_RANGE_RAD`, an unknown method.

    Examples
    --------
    >>> import dime
    >>> import nibabel
    >>> folder = dime.EXAMPLE_WAVE.parent / "demo"  # mask, and phases in rad
    >>> phase, mask = (nibabel.load(folder / f"{name}.nii.gz").get_fdata() for name in ("phase", "mask"))
    >>> maps = dime.examine_liver(None, phase, 1.5e-3, 60.0, mask=mask > 0, method="mmdi")
    >>> maps["stiffness"].dims
    ('slice', 'y', 'x')
    """
    given = {"phase": phase, "magnitude": magnitude, "mask": mask}
    images = {
        name: np.asarray(one).T for name, one in given.items() if one is not None
    }  # (offset, slice, y, x)
    if images["phase"].ndim != 4:
        raise ValueError(f"phase: expected (x, y, slice, offset), found shape {np.shape(phase)}")
    images = {name: one.swapaxes(0, 1) if one.ndim == 4 else one for name, one in images.items()}
    for name, one in images.items():
        if np.iscomplexobj(one):
            raise ValueError(f"{name}: expected real numbers, found complex ones")
    images = {name: one > 0.5 if name == "mask" else one.astype(np.float32) for name, one in images.items()}
    check_images(images["phase"], images.get("magnitude"), images.get("mask"))
    check_scale(spacing_m, frequency_hz)
    inside = images["phase"] if mask is None else images["phase"].swapaxes(0, 1)[:, images["mask"]]
    if np.ptp(inside) > LARGEST_RANGE_RAD:
        raise ValueError(
            f"phase: expected wrapped phases in rad (a range of {LARGEST_RANGE_RAD:g} at most), found "
            f"{inside.min():.5g} to {inside.max():.5g}; multiply by a scale to have rad"
        )
    images["phase"] = wrap(np.nan_to_num(images["phase"])).astype(np.float32)
    dims = {3: ("slice", "y", "x"), 4: ("slice", "offset", "y", "x")}
    scan = xr.Dataset({name: (dims[one.ndim], one) for name, one in images.items()})
    return examine(scan.assign_attrs(spacing_m=spacing_m, frequency_hz=frequency_hz), method, weights)


def examine(scan, method="dime", weights=WEIGHTS, model=None):
    """As `examine_liver`, of a scan that is checked already.

    Parameters
    ----------
    scan : xarray.Dataset
        From `dime.files.scans.read_scan`.
    method, weights : as in `examine_liver`
    model : dict, optional
        Content of the file `QUALITY`, in place of the one below the weights.

    Returns
    -------
    xarray.Dataset
    """
    if method not in METHODS:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, found {method!r}")
    seconds = {}
    with _step(seconds, "segment"):
        found, other = _masked(scan) if "mask" in scan else _segmented(scan, Path(weights))
    with _step(seconds, "wave"):
        waves = waves_in(scan, found.liver)
    with _step(seconds, "map"):
        maps = map_of(waves, method, Path(weights))
    region = found.reportable & maps["trusted"].values
    second = maps["uncertainty"].values if "uncertainty" in maps else None
    scale = scan.attrs["spacing_m"], scan.attrs["frequency_hz"]
    number = read(maps["stiffness"].values, region, *scale, second)
    with _step(seconds, "quality"):
        model = _model(Path(weights)) if model is None else model
        judged = _judge(scan, found, other, waves, maps, number, Path(weights), model)
    result = maps.assign(liver=(maps["stiffness"].dims, found.liver), wave=waves["wave"])
    result["reportable"] = maps["stiffness"].dims, region
    if "confidence" not in result:
        result["confidence"] = confidence(maps)
    y, x = (axis_m(scan.sizes[name], scan.attrs["spacing_m"]) for name in ("y", "x"))
    result = result.assign_coords(y=y, x=x)
    return result.assign_attrs(reading=reading_of(result, number, judged, seconds))


def reading_of(result, number, judged, seconds):
    """What is reported of an examination, as plain values.

    Returns
    -------
    dict
        mean_kpa, interval_kpa ([low, high], 95 %): None without a region; method; area_cm2 and liver_cm2 by
        slice: the region of the reading and the liver; quality (0 bad to 1 good, None where it is not
        judged), numbers (what it follows from), flags (names of `dime.liver.checks.FLAGS`) and doubted (there
        is a flag, or the quality is below the limit of the alarm); frequency_hz, spacing_mm, time_sign;
        seconds by step.
    """
    spacing_m = result.attrs["spacing_m"]
    areas = {
        name: [round(float(area), 2) for area in result[mask].sum(("y", "x")).values * spacing_m**2 * 1e4]
        for name, mask in (("area_cm2", "reportable"), ("liver_cm2", "liver"))
    }
    known = np.isfinite(number.mean_pa)
    return {
        "mean_kpa": number.mean_pa / 1e3 if known else None,
        "interval_kpa": [number.low_pa / 1e3, number.high_pa / 1e3] if known else None,
        "method": result.attrs["method"],
        **areas,
        **judged,
        "frequency_hz": result.attrs["frequency_hz"],
        "spacing_mm": spacing_m * 1e3,
        "time_sign": result.attrs["time_sign"],
        "seconds": seconds,
    }


def _segmented(scan, weights):
    """Segmentations of both networks; a liver that is too small to be one has no reportable region."""
    images, spacing_m, shape = _framed(scan), scan.attrs["spacing_m"], scan["phase"].shape[-2:]
    found = []
    for name in SEGMENTERS:
        one = segment(load_segmenter(weights / name)[0], *images, spacing_m)
        masks = [unframe(image, shape) for image in (one.liver, one.reportable, one.probability)]
        masks[1] &= np.count_nonzero(masks[0]) * spacing_m**2 >= checks.LEAST_LIVER_M2
        found.append(Segmentation(*masks, one.bottleneck))
    return found


def _framed(scan):
    """Magnitude and phase on the field of view that the segmenters know."""
    return [frame(scan[name].values, scan.attrs["spacing_m"]) for name in ("magnitude", "phase")]


def _masked(scan):
    """The mask that was given in place of a segmentation, and None for the second.

    Its reportable region lies `RIM_M` below the outline, has a wave above the noise (from four offsets on),
    and no vessels as far as there is a magnitude.
    """
    mask, phase, spacing_m = scan["mask"].values, scan["phase"].values, scan.attrs["spacing_m"]
    deep = [ndimage.distance_transform_edt(np.pad(one, 1))[1:-1, 1:-1] * spacing_m > RIM_M for one in mask]
    reportable = np.stack(deep)
    if phase.shape[1] > LEAST_OFFSETS:
        reportable &= reportable_region(mask, np.zeros_like(mask), phase, spacing_m)
    if "magnitude" in scan:
        pairs = zip(scan["magnitude"].values, mask, strict=True)
        reportable &= np.stack([_parenchyma(image, one, spacing_m) for image, one in pairs])
    return Segmentation(mask, reportable, mask.astype(np.float32), None), None


def _parenchyma(magnitude, mask, spacing_m):
    return roi.parenchyma(magnitude, mask, spacing_m, RIM_M) if mask.any() else mask


def _judge(scan, found, other, waves, maps, number, weights, model):
    """Quality, the numbers that it follows from, flags, and whether the reading is to be doubted.

    The numbers always take the map of DIME and that of `SECOND_MAP`, whatever the method of the reading. An
    examination whose liver was given has no quality, as that judges the segmentation too.
    """
    images = scan["magnitude"].values if "magnitude" in scan else np.ones((1, 1, 1, 1)), scan["phase"].values
    place = found, images[0], waves if waves["mask"].values.any() else None, number.mean_pa
    spacing_m, numbers, score, away = scan.attrs["spacing_m"], {}, None, None
    if other is None:
        flags = {*checks.flags(*place, spacing_m)} - {"no liver", "no magnitude"}
    else:
        density = model.get("density")
        numbers = quality.measures(found, other, *_evidence(waves, maps, weights))
        network = load_segmenter(weights / SEGMENTERS[0])[0]
        turned = checks.turned_bottlenecks(network, *_framed(scan), spacing_m) if density else None
        flags = {*checks.flags(*place, spacing_m, density, turned, numbers)}
        score = quality.score(model["model"], numbers) if "model" in model else None
        away = float(quality.distance(density, found.bottleneck).mean()) if density else None
    if not np.isfinite(number.mean_pa):
        flags.add("no region")
    return {
        "quality": score,
        "numbers": {name: value if np.isfinite(value) else None for name, value in numbers.items()},
        "distance": away,
        "flags": [name for name in checks.FLAGS if name in flags],
        "doubted": bool(flags) or (score is not None and score < model["alarm_below"]),
    }


def _model(weights):
    """Content of the file `QUALITY`; empty where a run has not fitted it yet."""
    path = weights / QUALITY
    return json.loads(path.read_text()) if path.is_file() else {}


def _evidence(waves, maps, weights):
    """Waves, maps of DIME and stiffness of the second network, each None where there is none."""
    if not waves["mask"].values.any():
        return None, None, None
    of_dime = maps if maps.attrs["method"] == "dime" else map_of(waves, "dime")
    known = (weights / SECOND_MAP).is_dir() and maps["stiffness"].values.any()
    return waves, of_dime, translated(waves, weights / SECOND_MAP)[1] if known else None


@contextmanager
def _step(seconds, name):
    """Add the time that a step takes to `seconds`."""
    begun = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begun
