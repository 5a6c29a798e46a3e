"""The page of an examination: its numbers, what it escapes and never asks for, and its life in a browser."""

import base64
import doctest
import hashlib
import json
import re
from html.parser import HTMLParser

import nibabel
import numpy as np
import pytest
import xarray as xr
from browser import opened_page
from waves import save_nifti, travelling

import dime
from dime.reporting import examination_fields, examination_page, examination_panels

SPACING_M = 2e-3


def examination(slices=3, second="uncertainty", **attrs):
    """Travelling waves in a disc, and maps of 3, 4, 5 ... kPa by slice, whose upper half is trusted."""
    wave, disc = travelling(side=48, spacing_m=SPACING_M)
    mask = np.repeat(disc[None], slices, axis=0)
    waves = xr.Dataset(
        {"wave": (("z", "y", "x"), np.repeat(wave[None], slices, axis=0)), "mask": (("z", "y", "x"), mask)},
        attrs={"spacing_m": SPACING_M, "frequency_hz": 60.0, "source": "exam/phase.nii.gz", "read_as": "test"}
        | attrs,
    )
    stiffness = (3000.0 + 1000.0 * np.arange(slices))[:, None, None] * mask
    trusted = mask & (np.arange(48) < 24)[:, None]
    maps = waves.drop_vars(("wave", "mask")).assign(
        stiffness=(("z", "y", "x"), stiffness.astype(np.float32)),
        trusted=(("z", "y", "x"), trusted),
        **{second: (("z", "y", "x"), np.where(mask, 0.1, 0).astype(np.float32))},
    )
    settings = json.dumps({"sha256": "abc123", "windows_m": [0.01]})
    return waves, maps.assign_attrs(waves.attrs | {"method": "dime", "settings": settings, "time_sign": 1})


