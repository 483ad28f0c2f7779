"""The README's pictures, made from the running app: `make screenshots`."""

from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM, serving, settle

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    """Photograph the first page."""
    DOCS.mkdir(exist_ok=True)
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page.goto(f"{address}/divergences")
        settle(page)
        page.wait_for_timeout(2000)
        page.screenshot(path=DOCS / "divergences.png")
        browser.close()


if __name__ == "__main__":
    main()
