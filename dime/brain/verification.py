"""How far are the simulators from each other, from known limits, and from their own derivatives?

Used by the notebook `01-simulator` and the tests; nothing else builds on it.
"""

import time

import numpy as np
import torch
from scipy.optimize import brentq, minimize_scalar

from dime.brain import epg, isochromat
from dime.brain.render import property_image
from dime.brain.scanner import acquire
from dime.brain.sequences import Contrast
from dime.brain.signal import approach, closed_form
from dime.brain.tissues import AT_3T, TISSUES, Properties, mixed


def in_closed_form(properties, contrasts, train, b1=1.0):
    """`dime.brain.signal.closed_form` in double precision on NumPy arrays, as the other simulators."""
    properties = Properties(*(torch.as_tensor(one, dtype=torch.float64) for one in properties))
    b1 = torch.as_tensor(b1, dtype=torch.float64)
    return closed_form(properties, contrasts, train, b1).numpy()


SIMULATORS = {"closed": in_closed_form, "epg": epg.signals, "isochromat": isochromat.signals}


def signals_by_line(contrasts, train, b1=1.0, tissues=AT_3T):
    """Signal of each tissue by each simulator.

    Parameters
    ----------
    contrasts, train : sequence of Contrast, Train
    b1 : float
    tissues : dict

    Returns
    -------
    dict of dict
        Simulator -> tissue -> (contrast, line) array.
    """
    return {
        name: {tissue: signals(tissues[tissue], contrasts, train, b1) for tissue in TISSUES}
        for name, signals in SIMULATORS.items()
    }


def differences(signals, first, second):
    """Signals of two simulators: their difference over the largest signal of the tissue in each contrast.

    Parameters
    ----------
    signals : dict of dict
        See `signals_by_line`.
    first, second : str
        Simulators.

    Returns
    -------
    dict
        Tissue -> (contrast, line) array.
    """
    return {
        tissue: (signals[first][tissue] - signals[second][tissue])
        / np.abs(signals[second][tissue]).max(axis=1, keepdims=True)
        for tissue in TISSUES
    }


def known_limits(properties, train):
    """Quantities that a simulator's signal must give back, as it gives them, beside their known values.

    The null of an inversion from rest is T1 ln 2. The first line decays with T2 over the time of a T2
    preparation, with T2* over the echo's delay, and with D over b. The steady state is largest at the Ernst
    angle, arccos exp(-TR / T1), where spoiling is perfect.

    Parameters
    ----------
    properties : Properties of numbers
    train : Train

    Returns
    -------
    dict of dict
        Quantity with its unit -> "known" and each simulator -> value. The Ernst angle is the closed form's.
    """
    _, t1, t2, t2_prime, diffusion = properties
    known = {
        "null of an inversion [s]": t1 * np.log(2),
        "T2 [s]": t2,
        "T2* [s]": 1 / (1 / t2 + 1 / t2_prime),
        "D [m2/s]": diffusion,
    }
    found = {quantity: {"known": value} for quantity, value in known.items()}
    for name, signals in SIMULATORS.items():

        def first_line(signals=signals, **contrast):
            return signals(properties, (Contrast(**contrast),), train)[0, 0]

        def decay(start, stop):
            return np.log(start / stop)

        null = brentq(
            lambda wait_s, first=first_line: first(inversion_s=wait_s), 0.1 * t1, 2 * t1, xtol=1e-12
        )
        rested = first_line()
        values = (
            null,
            t2 / decay(rested, first_line(t2_preparation_s=t2)),
            t2_prime / decay(rested, first_line(echo_delay_s=t2_prime)),
            decay(first_line(diffusion_s=t2), first_line(diffusion_s=t2, b_s_per_m2=1e9)) / 1e9,
        )
        for quantity, value in zip(known, values, strict=True):
            found[quantity][name] = float(value)
    doubles = Properties(*(torch.as_tensor(one, dtype=torch.float64) for one in properties))

    def minus_steady(flip_rad):
        b1 = torch.as_tensor(flip_rad / train.flip_rad, dtype=torch.float64)
        return -approach(doubles, (Contrast(),), train, b1).steady.item()

    best = minimize_scalar(minus_steady, bounds=(1e-3, 1), method="bounded", options={"xatol": 1e-9}).x
    ernst = np.arccos(np.exp(-train.repetition_s / t1))
    found["Ernst angle [rad]"] = {"known": float(ernst), "closed": float(best)}
    return found