class Read(HTMLParser):
    """Elements, their attributes, and the text of a page as a reader sees it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.hidden = [], [], 0
        self.feed(text)
        self.words = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.hidden += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data):
        if not self.hidden:
            self.words.append(data)


def test_the_page_states_the_numbers_of_the_map_and_how_it_was_made():
    waves, maps = examination()
    seen = Read(examination_page.page(waves, maps, ["the pixel is doubtful"])).words
    area = int(maps["trusted"].values[0].sum())
    assert "median of the trusted pixels 4.00 kPa" in seen
    assert "medians of 3 slices reach from 3.00 to 5.00 kPa" in seen
    share = f"{100 * area / waves['mask'].values[0].sum():.0f} %"
    assert f"Trusted {share} of {3 * waves['mask'].values[0].sum() * 0.04:.0f} cm²" in seen
    for words in (
        "Research use only",
        "60 Hz",
        "2 mm",
        "abc123",
        "[0.01]",
        "the pixel is doubtful",
        "dime 0",
    ):
        assert words in seen, words
    assert seen.count("Research use only") >= 2
    assert "The file holds no magnitude image" in seen and "not marked" in seen


def test_each_slice_has_a_picture_in_words_of_each_kind():
    waves, maps = examination(2, "confidence")
    waves["magnitude"] = waves["mask"] * 100.0
    tags = Read(examination_page.page(waves, maps)).tags
    said = [attrs["aria-label"] for tag, attrs in tags if tag == "svg" and attrs.get("role") == "img"]
    assert [words.split()[0] for words in said] == ["Magnitude", "Wave", "Stiffness", "Confidence"] * 2
    assert "median 4.00 kPa" in said[6]


@pytest.mark.parametrize(
    ("trusted", "words"),
    [
        (lambda mask: np.zeros_like(mask), "No pixel is trusted."),
        (lambda mask: mask & (np.arange(48) < 6)[:, None], "a reading takes at least 10 cm²"),
        (lambda mask: mask & (np.arange(48) < 20)[:, None], "% of the tissue is trusted"),
    ],
)
def test_the_headline_doubts_a_map_that_is_hardly_trusted(trusted, words):
    waves, maps = examination()
    maps["trusted"] = (("z", "y", "x"), trusted(waves["mask"].values))
    seen = Read(examination_page.page(waves, maps)).words
    assert "Doubt. " in seen and words in seen.split("Doubt. ")[1][:120]


def test_a_slice_without_tissue_is_said_to_have_none():
    waves, maps = examination(2)
    waves["mask"].values[1], maps["trusted"].values[1] = False, False
    seen = Read(examination_page.page(waves, maps)).words
    assert "Slice 2 of 2 no tissue" in seen and "medians of 1 slice reach" in seen


def test_a_slice_that_could_not_be_inverted_has_no_stiffness():
    waves, maps = examination(2)
    maps["stiffness"].values[1], maps["trusted"].values[1] = 0, False
    text = examination_page.page(waves, maps)
    assert "Stiffness map of slice 2: no value in" in text
    assert "All tissue, median 3.00 kPa" in Read(text).words


HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "{{ 7 * 7 }}",
    "&lt;b&gt;",
    "javascript:alert(3)",
]


def test_names_fields_and_warnings_of_files_are_text_and_nothing_else():
    source = "a<b>/" + HOSTILE[1].replace("/", "") + ".nii.gz"
    names = "SeriesDescription ProtocolName SequenceName ScanOptions Manufacturer PhaseScale".split()
    fields = dict(zip(names, HOSTILE, strict=True)) | {f"{words} EchoTime": words for words in HOSTILE}
    waves, maps = examination(1, source=source, read_as=HOSTILE[0], sidecar=json.dumps(fields))
    maps.attrs["method"] = HOSTILE[0]
    maps.attrs["settings"] = json.dumps({HOSTILE[1]: HOSTILE[2]})
    text = examination_page.page(waves, maps, HOSTILE)
    read, harmless = Read(text), Read(examination_page.page(*examination(1)))
    for words in [*HOSTILE, source]:
        assert words in read.words, words
    allowed = {tag for tag, _ in harmless.tags} | {"ul", "li"}
    assert {tag for tag, _ in read.tags} <= allowed
    assert [tag for tag, _ in read.tags].count("script") == 2
    assert not [name for _, attrs in read.tags for name in attrs if name.startswith("on")]


def test_broken_unicode_and_control_characters_are_shown_as_such(tmp_path):
    fields = json.dumps(
        {"ProtocolName": "a\x00b\x1b[31m", "SequenceName": "\u202egnp.exe", "ScanOptions": "x" * 5000}
    )
    waves, maps = examination(1, source="exam/\udcff.nii.gz", sidecar=fields)
    examination_page.write_report(waves, maps, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert not set("\x00\x1b\u202e") & set(text) and "a\ufffdb\ufffd[31m" in text and "x" * 500 not in text


PERSONAL = (
    "PatientName patient_name PatientsName PatientsBirthDate OtherPatientNames ResponsiblePerson PatientAge"
    " PatientSex PatientWeight ReferringPhysicianName InstitutionName InstitutionAddress StationName"
    " DeviceSerialNumber AccessionNumber StudyDescription StudyDate AcquisitionDateTime Comment ImageComments"
    " MyOwnField"
).split()


def test_fields_that_are_not_known_to_be_technical_are_left_out_and_counted():
    fields = {name: f"secret {name}" for name in PERSONAL} | {"EchoTime": {"of": "secret person"}}
    fields |= {"global": {"const": {"PatientName": "secret too", "repetition_time": 1.25}}}
    fields |= {
        "FlipAngle": [{"PatientName": "secret"}],
        "PatientPosition": "HFS",
        "mechanical frequency": 61.5,
    }
    seen = Read(examination_page.page(*examination(1, sidecar=json.dumps(fields)))).words
    assert "secret" not in seen and f"{len(PERSONAL) + 3} fields are left out" in seen
    for words in ("PatientPosition HFS", "RepetitionTime 1.25", "MechanicalFrequency 61.5"):
        assert words in seen, words


def test_every_field_that_reading_dicom_gives_is_shown():
    from dime.files.dicom import NUMBERS, TEXTS

    fields = dict.fromkeys([*TEXTS, *NUMBERS, "PhaseScale", "OffsetsOrderedBy", "MotionDirections"], "1")
    assert examination_fields.technical(fields) == (list(fields.items()), 0)


def test_a_field_at_any_depth_is_no_trouble():
    fields = deepest = {}
    for _ in range(100_000):
        deepest["a"] = deepest = {}
    deepest |= {"EchoTime": 0.02, "PatientName": "Doe"}
    assert examination_fields.technical(fields) == ([("EchoTime", 0.02)], 1)


@pytest.mark.parametrize(
    ("remark", "shown"),
    [
        ("/home/Jane Doe/scan/wave.nii.gz: the pixel is doubtful", "wave.nii.gz: the pixel is doubtful"),
        ("ward 3/Jane/mask.json: PhaseUnits is rad/s", "mask.json: PhaseUnits is rad/s"),
        (
            "wave.nii.gz: other than (/home/Jane Doe/scan/IM1.dcm: here)",
            "wave.nii.gz: other than (IM1.dcm: here)",
        ),
        ("slices lie as in Jane/series/IM0001.", "slices lie as in IM0001."),
        (r"found 'C:\Jane\wave.mat', ~/Jane/a and ../b", "found 'wave.mat', a and b"),
        ("2.5 kPa/m, 3 cycles/mm and/or 4 1/s", "2.5 kPa/m, 3 cycles/mm and/or 4 1/s"),
    ],
)
def test_a_path_in_a_warning_is_cut_to_the_name_of_its_file(remark, shown):
    waves, maps = examination(1, source="/home/Jane Doe/scan/wave.nii.gz")
    seen = Read(examination_page.page(waves, maps, [remark])).words
    assert f" {shown} " in seen and "Jane" not in seen and "home" not in seen
    assert seen.count("scan/wave.nii.gz") == 3  # title, headline and provenance


def test_the_method_is_named_as_in_figures_and_on_the_command_line():
    waves, maps = examination(1)
    maps.attrs["method"] = "kmdev"
    seen = Read(examination_page.page(waves, maps)).words
    assert "Method k-MDEV (kmdev)" in seen and "method k-MDEV (kmdev)" in seen


@pytest.mark.parametrize("sidecar", ["not JSON", "[1, 2]", "null", ""])
def test_a_sidecar_of_another_form_does_not_stop_the_page(sidecar):
    assert examination_page.page(*examination(1, sidecar=sidecar))


def test_the_page_refers_to_nothing_outside_itself_and_may_ask_for_nothing():
    waves, maps = examination(2)
    text = examination_page.page(waves, maps)
    tags = Read(text).tags
    for tag, attrs in tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            assert attrs.get(name, "#").startswith(("#", "data:")), (tag, attrs)
        assert "style" not in attrs and tag not in ("iframe", "object", "embed", "form", "base")
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|WebSocket|importScripts", text)
    policy = next(a["content"] for t, a in tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;") and "unsafe" not in policy
    for part in re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", text, re.S):
        assert base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() in policy


def test_four_slices_of_256_pixels_stay_under_two_megabytes():
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:256, :256]
    mask = np.repeat((np.hypot(y - 128, x - 128) < 100)[None], 4, axis=0)
    images = rng.normal(size=(3, *mask.shape))
    waves, maps = examination(4)
    images = [(("z", "y", "x"), one) for one in (images[0] + 1j * images[1], mask, 9 + images[2])]
    waves = xr.Dataset(dict(zip(("wave", "mask", "magnitude"), images, strict=True)), attrs=waves.attrs)
    noise = mask * rng.uniform(1e3, 7e3, mask.shape)
    found = {"stiffness": noise, "uncertainty": noise / 4e4, "trusted": mask & (y > 100)}
    maps = xr.Dataset({name: (("z", "y", "x"), one) for name, one in found.items()}, attrs=maps.attrs)
    assert len(examination_page.page(waves, maps)) < 2e6


@pytest.mark.parametrize(
    ("signs", "mirrored"), [((-1, -1), ""), ((1, -1), "x"), ((-1, 1), "y"), ((1, 1), "xy")]
)
def test_slices_lie_as_in_the_body_where_the_header_says_how(signs, mirrored):
    """NIfTI's x grows to the right and y to the front; the page's to the left and to the back."""
    waves, maps = examination(1)
    waves["mask"].values[0, 4:9, 30:45] = True
    waves.encoding["image"] = nibabel.Nifti1Image(np.zeros((1, 1, 1)), np.diag([*signs, 1, 1]))
    images, placed = examination_panels.images_of(waves, maps)
    expected = waves["mask"].values[0]
    expected = expected[:, ::-1] if "x" in mirrored else expected
    expected = expected[::-1] if "y" in mirrored else expected
    assert placed
    np.testing.assert_array_equal(images["mask"][0], expected)
    assert "A, P: front and back" in Read(examination_page.page(waves, maps)).words


def test_a_wave_that_was_conjugated_is_shown_conjugated():
    waves, maps = examination(1)
    maps.attrs["time_sign"] = -1
    images, _ = examination_panels.images_of(waves, maps)
    np.testing.assert_array_equal(images["wave"], waves["wave"].values.conj())


@pytest.mark.parametrize(
    ("name", "message"),
    [("page.pdf", "ends in .html"), ("page", "ends in .html"), ("no/page.html", "no: no such folder")],
)
def test_a_name_that_is_no_page_is_refused_and_nothing_written(tmp_path, name, message):
    with pytest.raises((ValueError, OSError), match=message):
        examination_page.write_report(*examination(1), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_maps_of_another_examination_are_refused_and_the_earlier_page_stays(tmp_path):
    (tmp_path / "page.html").write_text("earlier")
    with pytest.raises(ValueError, match="expected the wave's shape"):
        examination_page.write_report(examination(2)[0], examination(3)[1], tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "earlier" and len(list(tmp_path.iterdir())) == 1


def test_the_example_of_the_face_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = doctest.DocTestFinder(recurse=False).find(dime.write_report, "write_report")
    assert example.examples and doctest.DocTestRunner().run(example).failed == 0
    assert "MMDI" in (tmp_path / "report.html").read_text().upper()


def test_the_command_writes_what_the_library_writes_and_repeats_warnings(tmp_path, here):
    wave, disc = travelling(side=64)
    scan = save_nifti(tmp_path / "scan.nii.gz", np.stack([wave.real, wave.imag], -1).astype(np.float32))
    save_nifti(tmp_path / "mask.nii.gz", disc.astype(np.uint8))
    words = "report scan.nii.gz --frequency 60 --mask mask.nii.gz --method ahi -o out.html"
    done = here(*words.split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = Read((tmp_path / "out.html").read_text()).words
    number = re.match(r"out.html: (\d\.\d\d) kPa", done.stdout)[1]
    assert f"median of the trusted pixels {number} kPa" in seen and "by ahi" in done.stdout
    assert str(scan.name) in seen
    for line in done.stderr.splitlines():
        assert line.removeprefix("dime: ") in seen


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "report scan.nii.gz --frequency 60 -o out.txt",
            "out.txt: expected the name of a file that ends in .html",
        ),
        ("report scan.nii.gz --frequency 60 -o no/out.html", "no: no such folder"),
        ("report none.nii.gz --frequency 60 -o out.html", "none.nii.gz: no such file"),
        ("report scan.nii.gz --frequency -5 -o out.html", "frequency: expected"),
        ("report scan.nii.gz --frequency 60 --method magic -o out.html", "method: expected one of"),
        ("report scan.nii.gz --frequency 60 --model no -o out.html", "no: expected the folder of a trained"),
        ("report scan.nii.gz --frequency 60 --mask scan.html -o scan.html", "expected another name"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(tmp_path, here, words, message):
    wave, _ = travelling(side=32)
    save_nifti(tmp_path / "scan.nii.gz", np.stack([wave.real, wave.imag], -1).astype(np.float32))
    done = here(*words.split(), cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and done.stderr.strip().count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["scan.nii.gz"]


PICTURE = "document.querySelector('canvas').toDataURL()"
"""What the playing wave looks like now."""


@pytest.fixture
def written(tmp_path):
    waves, maps = examination(3, sidecar=json.dumps({"ProtocolName": HOSTILE[0]}))
    waves["wave"].values[1] *= 0.5
    dime.write_report(waves, maps, tmp_path / "page.html")
    return (tmp_path / "page.html").as_uri()


def test_in_a_browser_the_page_loads_alone_the_wave_moves_and_stops_and_keys_change_the_slice(written):
    with opened_page() as page:
        page.goto(written)
        first = page.evaluate(PICTURE)
        page.wait_for_function(f"{PICTURE} !== {json.dumps(first)}", timeout=10_000)
        page.click("#play-pause")
        assert page.inner_text("#play-pause") == "Play the wave"
        paused = page.evaluate(PICTURE)
        page.wait_for_timeout(200)
        assert page.evaluate(PICTURE) == paused

        shown = "[...document.querySelectorAll('.slice')].filter(one => one.offsetHeight).map(one => one.id)"
        assert page.evaluate(shown) == ["slice-1"]
        page.keyboard.press("ArrowRight")
        assert page.evaluate(shown) == ["slice-2"] and page.inner_text("#shown") == "Slice 2 of 3"
        assert page.evaluate(PICTURE) != paused
        page.focus("#slice")
        page.keyboard.press("ArrowRight")
        assert page.evaluate(shown) == ["slice-3"] and page.is_disabled("#later")
        page.click("a[href='#slice-1']")
        page.wait_for_function("document.getElementById('slice-1').offsetHeight > 0")

        assert page.locator(".slice.shown .veil").is_visible()
        page.uncheck("#veiled")
        assert not page.locator(".slice.shown .veil").is_visible()
        assert page.errors == [] and {one for one in page.requests if not one.startswith("data:")} == {
            written.split("#")[0]
        }


def test_the_page_keeps_still_for_readers_who_ask_for_it_and_prints_every_slice(written):
    with opened_page(390, 844) as page:
        page.emulate_media(reduced_motion="reduce")
        page.goto(written)
        assert page.inner_text("#play-pause") == "Play the wave"
        still = page.evaluate(PICTURE)
        page.wait_for_timeout(200)
        assert page.evaluate(PICTURE) == still
        width = "document.documentElement.scrollWidth"
        assert page.evaluate(width) <= 390  # nothing sticks out of a phone's screen
        page.emulate_media(media="print")
        heights = "[...document.querySelectorAll('.slice')].map(one => one.offsetHeight > 0)"
        assert page.evaluate(heights) == [True] * 3
        assert not page.locator("canvas").is_visible() and page.errors == []
