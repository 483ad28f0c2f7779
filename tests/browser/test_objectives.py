"""A fit on the page of objectives: it starts, is seen, is stopped, survives other pages, and is kept."""

import re

import pytest

from tests.browser.conftest import serving, settle, visiting
from tests.browser.test_app import opened, readout, until

pytestmark = pytest.mark.browser
LONG = "/objectives?steps=4000&width=32&frequencies=32&second=none&third=none&fourth=none"
QUICK = "/objectives?steps=100&width=32&frequencies=32&third=none&fourth=none&seed=3"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A server whose store is empty."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GMVIZ_STORE", str(tmp_path_factory.mktemp("store")))
        with serving() as address:
            yield address


def press(page, name):
    page.get_by_role("button", name=name, exact=False).first.click()


def step(page):
    return float(re.search(r"training step = ([\d.]+)", readout(page))[1])


def bar(page):
    return page.get_by_test_id("stProgress").inner_text() if page.get_by_test_id("stProgress").count() else ""


def said(page):
    return page.get_by_test_id("stMain").inner_text()


def test_the_default_is_there_without_a_click(page, workplace):
    opened(page, workplace, "/objectives")
    assert step(page) == 400
    assert "made with the package" in said(page)
    assert page.get_by_role("button", name="Fit").first.is_disabled()


def test_a_fit_is_seen_stopped_and_keeps_what_it_has(page, workplace):
    opened(page, workplace, LONG)
    assert "Not trained yet" in said(page)
    press(page, "Fit")
    until(page, lambda: "steps/s" in bar(page), 60000)
    assert re.search(r"step \d+ of 4000, \d+ steps/s, \d+ s left", bar(page))
    until(page, lambda: step(page) > 2, 60000)
    press(page, "Stop")
    until(page, lambda: "Stopped at step" in said(page), 30000)
    reached = step(page)
    assert 2 < reached < 4000
    page.wait_for_timeout(1500)
    assert step(page) == reached, "it stays"
    assert page.get_by_role("button", name="Fit").first.is_enabled()


def test_a_fit_goes_on_behind_another_page_and_is_kept(browser, page, workplace):
    opened(page, workplace, QUICK)
    press(page, "Fit")
    until(page, lambda: page.get_by_role("button", name="Stop").count() == 1)
    page.get_by_role("link", name="What each one sees").first.click()
    until(page, lambda: "What does each divergence see?" in said(page))
    page.get_by_role("link", name="Ways to learn it").first.click()
    until(page, lambda: "Which loss finds the gradient?" in said(page))
    until(page, lambda: page.locator("output.readout").count() == 1 and "100" in readout(page), 60000)
    until(page, lambda: not bar(page))
    with visiting(browser) as another:
        opened(another, workplace, QUICK)
        settle(another)
        assert step(another) == 100, "another visitor needs no fit of his own"
