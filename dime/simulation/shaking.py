"""How is tissue shaken, and which wave does an image of it show? Drivers, boundary, physics, slice."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dime.fem import forward
from dime.fem.drivers import Driver
from dime.fem.field import Field
from dime.simulation import clinical

DRIVE_M = 40e-6
"""Largest displacement of a driver [m]. Assumption: liver protocols move tissue by tens of micrometres."""

ENCODED = {"antiplane": "z", "oblique": "z", "clinical": "z", "inplane": "y", "3d": "z"}
"""Component of the displacement that a scan encodes and `wave` holds: through the slice if there is one."""

DIRECTION = {"inplane": (0.0, 1.0), "3d": (0.0, 1.0, 1.0)}
"""Direction of drivers' motion, (x, y) or (x, y, z). Assumption: front to back; in a slab equally along z.

A driver on the whole outline moves it tangentially where the motion is in the slice (`directed`). Pushed to
one side, nearly incompressible tissue would move as a whole a hundred times farther than it shears.
"""

SLAB = {"thickness_m": 0.03, "elements_per_wavelength": 4}
"""Arguments of `forward.solve` for physics "3d": a slab of tissue with the slice in its middle.

Assumption: the thickest slab that is affordable. One liver takes about 5 GB of memory, and one minute with
PARDISO or three with SuperLU. Its two faces are free, so that it bends as a plate does; the thicker it is,
the nearer its wave comes to the antiplane wave (notebooks/methods/02-forward.ipynb).
"""

OBLIQUE_SPEED_M_S = (1.0, 2.4)
"""Frequency times wavelength along z of the z-dependent part of "oblique" motion [m/s]: 17 to 40 mm at 60 Hz.

