"""The quick start in JupyterLab, as a user has it: a real browser runs it and works the viewer."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import opened_page

ROOT = Path(__file__).parent.parent
NOTEBOOK = "notebooks/00-quickstart.ipynb"
TOKEN = "opened-by-a-test"
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight stay in the page
}
"""Of JupyterLab: no question at the start, no request to other machines."""

ERROR = '[data-mime-type="application/vnd.jupyter.error"]'
"""Output of a cell that failed."""

WAIT_MS = 120_000
"""Patience with a busy machine [ms]; on a quiet one nothing takes a tenth of it."""


@pytest.fixture
def project(tmp_path):
    """A project of links with a copy of the notebook, so that nothing is written into the real one."""
    for name in ("dime", "dvc.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / NOTEBOOK).parent.mkdir()
    shutil.copy(ROOT / NOTEBOOK, tmp_path / NOTEBOOK)
    shutil.copytree(ROOT / ".jupyter", tmp_path / ".jupyter")
    for name, values in SETTINGS.items():
        place = tmp_path / f"settings/@jupyterlab/{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps(values))
    return tmp_path


@contextmanager
def jupyterlab(project):
    """JupyterLab in a folder, on a free port; yields its address, and ends it with its kernels."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{part}_DIR": str(project / part.lower()) for part in ("CONFIG", "DATA", "RUNTIME")}
    own |= {f"JUPYTERLAB_{part}_DIR": str(project / part.lower()) for part in ("SETTINGS", "WORKSPACES")}
    own |= {"JUPYTER_CONFIG_PATH": str(project / ".jupyter"), "PYTHONPATH": str(project)}  # as `make lab`
    options = f"--no-browser --ServerApp.ip=127.0.0.1 --ServerApp.port={port} --ServerApp.port_retries=0"
    command = [sys.executable, "-m", "jupyterlab", *options.split(), f"--IdentityProvider.token={TOKEN}"]
    with open(project / "server.log", "wb") as log:
        server = subprocess.Popen(command, cwd=project, env=os.environ | own, stdout=log, stderr=log)
    try:
        until = time.monotonic() + WAIT_MS / 1e3
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}").close()
                break
            except OSError:
                said = (project / "server.log").read_text()
                assert server.poll() is None and time.monotonic() < until, said[-2000:]
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()  # ends its kernels too
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def run_all(page, address):
    """Open the notebook, run every cell and wait for the last; returns what failed, in words."""
    page.goto(f"{address}/lab/tree/{NOTEBOOK}?token={TOKEN}&reset")
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=WAIT_MS)
    page.locator(".jp-CodeCell").last.wait_for(timeout=WAIT_MS)
    prompts, failures = page.locator(".jp-CodeCell .jp-InputPrompt"), page.locator(ERROR)
    select = page.locator(
        ".jp-Dialog .jp-mod-accept"
    )  # which kernel: asked while the server is slow to list them
    page.wait_for_timeout(500)
    until, asked = time.monotonic() + WAIT_MS / 1e3, -1e9
    while not failures.count():
        said = prompts.all_inner_texts()
        if all(re.search(r"\[\d+\]", one) for one in said):
            break
        assert time.monotonic() < until, (
            f"cells {said}, status {page.locator('#jp-main-statusbar').inner_text()}"
        )
        if select.count():
            select.click()
        elif not any(re.search(r"\[[\d*]+\]", one) for one in said) and time.monotonic() - asked > 10:
            asked = time.monotonic()  # again, if a kernel that was not ready took no notice
            page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
            page.locator('.lm-Menu-item[data-command="runmenu:run-all"]').click()
        page.wait_for_timeout(200)
    return failures.all_inner_texts()


