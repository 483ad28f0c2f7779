"""The player in a bare page: the same module, style and shadow root, and a stand-in for Streamlit."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Route

from gmviz.figures.animation import Animation
from gmviz.figures.packing import framed
from gmviz.figures.palette import INK, PAPER
from gmviz.ui.player import script, style

ADDRESS = "http://localhost/page"
PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>player</title>
<style>html,body{margin:0;background:var(--paper)} main{padding:WIDTHpx}</style>
<main><div id="host"></div></main>
<script type="module">
import play from "/player.js";
const host = document.getElementById("host");
const root = host.attachShadow({ mode: "open" });
const style = document.createElement("style");
style.textContent = await (await fetch("/player.css")).text();
const inner = document.createElement("div");
root.append(style, inner);
window.sent = [];
window.play = (data) => {
  window.data = data;
  window.cleanup = play({ parentElement: inner, data, key: "k",
    setStateValue: (name, value) => { window.sent.push({ name, value }); window.onsent?.(value); } });
};
window.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
window.ready = true;
</script>"""


def message(animation: Animation, **options: Any) -> str:
    """What the page would send, as base64."""
    data = framed({"at": None, "veiled": False, "link": None, "seen": None} | options, animation.packed)
    return base64.b64encode(data).decode()


def play(page: Page, animation: Animation, **options: Any) -> None:
    page.evaluate("text => window.play(window.bytes(text))", message(animation, **options))


def ground(page: Page, theme: str) -> None:
    """Set the theme as Streamlit does: by variables on the host."""
    page.evaluate(
        """([paper, ink]) => {
        for (const node of [document.documentElement, document.getElementById("host")]) {
        node.style.setProperty("--st-background-color", paper); node.style.setProperty("--paper", paper);
        node.style.setProperty("--st-text-color", ink); } }""",
        [getattr(PAPER, theme), getattr(INK, theme)],
    )


@contextmanager
def bare_page(
    browser: Browser,
    width: int = 1000,
    height: int = 800,
    theme: str = "light",
    padding: int = 20,
    **context: Any,
) -> Iterator[Page]:
    """A page with the player's module loaded; `context` goes to the browser context."""
    bodies = {
        "page": ("text/html", PAGE.replace("WIDTH", str(padding))),
        "player.js": ("text/javascript", script()),
        "player.css": ("text/css", style()),
    }

    def answer(route: Route) -> None:
        kind, body = bodies.get(route.request.url.rsplit("/", 1)[1].split("?")[0], ("text/plain", ""))
        route.fulfill(content_type=kind, body=body)

    opened = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, **context)
    opened.route("**/*", answer)
    page = opened.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(ADDRESS)
    page.wait_for_function("window.ready === true")
    ground(page, theme)
    yield page
    opened.close()