Assumption: with a shorter wavelength it does not reach into the tissue. With a longer one it only changes the
in-plane wavelength a little, which an image of the slice cannot distinguish from a change of the tissue.
"""

MOST_UNEVEN = 2.0
"""Largest amplitude of the drivers' motion that varies along z, relative to that of the uniform motion.
Assumption: pads and ribs press unevenly on a body; at 1 a driver is at rest in planes of opposite phase."""


def draw_drive(rng):
    """Draw the drivers on the outline and the boundary condition of the rest of it.

    Assumption: a passive driver presses on a part of the outline, and neighbouring organs push back on
    others; one to three arcs, each 15-30 % of the outline, with random phase cover this. A fully driven
    outline gives the standing waves of a phantom in a shaken container. The rest is free or absorbing, with
    equal probability.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    drivers : list of fem.drivers.Driver
    boundary : str
        "free" or "impedance".
    """
    boundary = str(rng.choice(["free", "impedance"]))
    if rng.random() < 0.3:
        return [Driver(0.0, 1.0, DRIVE_M)], boundary
    drivers, turn = [], rng.random()
    for position in rng.permutation(3)[: rng.choice([1, 2, 3], p=[0.1, 0.3, 0.6])]:
        # Each arc keeps to its own third of the outline: arcs never overlap.
        start = (position + rng.uniform(0, 0.1)) / 3
        width = rng.uniform(0.15, 0.3)
        amplitude = DRIVE_M * rng.uniform(0.5, 1.0) * np.exp(2j * np.pi * rng.random())
        start = (start + turn) % 1
        profile = str(rng.choice(["uniform", "smooth"]))
        drivers.append(Driver(start, start + width, complex(amplitude), profile))
    return drivers, boundary


def directed(drivers, physics):
    """Drivers with the direction (`DIRECTION`) that their motion has in a physics.

    Parameters
    ----------
    drivers : list of fem.drivers.Driver
    physics : str
        As for `Recipe`.

    Returns
    -------
    list of fem.drivers.Driver
    """
    if physics not in DIRECTION:
        return drivers
    whole = "tangential" if physics == "inplane" else DIRECTION[physics]
    return [replace(one, direction=whole if one.length == 1 else DIRECTION[physics]) for one in drivers]


def oblique(field, phantom, drivers, boundary, rng, **numerics):
    """Displacement where the drivers move as 1 + a cos(kappa z) and the slice is at z = 0.

    In tissue that does not vary along z the two parts are independent. The second obeys
    div(G* grad u) + (rho omega^2 - G* kappa^2) u = 0: where the tissue is stiff it decays from the drivers,
    where it is soft it travels with a wavelength that is too long for the tissue.

    Parameters
    ----------
    field : fem.field.Field
        Solution of the first part: antiplane.
    phantom, drivers, boundary
        Arguments of that solution.
    rng : numpy.random.Generator
        Draws a, up to `MOST_UNEVEN` either way, and kappa.
    numerics
        Further arguments of the `forward.solve` that gave the first part.

    Returns
    -------
    callable, (x, y) axes [m] -> (y, x) complex array [m]
    """
    speed = np.exp(rng.uniform(*np.log(OBLIQUE_SPEED_M_S)))
    share = rng.uniform(-MOST_UNEVEN, MOST_UNEVEN)
    kappa = 2 * np.pi * field.frequency_hz / speed
    numerics = numerics | {"boundary": boundary, "through_plane_per_m": kappa, "mesh": field.base}
    uneven = forward.solve(phantom, drivers, field.frequency_hz, **numerics)
    return lambda x, y: field.sample(x, y) + share * uneven.sample(x, y)


class Shaken(NamedTuple):
    """The wave in a phantom that is shaken, on an image: what `shake` returns.

    wave : (y, x) complex [m], the component that a scan encodes (`ENCODED`), 0 outside the mask.
    mask : (y, x) bool, pixels whose wave is known: those that the mesh covers.
    displacement : (component, y, x) complex [m], all components, 0 outside the mask; one if antiplane.
    field : fem.field.Field, the solution itself; of "oblique" motion its even part.
    """

    wave: np.ndarray
    mask: np.ndarray
    displacement: np.ndarray
    field: Field


def shake(
    phantom, drivers, boundary, x_m, y_m, frequency_hz, *, physics="antiplane", rng=None, **numerics
) -> Shaken:
    """Compute the wave in a driven phantom and sample it on an image, without other motion and noise.

    Every simulated examination goes through this function, so that all agree on the direction of the drivers,
    on the encoded component and on which pixels hold a wave.

    Parameters
    ----------
    phantom : phantom.Phantom
    drivers : list of fem.drivers.Driver
        As from `draw_drive`; `directed` gives them their direction.
    boundary : str
        "free" or "impedance", where no driver acts.
    x_m, y_m : (x,), (y,) arrays
        Increasing pixel centres [m].
    frequency_hz : float
    physics : str
        As for `Recipe`; the slab of "3d" is `SLAB` unless `numerics` say otherwise.
    rng : numpy.random.Generator
        Draws the uneven part of "oblique" motion; the other physics draw nothing.
    numerics
        Further arguments of `forward.solve`: rheology, elements_per_wavelength and others.

    Returns
    -------
    Shaken

    Raises
    ------
    ValueError
        "oblique" motion without a generator, and whatever `forward.solve` refuses.
    """
    uneven = physics in ("oblique", "clinical")
    if uneven and rng is None:
        raise ValueError(f"rng: expected a generator for the uneven part of {physics} motion, found None")
    numerics = (SLAB if physics == "3d" else {}) | numerics
    drivers = directed(drivers, physics)
    solved = "antiplane" if uneven else physics
    field = forward.solve(phantom, drivers, frequency_hz, boundary=boundary, physics=solved, **numerics)
    sample = field.sample
    if uneven:
        add = oblique if physics == "oblique" else clinical.parts
        sample = add(field, phantom, drivers, boundary, rng, **numerics)
    displacement = np.reshape(sample(x_m, y_m), (-1, len(y_m), len(x_m)))
    encoded = "xyz".index(ENCODED[physics]) if len(displacement) > 1 else 0
    mask = np.isfinite(displacement[encoded])
    displacement = np.where(mask, displacement, 0)
    return Shaken(displacement[encoded], mask, displacement, field)
