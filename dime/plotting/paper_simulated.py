"""The paper's figures of the simulated studies, drawn from metrics files or saved maps at their printed size.

Every function takes the content of one or a few metrics files and returns a matplotlib figure. Where a study
has no result (no reference data, too few subjects), the figure says so.
"""

import matplotlib.pyplot as plt
import numpy as np

from dime.plotting.maps import comparison_grid, to_page
from dime.plotting.scatter import bland_altman, density_scatter, learning_curves
from dime.plotting.style import (
    COLUMN_IN,
    MAIN,
    METHOD_COLOURS,
    METHOD_NAMES,
    STUDY_NUMBERS,
    curve,
    legend_below,
    note,
    ordered,
    panels,
)


def study_maps(studies, rows):
    """Slices of the simulated studies: wave, then truth and estimates on one scale, and errors on another.

    Parameters
    ----------
    studies : dict
        Study -> xarray.Dataset with wave, stiffness, mask and `MAIN`, dims (phantom, y, x), on one grid.
    rows : list of (study, phantom)
        The slices to draw, from the top.
    """

    def stack(name):
        return np.stack([studies[study][name].values[case] for study, case in rows])

    truth = stack("stiffness") / 1e3
    estimates = {METHOD_NAMES[method]: stack(method) / 1e3 for method in MAIN}
    errors = {f"{name} - truth": values - truth for name, values in estimates.items()}
    columns = {"wave (real)": stack("wave"), "truth": truth} | estimates | errors
    first = next(iter(studies.values()))
    labels = [f"study {STUDY_NUMBERS[study]}" for study, _ in rows]
    figure = comparison_grid(columns, stack("mask"), (first["y"], first["x"]), labels, (0, 8), tuple(errors))
    return to_page(figure)


def study_agreement(studies, found):
    """Estimate against truth by pixel for the `MAIN` methods, and differences by slice; one row per study.

    The axes end above the stiffest truth of all studies.
    """
    limit_kpa = np.ceil(max(data["stiffness"].values.max() for data in studies.values()) / 1e3)
    figure, axes = panels(len(MAIN) + 1, rows=len(studies), height=1.55 * len(studies))
    for ax, method in zip(axes[0], MAIN, strict=False):
        ax.set_title(METHOD_NAMES[method])
    for row, (study, data) in zip(axes, studies.items(), strict=True):
        inside = data["mask"].values
        for ax, method in zip(row, MAIN, strict=False):
            truth, estimate = (data[name].values[inside] / 1e3 for name in ("stiffness", method))
            density_scatter(ax, truth, estimate, limit_kpa, ax.get_title())
            ax.label_outer()
        row[0].set_ylabel(f"{study}\nestimate [kPa]")
        slices = found[study]
        for method in MAIN:
            table = slices["per_slice"][method]
            agreement = slices["methods"][method]["agreement"]
            colour = METHOD_COLOURS[method]
            bland_altman(
                row[-1], table["mean"], table["truth_mean"], agreement, colour, "slice mean - truth [kPa]"
            )
        row[-1].set_xlabel("mean of the two [kPa]" if study == list(studies)[-1] else "")
    axes[0, -1].set_title("by slice")
    handles = [
        plt.Line2D([], [], marker="o", ls="", color=METHOD_COLOURS[m], label=METHOD_NAMES[m]) for m in MAIN
    ]
    axes[0, -1].legend(handles=handles, frameon=False, loc="lower left", fontsize=6)
    return figure


def inclusion_size(found):
    """Recovered contrast, Dice coefficient and edge width of inclusions against their diameter."""
    figure, axes = panels(3, height=2.3)
    names = {
        "recovered_contrast": "recovered contrast [%]",
        "dice": "Dice coefficient",
        "edge_width_mm": "10-90 % edge width [mm]",
    }
    for ax, (key, label) in zip(axes[0], names.items(), strict=True):
        for method in ordered(found["methods"]):
            entries = found["methods"][method]
            curve(ax, found["diameters"], entries[key], method, lw=1.6 if method in MAIN else 0.8)
        ax.set(xlabel="diameter [shear wavelengths]", ylabel=label)
    target = found["target"]
    axes[0, 0].axhline(100, color="0.8", lw=0.8, zorder=0)
    axes[0, 0].plot(target["diameter"], target["recovered_contrast"], "k*", ms=7, label="target")
    legend_below(figure, axes[0, 0], 8)
    return figure


def reliability(found):
    """Observed against nominal coverage, and the error of the pixels kept against the share rejected."""
    studies = list(STUDY_NUMBERS)
    figure, axes = panels(len(studies), rows=2, height=3.8)
    for column, study in enumerate(studies):
        for method in ordered(found["studies"][study]):
            entry = found["studies"][study][method]
            curve(axes[0, column], found["levels"], entry["coverage"], method)
            rejection = entry["rejection"]
            style = {"color": METHOD_COLOURS[method]}
            for key, line in (("model", "-"), ("oracle", ":"), ("random", "--")):
                label = METHOD_NAMES[method] if key == "model" else None
                axes[1, column].plot(rejection["fractions"], rejection[key], line, label=label, **style)
        axes[0, column].plot([0, 1], [0, 1], color="0.6", lw=0.8, zorder=0)
        axes[0, column].set(title=study, xlabel="nominal coverage", xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes[1, column].set(xlabel="share of pixels rejected", ylim=(0, None))
    axes[0, 0].set_ylabel("observed coverage")
    axes[1, 0].set_ylabel("MAPE of the pixels kept [%]")
    for style, label in (
        ("-", "least certain first"),
        (":", "largest error first (oracle)"),
        ("--", "at random"),
    ):
        axes[1, 0].plot([], [], style, color="0.3", label=label)
    legend_below(figure, axes[1, 0], 5)
    return figure


def learning(history):
    """Loss and validation error by epoch of this run's network; the dot marks the epoch that is kept."""
    figure, axes = panels(2, width=COLUMN_IN, height=1.8)
    learning_curves(axes[0], history)
    axes[0, 0].set_ylabel("loss")
    return figure


def authors_maps(data):
    """First case of each of the authors' studies: truth, this project's networks, the maps they published.

    Parameters
    ----------
    data : xarray.Dataset
        stiffness, mask, dime, pretrained, authors_dime, authors_mmdi; dims (case, y, x), no case if the files
        are absent. The first two digits of a case are the number of its study: 12, 13, 14.
    """
    if data.sizes["case"] == 0:
        return note("no phantoms of the authors in this build")
    begins = [str(number)[:2] for number in data["case"].values]
    chosen = data.isel(case=[begins.index(one) for one in sorted(set(begins))])
    truth = chosen["stiffness"].values / 1e3
    mask = chosen["mask"].values & (truth > 0)
    names = {"dime": "DIME", "pretrained": "DIME, pretrained"}
    names |= {"authors_dime": "authors' DIME", "authors_mmdi": "authors' MMDI"}
    maps = {name: chosen[method].values / 1e3 for method, name in names.items()}
    errors = {f"{name} - truth": values - truth for name, values in maps.items()}
    pixels = [1e-3 * np.arange(n) for n in mask.shape[1:]]  # the pixel differs between studies: no scale bar
    top = float(np.ceil(np.percentile(truth[mask], 99)))
    labels = [f"study {number}" for number in STUDY_NUMBERS.values()][: len(truth)]
    figure = comparison_grid(
        {"truth": truth} | maps | errors, mask, (pixels[0], pixels[1]), labels, (0, top), tuple(errors)
    )
    for ax in figure.axes:
        for drawn in (*ax.texts, *ax.lines):
            drawn.remove()
    return to_page(figure)
