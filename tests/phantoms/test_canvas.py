"""The canvas that sections of the abdomen are painted on."""

import numpy as np

from dime.phantoms import outlines
from dime.phantoms.abdomen import paint
from dime.phantoms.canvas import ID, Canvas
from dime.phantoms.habitus import draw_subject


def test_pixels_inside_a_curve_are_those_of_the_point_in_polygon_test():
    """A star with seven points, which is far from convex: counting sides gives scikit-image's answer."""
    canvas = Canvas(draw_subject((1, 1)), 0.0)
    angle = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    radius = 0.06 * (1 + 0.6 * np.cos(7 * angle))
    star = np.column_stack([radius * np.cos(angle) + 0.013, radius * np.sin(angle) - 0.021])
    assert np.array_equal(canvas.inside(star), outlines.contains(star, canvas.x, canvas.y))
    assert 0.2 < canvas.inside(star).sum() * canvas.grid_m**2 / (np.pi * 0.06**2 * 1.18) < 1.1


def test_an_ellipse_has_its_area_wherever_it_lies():
    """The area of an ellipse with axes 50 and 30 mm is pi / 4 x 50 x 30 mm2; lobes of 10 % add 0.5 %."""
    canvas = Canvas(draw_subject((1, 1)), 0.0)
    for centre in ((0.0, 0.0), (0.05, -0.03), (-0.1, 0.02)):
        area = canvas.ellipse(centre, 0.050, 0.030, 0.4, 0.1).sum() * canvas.grid_m**2
        assert abs(area / (np.pi / 4 * 0.050 * 0.030 * 1.005) - 1) < 0.01


def test_a_coarser_canvas_shows_the_same_body():
    """The shares of the body that liver and spleen take differ by less than a tenth between 1 and 2.5 mm."""
    subject = draw_subject((3, 1), "F2")
    fine, coarse = (paint(subject, 0.01, grid_m=grid_m)[0] for grid_m in (1e-3, 2.5e-3))
    for name in ("liver", "spleen"):
        areas = [(one.tissue == ID[name]).sum() * one.grid_m**2 for one in (fine, coarse)]
        assert abs(areas[1] / areas[0] - 1) < 0.1


def test_numbers_that_are_known_take_the_place_of_drawn_ones():
    """A subject of a given spleen and surface has these, else the same numbers; its body follows the BMI."""
    drawn, known = (
        draw_subject((3, 2), "F3", known=given) for given in (None, {"spleen": 2.5, "nodularity_m": 1e-3})
    )
    assert (known.spleen, known.nodularity_m, drawn.nodularity_m) == (2.5, 1e-3, None)
    assert (known.bmi, known.half_width_m, known.moduli) == (drawn.bmi, drawn.half_width_m, drawn.moduli)
    thin, thick = (draw_subject((3, 2), "F3", known={"bmi": bmi}) for bmi in (19.0, 34.0))
    assert thick.half_width_m > thin.half_width_m + 0.02
