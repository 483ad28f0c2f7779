"""What a visitor does: links, sliders while it plays, scrubbing, keys, probes, scenes, dark, narrow."""

import json
import re

import pytest

from tests.browser.conftest import serving, settle, visiting

pytestmark = pytest.mark.browser


def opened(page, address, path="/divergences", still=True):
    """Open a page and wait for its player; `still` pauses it on the poster."""
    if still:
        page.emulate_media(reduced_motion="reduce")
    page.goto(address + path)
    settle(page)
    page.locator(".gmviz-player canvas").first.wait_for(timeout=30000)
    return page


def readout(page):
    return page.locator("output.readout").inner_text()


def numbers(page):
    """The player's numbers, as it tells them to a screen reader."""
    rows = page.locator(".unseen tbody tr")
    return {row.locator("th").inner_text(): row.locator("td").first.inner_text() for row in rows.all()}


def press_slider(page, label, key):
    slider = page.locator(f'input[type=range][aria-label="{label}"]')
    slider.focus()
    page.keyboard.press(key)


def until(page, holds, patience=20000):
    """Poll `holds()`, because the page changes when the server has answered."""
    for _ in range(patience // 100):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not happen in time")


def test_a_deep_link_is_the_first_request_of_a_fresh_server(browser):
    with serving() as address, visiting(browser) as page:
        opened(page, address, "/divergences?pair=blobs&moves=noise&weight_p=0.5&at=2.0")
        assert page.get_by_role("heading", level=1).inner_text() == "What does each divergence see?"
        until(page, lambda: readout(page) == "noise on both σ = 2.00")
        assert (
            page.locator('[data-testid="stSelectbox"] input').first.input_value() == "Three blobs against two"
        )
        menu = page.locator('[data-testid="stSidebarNavLink"]', has_text="Home")
        assert menu.count() == 1, "the menu of the app is there"


def test_the_first_picture_says_it_without_a_click(page, address):
    opened(page, address)
    assert readout(page) == "separation D = 8.0"
    shown = numbers(page)
    assert shown["KL(p‖q)"].startswith("0.832")
    assert shown["Fisher(p‖q)"].startswith("7.42×10⁻⁴")
    assert page.locator(".gmviz-player canvas").first.bounding_box()["y"] < 400
    box = page.get_by_role("button", name="Scene 1").bounding_box()
    assert box["y"] + box["height"] <= 800, "the first scene's button is above the fold"


def test_a_link_that_asks_too_much_is_told_so(page, address):
    opened(page, address, "/divergences?width=99&breadth=1&moves=noise")
    alert = page.get_by_test_id("stAlert").inner_text()
    assert "width must be a number from 0.4 to 2.5, got '99'" in alert
    assert "breadth is no setting of this page" in alert
    until(page, lambda: page.url.endswith("/divergences?moves=noise"))


def test_a_slider_changes_twice_while_it_plays(page, address):
    opened(page, address, still=False)
    state = page.locator(".gmviz-player").first
    until(page, lambda: state.get_attribute("data-state") == "paused" and readout(page).endswith("8.0"))
    page.get_by_role("button", name="Repeat").click()
    page.get_by_role("button", name="Play", exact=True).click()
    for weight in ("0.81", "0.82"):
        before = readout(page)
        press_slider(page, "Weight of p's left mode", "ArrowRight")
        until(page, lambda weight=weight: f"weight_p={weight}" in page.url)
        until(page, lambda before=before: readout(page) != before)
    assert page.get_by_role("button", name="Pause").count() == 1, "it still plays"


def test_scrubbing_and_keys_move_the_numbers(page, address):
    opened(page, address)
    scrub = page.locator("input.scrub")
    scrub.focus()
    page.keyboard.press("Home")
    until(page, lambda: readout(page) == "separation D = 2.0")
    assert numbers(page)["KL(p‖q)"].startswith("0.441")
    page.keyboard.press("ArrowRight")
    until(page, lambda: readout(page) == "separation D = 2.2")
    page.keyboard.press("End")
    until(page, lambda: readout(page) == "separation D = 10.0")
    assert numbers(page)["Fisher(p‖q)"].startswith("1.04×10⁻⁵")


def test_the_probe_reads_the_map(page, address):
    """In the left mode log p/q is log(.8/.2) = 1.386."""
    opened(page, address)
    stage = page.locator(".gmviz-player").first
    frame = json.loads(stage.get_attribute("data-frames"))[0]
    canvas = page.locator(".gmviz-player canvas").first.bounding_box()
    page.mouse.move(canvas["x"] + frame["x"] + 0.256 * frame["w"], canvas["y"] + frame["y"] + frame["h"] / 2)
    until(page, lambda: "log p/q" in (stage.get_attribute("data-probe") or ""))
    assert re.search(r"log p/q\D+1\.3[89]", stage.get_attribute("data-probe"))


def test_a_scene_asks_before_it_tells(page, address):
    opened(page, address)
    page.get_by_role("button", name="Scene 1").click()
    until(page, lambda: numbers(page).get("KL(p‖q)") == "?")
    assert "scene=far" in page.url
    page.keyboard.press("3")
    until(page, lambda: "Yes" in page.locator(".st-key-divergences_scene_box").inner_text())
    assert "0.8317 nats" in page.locator(".st-key-divergences_scene_box").inner_text()
    press_slider(page, "Weight of q's left mode", "ArrowRight")
    until(page, lambda: "You left this scene" in page.locator(".st-key-divergences_scene_box").inner_text())
    page.get_by_role("button", name="Back", exact=True).click()
    until(page, lambda: numbers(page).get("KL(p‖q)") == "?")


def test_dark_is_dark(browser, address):
    with visiting(browser, dark=True) as page:
        opened(page, address)
        colour = page.evaluate(
            "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
        )
        assert colour == "rgb(20, 23, 28)"


@pytest.mark.parametrize("path", ["/", "/divergences", "/local_variance"])
def test_a_phone_shows_all_without_scrolling_sideways(browser, address, path):
    with visiting(browser, width=390, height=844) as page:
        opened(page, address, path)
        width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        assert width <= 390
        assert page.locator(".gmviz-player canvas").first.bounding_box()["width"] >= 300


def test_the_probe_point_is_dragged_and_its_sliders_follow(page, address):
    opened(page, address, "/local_variance")
    handle = page.get_by_role("button", name=re.compile("^probe at"))
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(x + 5 * step, y - 2 * step)
        page.wait_for_timeout(30)
    page.mouse.up()
    place = re.match(r"probe at ([−\-\d.]+), ([−\-\d.]+)", handle.get_attribute("aria-label"))
    x_read = float(place[1].replace("−", "-"))
    assert x_read > 0.8
    until(page, lambda: re.search(r"probe_x=([\d.]+)", page.url) is not None)
    until(page, lambda: abs(float(re.search(r"probe_x=([\d.]+)", page.url)[1]) - x_read) < 0.02)


def test_a_click_on_the_map_brings_the_probe_there(page, address):
    opened(page, address, "/local_variance")
    frame = json.loads(page.locator(".gmviz-player").first.get_attribute("data-frames"))[0]
    canvas = page.locator(".gmviz-player canvas").first.bounding_box()
    page.mouse.click(
        canvas["x"] + frame["x"] + 0.25 * frame["w"], canvas["y"] + frame["y"] + 0.5 * frame["h"]
    )
    until(page, lambda: re.search(r"probe_x=-[\d.]+", page.url) is not None)
