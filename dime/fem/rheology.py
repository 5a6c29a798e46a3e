"""Models of how the shear modulus depends on frequency, and maps moved from one frequency to another."""

import numpy as np

MODELS = ("hysteretic", "kelvin_voigt", "zener", "springpot")


def hysteretic(stiffness, loss_tangent):
    """Hysteretic model: G* = |G*| e^{i delta}, the same at every frequency [Pa].

    Parameters: stiffness |G*| [Pa]; loss_tangent tan(delta).
    """
    return stiffness * np.exp(1j * np.arctan(loss_tangent))


def kelvin_voigt(frequency_hz, mu, eta):
    """Kelvin-Voigt model: G* = mu + i omega eta [Pa], a spring mu [Pa] parallel to a dashpot eta [Pa s]."""
    return mu + 2j * np.pi * frequency_hz * eta


def zener(frequency_hz, mu_0, mu_1, tau):
    """Zener model: G* = mu_0 + mu_1 i omega tau / (1 + i omega tau) [Pa].

    A spring mu_0 [Pa] parallel to a spring mu_1 [Pa] in series with a dashpot; tau, relaxation time [s].
    """
    x = 2j * np.pi * frequency_hz * tau
    return mu_0 + mu_1 * x / (1 + x)


def springpot(frequency_hz, kappa, alpha):
    """Springpot: G* = kappa (i omega)^alpha [Pa], kappa [Pa s^alpha]; alpha 0 is a spring, 1 a dashpot."""
    return kappa * (2j * np.pi * frequency_hz) ** alpha


def at_frequency(modulus, frequency_hz, model="hysteretic", reference_hz=60.0):
    """Complex modulus at one frequency, from the modulus at another.

    At each point the model's parameters are those that give `modulus` at `reference_hz`.

    Parameters
    ----------
    modulus : array, G* at the reference frequency [Pa]
    frequency_hz, reference_hz : frequency wanted, frequency of `modulus` [Hz]
    model : one of `MODELS`

    Returns
    -------
    array like `modulus`, G* at `frequency_hz` [Pa]

    Raises
    ------
    ValueError : unknown model; a reference frequency that is not positive; loss tangent above 1 for "zener".

    Assumption: one complex modulus fixes two of Zener's three parameters. The third puts the peak of the loss
    at the reference frequency, tau = 1 / (2 pi reference_hz), where the loss varies least with frequency.
    """
    if not reference_hz > 0:
        raise ValueError(f"reference_hz: expected a positive number [Hz], got {reference_hz}")
    if model == "hysteretic":
        return modulus
    omega_0 = 2 * np.pi * reference_hz
    storage, loss = np.real(modulus), np.imag(modulus)
    if model == "kelvin_voigt":
        return kelvin_voigt(frequency_hz, storage, loss / omega_0)
    if model == "zener":
        if np.any(loss > storage):
            raise ValueError(
                f"loss_tangent: the zener model expects values <= 1, got {np.max(loss / storage):.3g}"
            )
        return zener(frequency_hz, storage - loss, 2 * loss, 1 / omega_0)
    if model == "springpot":
        alpha = 2 * np.angle(modulus) / np.pi
        return springpot(frequency_hz, np.abs(modulus) / omega_0**alpha, alpha)
    raise ValueError(f"rheology: expected one of {', '.join(MODELS)}, got {model!r}")


def complex_modulus(phantom, frequency_hz=60.0, rheology="hysteretic", reference_hz=60.0):
    """Complex modulus of a phantom at a frequency: a function (x, y) [m] -> G* [Pa].

    It is |G*| e^{i delta} at `reference_hz`, moved to `frequency_hz` by the rheology. The function raises
    ValueError where stiffness is not positive, loss is negative or either is not finite.
    """

    def modulus(x, y):
        stiffness = np.broadcast_to(phantom.stiffness(x, y), np.shape(x))
        loss_tangent = np.broadcast_to(phantom.loss_tangent(x, y), np.shape(x))
        for name, value in (("stiffness", stiffness), ("loss_tangent", loss_tangent)):
            if not np.isfinite(value).all():
                raise ValueError(f"{name}: expected finite values inside the outline, got NaN or infinity")
        if (stiffness <= 0).any():
            raise ValueError(f"stiffness: expected positive values [Pa], got {stiffness.min():.6g}")
        if (loss_tangent < 0).any():
            raise ValueError(f"loss_tangent: expected values >= 0, got {loss_tangent.min():.6g}")
        reference = hysteretic(stiffness, loss_tangent)
        return at_frequency(reference, frequency_hz, rheology, reference_hz)

    return modulus