class Viewer:
    """The viewer in the page, by what a person sees of it."""

    def __init__(self, page):
        self.page, self.box = page, page.locator(".dime-viewer")
        self.box.locator("canvas").first.wait_for(timeout=WAIT_MS)
        self.box.scroll_into_view_if_needed()
        self.wait("viewer => viewer.querySelector('table')")
        before = ""
        while self.picture() != before:  # until the first picture is whole
            before = self.picture()
            page.wait_for_timeout(1000)

    def wait(self, condition, *given):
        """Wait until a condition in JavaScript holds of the viewer's element."""
        self.page.wait_for_function(
            f"given => ({condition})(document.querySelector('.dime-viewer'), ...given)",
            arg=list(given),
            timeout=WAIT_MS,
        )

    def picture(self):
        return self.page.evaluate("document.querySelector('.dime-viewer canvas').toDataURL()")

    def another_picture(self, before):
        self.wait("(viewer, before) => viewer.querySelector('canvas').toDataURL() != before", before)

    def slice(self):
        return int(float(self.box.locator(".noUi-handle").first.get_attribute("aria-valuenow")))

    def press(self, key):
        """A key on the slider of slices; again where JupyterLab took the focus away in between."""
        start, until = self.slice(), time.monotonic() + WAIT_MS / 1e3
        while self.slice() == start:
            assert time.monotonic() < until, f"the slice stays {start}"
            self.box.locator(".noUi-handle").first.press(key)
            self.page.wait_for_timeout(500)

    def statistics(self):
        return self.box.locator("table").inner_text()

    def other_statistics(self, before):
        self.wait("(viewer, before) => viewer.querySelector('table').innerText != before", before)

    def drag(self, *places):
        """Move the pressed mouse from place to place, as shares of the width and height of the canvas."""
        seen = self.box.locator("canvas").first.bounding_box()
        mouse = self.page.mouse
        for number, (x, y) in enumerate(places):
            mouse.move(seen["x"] + x * seen["width"], seen["y"] + y * seen["height"], steps=4)
            if number == 0:
                mouse.down()
        mouse.up()


def test_the_quick_start_runs_in_jupyterlab_and_its_viewer_answers(project):
    pytest.importorskip("jupyterlab")
    pytest.importorskip("ipympl")
    with opened_page(1280, 1000) as page, jupyterlab(project) as address:
        assert run_all(page, address) == []
        assert page.locator(".jp-OutputArea-output img").count() >= 1  # the static picture
        assert (project / "scratch/stiffness.nii.gz").exists()

        viewer = Viewer(page)
        seen, read, start = viewer.picture(), viewer.statistics(), viewer.slice()
        viewer.press("ArrowRight")
        viewer.another_picture(seen)
        viewer.other_statistics(read)
        assert viewer.slice() == start + 1 and f"slice {start + 1}" in viewer.box.inner_text()

        frames = set()
        viewer.box.locator(".widget-play button").first.click()
        until = time.monotonic() + WAIT_MS / 1e3
        while len(frames) < 4 and time.monotonic() < until:
            frames.add(viewer.picture())
            page.wait_for_timeout(100)
        assert len(frames) >= 4
        viewer.box.locator(".widget-play button").first.click()

        read = viewer.statistics()
        viewer.drag((0.68, 0.35), (0.76, 0.35), (0.76, 0.55), (0.68, 0.55))
        viewer.other_statistics(read)
        assert "region, slice" in viewer.box.inner_text()
        read = viewer.statistics()
        viewer.box.get_by_role("button", name="ellipse").click()
        viewer.drag((0.655, 0.42), (0.735, 0.64))
        viewer.other_statistics(read)

        seen = viewer.picture()
        viewer.box.get_by_role("button", name="MMDI", exact=True).click()
        viewer.another_picture(seen)
        viewer.box.locator("select").select_option("AHI")
        viewer.box.get_by_role("button", name="Compute").click()
        viewer.wait("viewer => viewer.querySelector('table').innerText.includes('AHI')")
        viewer.wait("viewer => viewer.querySelector('button[data-value=AHI].mod-active')")
        if place := os.environ.get("DIME_SCREENSHOT"):  # a picture for docs/viewer.md
            viewer.box.get_by_role("button", name="DIME", exact=True).click()
            page.wait_for_timeout(1000)
            viewer.box.screenshot(path=place)