def gradient_errors(properties, contrasts, train, fields, seed=0, step=1e-5):
    """Relative error of the image's gradient in each property, along a random direction.

    The gradient is that of the real part of the image's sum with random complex weights; its product with the
    direction is compared with the central difference of the sum, both in double precision.

    Parameters
    ----------
    properties : Properties of (y, x) tensors
    contrasts, train, fields : as for `dime.brain.render.property_image`
    seed : int
        Of weights and directions.
    step : float
        Of the difference, as a part of the property.

    Returns
    -------
    dict
        Property -> relative error.
    """
    generator = torch.Generator().manual_seed(seed)
    doubles = Properties(*(one.double() for one in properties))
    fields = type(fields)(*(one.double() for one in fields))
    shape = (len(contrasts), *doubles.t1_s.shape)
    weights = torch.randn(shape, generator=generator, dtype=torch.complex128)

    def loss(values):
        return (weights * property_image(values, contrasts, train, fields)).real.sum()

    errors = {}
    for name, value in doubles._asdict().items():
        direction = torch.randn(value.shape, generator=generator, dtype=torch.float64) * value
        leaf = value.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(doubles._replace(**{name: leaf})), leaf)
        ahead, behind = (
            loss(doubles._replace(**{name: value + sign * step * direction})).item() for sign in (1, -1)
        )
        slope = (ahead - behind) / (2 * step)
        errors[name] = abs((gradient * direction).sum().item() / slope - 1)
    return errors


def seconds_of_gradient(fractions, contrasts, train, fields, repeats=5):
    """Least time of the image of mixed properties, and of the gradient of its magnitude [s].

    Parameters
    ----------
    fractions : (tissue, y, x) tensor
    contrasts, train, fields : as for `dime.brain.render.property_image`
    repeats : int
        Of which the fastest counts.

    Returns
    -------
    image_s, gradient_s : float
    """
    fractions = fractions.clone().requires_grad_()
    times = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        total = property_image(mixed(fractions), contrasts, train, fields).abs().sum()
        between = time.perf_counter()
        total.backward()
        times.append((between - begun, time.perf_counter() - between))
    return tuple(min(column) for column in zip(*times, strict=True))


def relative_rms(images, others):
    """Rms of the difference of two stacks of images over the rms of the first: float."""
    return float((images - others).norm() / images.norm())


def voxels_of_two(first, second, shares, contrasts, train, tissues=AT_3T):
    """First line's signal of voxels that two tissues share, by both mixings.

    Parameters
    ----------
    first, second : str
        Tissues.
    shares : (share,) array
        Of the second tissue.
    contrasts, train, tissues : as for `dime.brain.scanner.acquire`

    Returns
    -------
    dict
        "signal" and "property" -> (contrast, share) array.
    """
    fractions = torch.zeros(len(TISSUES), len(shares), dtype=torch.float32)
    fractions[TISSUES.index(first)] = torch.tensor(1 - shares)
    fractions[TISSUES.index(second)] = torch.tensor(shares)
    pure = [in_closed_form(tissues[tissue], contrasts, train)[:, 0] for tissue in TISSUES]
    return {
        "signal": np.stack(pure, axis=1) @ fractions.double().numpy(),
        "property": in_closed_form(mixed(fractions, tissues), contrasts, train)[:, 0],
    }


def mixing_differences(fractions, combinations, train, fields):
    """How far the images of the two mixings of the same fractions are apart.

    Parameters
    ----------
    fractions : (tissue, y, x) tensor
    combinations : dict
        Name -> contrasts.
    train, fields : as for `dime.brain.scanner.acquire`

    Returns
    -------
    dict
        Name -> rms of the difference over the rms of the images of signal mixing.
    """
    found = {}
    for name, contrasts in combinations.items():
        images = [
            acquire(fractions, contrasts, train, fields=fields, mixing=mixing)
            for mixing in ("signal", "property")
        ]
        found[name] = relative_rms(*images)
    return found
