"""What a viewer shows: one slice, one phase of the wave, one method, one region; no widget is needed."""

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from dime.inversion.methods import DEFAULT, invert
from dime.inversion.registry import METHODS
from dime.metrics import outlined


def label(method):
    """Name of a method in print."""
    return METHODS[method].label if method in METHODS else method


def slices(values):
    """An array (..., y, x) as (slice, y, x)."""
    return np.asarray(values).reshape(-1, *values.shape[-2:])


@dataclass
class Shown:
    """The state of a viewer; all that it shows is computed from these.

    waves : xarray.Dataset, as `dime.read_wave` returns it
    maps : dict, method -> xarray.Dataset, as `dime.invert` returns it
    method : one of `maps`
    index : the slice, counted from 0; at first the middle one of those with tissue
    phase_deg : the phase of the vibration [degree]
    outline_m : (n, 2) corners (x, y) of the region [m]; empty: the whole tissue
    """

    waves: xr.Dataset
    maps: dict[str, xr.Dataset]
    method: str = ""
    index: int = field(default=0, init=False)
    phase_deg: float = 0.0
    outline_m: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))

    def __post_init__(self):
        if not self.maps:
            self.compute(DEFAULT)
        for name, one in self.maps.items():
            if one["stiffness"].shape != self.waves["wave"].shape:
                expected, found = self.waves["wave"].shape, one["stiffness"].shape
                raise ValueError(f"maps: expected the wave's shape {expected}, found {found} of {name}")
        self.method = self.method or next(iter(self.maps))
        occupied = np.flatnonzero(self.masks.any(axis=(1, 2)))
        self.index = int(occupied[len(occupied) // 2]) if occupied.size else 0

    @property
    def spacing_m(self):
        """Pixel [m]."""
        return float(self.waves.attrs["spacing_m"])

    @property
    def masks(self):
        """Tissue of every slice, bool (slice, y, x)."""
        return slices(self.waves["mask"].values)

    @property
    def mask(self):
        """Tissue of this slice, bool (y, x)."""
        return self.masks[self.index]

    @property
    def magnitude(self):
        """Magnitude of this slice (y, x), None where the source has none."""
        return slices(self.waves["magnitude"].values)[self.index] if "magnitude" in self.waves else None

    def frame(self):
        """The wave (y, x) of this slice at this phase: Re(u e^{i phase}), in the unit of the wave.

        The sign of time is the one that the inversion found, so that the wave plays forwards.
        """
        wave = slices(self.waves["wave"].values)[self.index]
        forwards = wave if self.maps[self.method].attrs.get("time_sign", 1) > 0 else wave.conj()
        return np.real(forwards * np.exp(1j * np.deg2rad(self.phase_deg)))

    def wave_limit(self):
        """Both ends of the scale of `frame`: the 98th percentile of the amplitude in this slice."""
        wave = slices(self.waves["wave"].values)[self.index]
        return float(np.percentile(np.abs(wave[self.mask]), 98)) if self.mask.any() else 1.0

    def stiffness_kpa(self):
        """Stiffness (y, x) of this slice by this method [kPa]."""
        return slices(self.maps[self.method]["stiffness"].values)[self.index] / 1e3

    def trusted(self):
        """Where this map is to be believed, bool (y, x)."""
        return slices(self.maps[self.method]["trusted"].values)[self.index]

    def stiffness_limit_kpa(self):
        """Upper end of the scale of stiffness: the 98th percentile of all slices and maps, to half a kPa."""
        tissue = self.waves["mask"].values
        high = max(np.percentile(one["stiffness"].values[tissue], 98) for one in self.maps.values())
        return max(float(np.ceil(2 * high / 1e3) / 2), 0.5)

    def region(self):
        """Tissue inside the outline, bool (y, x); all tissue of the slice where nothing is enclosed."""
        drawn = outlined.inside(self.outline_m, self.mask.shape, self.spacing_m) & self.mask
        return drawn if drawn.any() else self.mask

    def whole(self):
        """Whether the region is the whole tissue of the slice."""
        return bool((self.region() == self.mask).all())

    def table(self):
        """Readings of every map that there is over the region of this slice, a pandas.DataFrame."""
        here = {
            label(name): tuple(slices(one[part].values)[self.index] for part in ("stiffness", "trusted"))
            for name, one in self.maps.items()
        }
        return outlined.readings(here, self.region(), self.spacing_m)

    def missing(self):
        """Methods of which there is no map yet."""
        return [name for name in METHODS if name not in self.maps]

    def compute(self, method):
        """Invert all slices by one more method, and show its map."""
        self.maps[method] = invert(self.waves, method)
        self.method = method
