"""Drivers: harmonic displacements imposed on arcs of a tissue's outline."""

from dataclasses import dataclass

import numpy as np

from dime.fem.locate import arc_fraction, point_at

PROFILES = {"uniform": np.ones_like, "smooth": lambda t: np.sin(np.pi * t) ** 2}


@dataclass(frozen=True)
class Driver:
    """A harmonic displacement imposed on an arc of the outline: u = amplitude * profile(t) * e^{-i slope t}.

    t runs from 0 to 1 along the arc. Where arcs overlap, the later driver takes precedence.

    Parameters
    ----------
    start, stop : ends of the arc as fractions of the outline's arc length, counted from its first point; an
        arc with stop <= start passes the first point; 0 to 1 is the whole outline
    amplitude : complex amplitude [m]
    profile : "uniform" or "smooth" (sin^2, so that the wave has no edge where the driver ends)
    phase_slope_rad : phase lag of the drive from start to stop [rad]
    direction : direction of the motion, (x, y) or (x, y, z), or "normal" or "tangential" to the outline;
        ignored for antiplane motion, which is along z

    Assumption: motion along y by default, as a driver on the front of the abdomen moves it. Driving a whole
    outline "normal" would squeeze nearly incompressible tissue, not shear it.
    """

    start: float = 0.0
    stop: float = 1.0
    amplitude: complex = 1e-5
    profile: str = "uniform"
    phase_slope_rad: float = 0.0
    direction: str | tuple = (0.0, 1.0, 0.0)

    def __post_init__(self):
        if not np.isfinite([self.start, self.stop, abs(self.amplitude), self.phase_slope_rad]).all():
            raise ValueError("driver: expected finite numbers, got NaN or infinity")
        if self.profile not in PROFILES:
            raise ValueError(f"driver profile: expected one of {sorted(PROFILES)}, got {self.profile!r}")
        if isinstance(self.direction, str):
            known = self.direction in ("normal", "tangential")
        else:
            known = len(self.direction) in (2, 3) and 0 < np.linalg.norm(self.direction) < np.inf
        if not known:
            raise ValueError(
                "driver direction: expected 'normal', 'tangential' or a vector that is not zero"
                f", got {self.direction!r}"
            )
        if not 0 < self.length <= 1:
            raise ValueError(f"driver: expected an arc of length in (0, 1], got {self.start} to {self.stop}")

    @property
    def length(self):
        """Length of the arc as a fraction of the outline."""
        return self.stop - self.start if self.stop > self.start else self.stop - self.start + 1

    def displacement(self, fraction):
        """Displacement [m] at places on the outline (fractions of arc length), NaN off the arc."""
        end = 5e-6  # a mesh vertex at the arc's end may be this far off
        t = ((fraction - self.start + end) % 1.0 - end) / self.length
        value = self.amplitude * PROFILES[self.profile](t) * np.exp(-1j * self.phase_slope_rad * t)
        return np.where(t * self.length <= self.length + end, value, np.nan)

    def directions(self, outline, fraction, axes):
        """Unit vectors of the motion at places on the outline, shape (axes, place)."""
        if isinstance(self.direction, str):
            ahead = point_at(outline, fraction + 1e-3) - point_at(outline, fraction - 1e-3)
            x, y = ahead.T / np.linalg.norm(ahead, axis=1)
            plane = np.stack([y, -x]) if self.direction == "normal" else np.stack([x, y])
            return np.concatenate([plane, np.zeros((axes - 2, len(x)))])
        vector = np.zeros(axes)
        vector[: len(self.direction)] = self.direction[:axes]
        if not vector.any():
            raise ValueError(f"driver direction: expected motion along {axes} axes, got {self.direction}")
        return np.repeat(vector[:, None] / np.linalg.norm(vector), len(fraction), axis=1)


def driven(drivers, outline, places, axes=1):
    """Displacement that drivers impose at boundary nodes.

    Parameters
    ----------
    drivers : sequence of Driver
    outline : (n, 2) [m]
    places : (2 or 3, m) coordinates of boundary nodes [m]; only x and y are used
    axes : 1 for antiplane motion, else the number of components of the displacement

    Returns
    -------
    (axes, m) complex displacement [m], NaN where no driver acts

    Raises
    ------
    ValueError : no driver, or a driver that touches no node.
    """
    if not drivers:
        raise ValueError("drivers: expected at least one driver")
    fraction = arc_fraction(outline, places[:2])
    values = np.full((axes, places.shape[1]), np.nan + 0j)
    for driver in drivers:
        u = driver.displacement(fraction)
        touched = ~np.isnan(u)
        if not touched.any():
            raise ValueError(f"driver: arc {driver.start} to {driver.stop} touches no boundary node")
        along = driver.directions(outline, fraction, axes) if axes > 1 else np.ones((1, len(u)))
        values[:, touched] = (along * u)[:, touched]
    return values
