"""The paper's figures of the simulated studies, drawn from metrics files or saved maps at their printed size.

Every function takes the content of one or a few metrics files and returns a matplotlib figure. Where a study
has no result (no reference data, too few subjects), the figure says so.
"""

import numpy as np

from dime.plotting.maps import maps_and_errors
from dime.plotting.scatter import bland_altman, density_scatter, learning_curves
from dime.plotting.style import (
    COLUMN_IN,
    MAIN,
    METHOD_NAMES,
    STUDY_NUMBERS,
    agreement_handles,
    curve,
    dodge,
    intervals,
    legend_below,
    method_handles,
    note,
    ordered,
    panels,
    signs,
)


def study_maps(studies, rows):
    """Slices of the simulated studies: wave, truth and estimates on the row's scale, relative errors.

    Parameters
    ----------
    studies : dict
        Study -> xarray.Dataset with wave, stiffness, mask and `MAIN`, dims (phantom, y, x), on one grid.
    rows : list of (study, phantom)
        The slices to draw, from the top.
    """

    def stack(name):
        return np.stack([studies[study][name].values[case] for study, case in rows])

    first = next(iter(studies.values()))
    return maps_and_errors(
        "Simulated studies",
        stack("stiffness") / 1e3,
        {METHOD_NAMES[method]: stack(method) / 1e3 for method in MAIN},
        stack("mask"),
        (first["y"], first["x"]),
        [f"study {STUDY_NUMBERS[study]}\ncase {case + 1}" for study, case in rows],
        stack("wave"),
    )


def study_agreement(studies, found):
    """Estimate against truth by pixel for the `MAIN` methods, and differences by slice; one row per study.

    The axes end above the stiffest truth of all studies; all panels count pixels on one scale.
    """
    limit_kpa = np.ceil(max(data["stiffness"].values.max() for data in studies.values()) / 1e3)
    widths = [1] * len(MAIN) + [1.25]
    figure, axes = panels(
        len(MAIN) + 1, "Simulated studies", rows=len(studies), height=1.6 * len(studies), width_ratios=widths
    )
    counts = []
    for ax, method in zip(axes[0], MAIN, strict=False):
        ax.set_title(METHOD_NAMES[method])
    for row, (study, data) in zip(axes, studies.items(), strict=True):
        inside = data["mask"].values
        for ax, method in zip(row, MAIN, strict=False):
            truth, estimate = (data[name].values[inside] / 1e3 for name in ("stiffness", method))
            counts.append(density_scatter(ax, truth, estimate, limit_kpa, ax.get_title()))
            ax.label_outer()
        row[0].set_ylabel(f"study {STUDY_NUMBERS[study]}\nestimate [kPa]")
        slices = found[study]
        for method in MAIN:
            table = slices["per_slice"][method]
            agreement = slices["methods"][method]["agreement"]
            sign = signs(method)
            pair = table["mean"], table["truth_mean"]
            bland_altman(row[-1], *pair, agreement, sign["color"], "difference [kPa]", sign["marker"])
        row[-1].sharey(axes[0, -1])
        row[-1].set_xlabel("mean of the two [kPa]" if study == list(studies)[-1] else "")
    top = max(image.get_clim()[1] for image in counts)
    for image in counts:
        image.set_clim(1, top)
    bar = {"location": "bottom", "shrink": 0.8, "aspect": 40, "pad": 0.02, "format": "{x:g}"}
    figure.colorbar(counts[0], ax=axes[:, : len(MAIN)], label="pixels per bin", **bar)
    axes[0, -1].set_title("slice mean - truth")
    figure.legend(handles=agreement_handles(MAIN), loc="lower right", ncols=2, frameon=False)
    return figure


def inclusion_size(found):
    """Recovered contrast, Dice coefficient and edge width of inclusions against their diameter."""
    figure, axes = panels(3, "Simulated bodies with one round inclusion", height=2.6)
    names = {
        "recovered_contrast": "recovered contrast [%]",
        "dice": "Dice coefficient",
        "edge_width_mm": "10-90 % edge width [mm]",
    }
    methods = [method for method in MAIN if method in found["methods"]]
    shifts = dodge(len(methods) + 1, 0.05)  # the target first
    for ax, (key, label) in zip(axes[0], names.items(), strict=True):
        for shift, method in zip(shifts[1:], methods, strict=True):
            style = signs(method) | {"label": METHOD_NAMES[method], "ls": "-", "lw": 0.8}
            intervals(ax, shift + np.array(found["diameters"]), found["methods"][method][key], **style)
        ax.set(xlabel="diameter [shear wavelengths]", ylabel=label, ylim=(0, None))
        ax.set_xticks(found["diameters"])
    target = found["target"]
    axes[0, 0].axhline(100, color="0.8", lw=0.8, zorder=0)
    place = target["diameter"] + shifts[0]
    axes[0, 0].plot(place, target["recovered_contrast"], "k*", ms=6, mew=0, label="target")
    legend_below(figure, axes[0, 0], 4)
    return figure


def reliability(found):
    """Observed against nominal coverage, and the error of the pixels kept against the share rejected."""
    studies = list(STUDY_NUMBERS)
    figure, axes = panels(len(studies), "Simulated studies", rows=2, height=4.2)
    for column, study in enumerate(studies):
        for method in ordered(found["studies"][study]):
            entry = found["studies"][study][method]
            curve(axes[0, column], found["levels"], entry["coverage"], method, ms=2.5)
            rejection, style = entry["rejection"], signs(method)
            for key, line in (("model", "-"), ("oracle", ":"), ("random", "--")):
                axes[1, column].plot(rejection["fractions"], rejection[key], line, color=style["color"], lw=1)
            ends = [[one[end] for one in rejection["intervals"]] for end in ("low", "high")]
            low, high = np.array(ends, float)
            axes[1, column].fill_between(
                rejection["fractions"], low, high, color=style["color"], alpha=0.15, lw=0
            )
        axes[0, column].plot([0, 1], [0, 1], color="0.6", lw=0.8, zorder=0)
        axes[0, column].set(title=f"study {STUDY_NUMBERS[study]} ({study})", xlabel="nominal coverage")
        axes[0, column].set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes[1, column].set(xlabel="share of pixels rejected", ylim=(0, None))
    axes[0, 0].set_ylabel("observed coverage")
    axes[1, 0].set_ylabel("MAPE of the pixels kept [%]")
    lines = {"-": "least certain first", ":": "largest error first (oracle)", "--": "at random"}
    for line, label in lines.items():
        axes[1, 0].plot([], [], line, color="0.3", lw=1, label=label)
    handles = method_handles(ordered(found["studies"][studies[0]]))
    handles += axes[1, 0].get_legend_handles_labels()[0]
    figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False)
    return figure


def learning(history):
    """Loss and validation error by epoch of this run's network; the dot marks the epoch that is kept."""
    figure, axes = panels(2, "Training of DIME-S on simulated waves", width=COLUMN_IN, height=1.9)
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
    names = {method: METHOD_NAMES[method] for method in ("dime", "pretrained")}
    names |= {"authors_dime": "authors' DIME", "authors_mmdi": "authors' MMDI"}
    pixels = [1e-3 * np.arange(n) for n in truth.shape[1:]]  # the pixel differs between studies: no scale bar
    return maps_and_errors(
        "The authors' simulated phantoms",
        truth,
        {name: chosen[method].values / 1e3 for method, name in names.items()},
        chosen["mask"].values & (truth > 0),
        (pixels[0], pixels[1]),
        [f"study {number}" for number in STUDY_NUMBERS.values()][: len(truth)],
        error_percent=100,
    )
