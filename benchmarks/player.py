"""The player against Plotly's frames: the same particles, 100 steps, in one headless Chromium in turn.

Bytes are what the browser receives for one change of the data; Plotly's own 4.7 MB of JavaScript are not
counted. "First picture" is the time from the data's arrival to the display frame after it was drawn.
Pictures per second are those drawn while the animation plays as fast as the display allows: for Plotly
those after which the browser came back for the next frame. Plotly plays in both of its ways, SVG without
redraw and WebGL with redraw. Rounds alternate; medians are printed. Run: python -m benchmarks.player
"""

import base64
import os
import shutil
import statistics
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from playwright.sync_api import Browser, Page, sync_playwright
from plotly.offline import get_plotlyjs

from gmviz.figures.animation import Animation, Axis, Panel, Particles
from gmviz.figures.packing import framed
from gmviz.figures.palette import Q
from gmviz.ui.player import script, style

STEPS, ROUNDS, SECONDS = 100, 3, 3
EXTENT = (-5.0, 5.0, -5.0, 5.0)
PAGE = '<!doctype html><meta charset="utf-8"><div id="host" style="width:900px"></div>'
PLAYER = """async ([script, style]) => {
  const source = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  const { default: play } = await import(source);
  const root = document.getElementById("host").attachShadow({ mode: "open" });
  const inner = document.createElement("div");
  const sheet = document.createElement("style");
  sheet.textContent = style;
  root.append(sheet, inner);
  window.show = (data) => play({ parentElement: inner, data, key: "k", setStateValue: () => {} });
  const put = CanvasRenderingContext2D.prototype.putImageData; // called once per picture of the particles
  CanvasRenderingContext2D.prototype.putImageData = function (...all) {
    window.drawn++;
    return put.apply(this, all);
  };
}"""
PLOTLY = """async (redraw) => {
  const host = document.getElementById("host");
  window.show = async (data) => {
    const figure = JSON.parse(new TextDecoder().decode(data));
    await Plotly.newPlot(host, figure.data, figure.layout);
    await Plotly.addFrames(host, figure.frames);
  };
  const step = { frame: { duration: 0, redraw }, transition: { duration: 0 }, mode: "immediate" };
  window.run = async () => {
    for (let t = 0; ; t = (t + 1) % STEPS) {
      await Plotly.animate(host, [String(t)], step);
      await new Promise(requestAnimationFrame);
      window.drawn++;
    }
  };
}""".replace("STEPS", str(STEPS))
FIRST = """async (text) => {
  const data = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const start = performance.now();
  await window.show(data);
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
RATE = """async (seconds) => {
  window.drawn = 0;
  const start = performance.now();
  while (performance.now() - start < 1000 * seconds) await new Promise(requestAnimationFrame);
  return window.drawn / ((performance.now() - start) / 1000);
}"""


@dataclass(frozen=True)
class Contender:
    """One way to animate: what it is sent, and Plotly's option `redraw` (None: the player)."""

    name: str
    data: bytes
    redraw: bool | None = None

    def visit(self, browser: Browser) -> tuple[float, float]:
        """(ms to the first picture, pictures per second while playing)."""
        context = browser.new_context(viewport={"width": 1000, "height": 700}, reduced_motion="reduce")
        page = context.new_page()
        page.set_content(PAGE)
        self.load(page)
        first = page.evaluate(FIRST, base64.b64encode(self.data).decode())
        self.start(page)
        page.wait_for_timeout(300)
        rate = page.evaluate(RATE, SECONDS)
        context.close()
        return first, rate

    def load(self, page: Page) -> None:
        if self.redraw is None:
            page.evaluate(PLAYER, [script(), style()])
        else:
            page.add_script_tag(content=get_plotlyjs())
            page.evaluate(PLOTLY, self.redraw)

    def start(self, page: Page) -> None:
        if self.redraw is None:
            page.locator(".picture").press("Home")
            page.get_by_label("Repeat").click()
            page.locator(".picture").press(" ")
        else:
            page.evaluate("() => { window.run(); }")


def trajectories(n: int) -> np.ndarray:
    """(STEPS, n, 2): random walks from a normal cloud."""
    generator = np.random.default_rng(0)
    return generator.normal(size=(n, 2)) + np.cumsum(generator.normal(size=(STEPS, n, 2)) / 8, 0)


def packed(positions: np.ndarray) -> bytes:
    """The player's message; a run takes as many display frames as it has steps."""
    panel = Panel("samples", EXTENT, (Particles(positions, Q),))
    axis = Axis("step", "", np.arange(STEPS, dtype=float))
    animation = Animation(axis, (panel,), seconds=STEPS / 60, budget=8 * 2**20)
    return framed({"at": None, "veiled": False, "link": None, "seen": None}, animation.packed)


def figure(positions: np.ndarray, trace: type[go.Scatter] | type[go.Scattergl]) -> bytes:
    """The same as a Plotly figure with frames, in its smallest form: float32 in base64."""
    x, y = positions.astype(np.float32).transpose(2, 0, 1)
    frames = [go.Frame(data=[trace(x=x[t], y=y[t])], name=str(t)) for t in range(STEPS)]
    layout = {
        "width": 900,
        "height": 450,
        "xaxis": {"range": EXTENT[:2]},
        "yaxis": {"range": EXTENT[2:], "scaleanchor": "x"},
    }
    first = trace(x=x[0], y=y[0], mode="markers", marker={"size": 3, "color": Q.light})
    return go.Figure(data=[first], frames=frames, layout=layout).to_json().encode()


def compare(browser: Browser, n: int) -> None:
    """Print what each contender needs for n particles, and the player's advantage."""
    positions = trajectories(n)
    contenders = (
        Contender("player", packed(positions)),
        Contender("Plotly SVG", figure(positions, go.Scatter), redraw=False),
        Contender("Plotly WebGL", figure(positions, go.Scattergl), redraw=True),
    )
    rounds = [[each.visit(browser) for each in contenders] for _ in range(ROUNDS)]
    print(f"{n} particles x {STEPS} steps")
    ours: tuple[float, float, float] | None = None
    for contender, visits in zip(contenders, zip(*rounds, strict=True), strict=True):
        first, rate = (statistics.median(each) for each in zip(*visits, strict=True))
        megabytes = len(contender.data) / 1e6
        line = f"  {contender.name}: {rate:.0f} pictures/s, {megabytes:.2f} MB, first picture {first:.0f} ms"
        ours = ours or (rate, megabytes, first)
        if contender.redraw is not None:
            line += (
                f"; the player: {ours[0] / rate:.1f} times the rate, 1/{megabytes / ours[1]:.1f} of the "
                f"bytes, {first / ours[2]:.1f} times sooner"
            )
        print(line)


def main() -> None:
    """Compare at 5000 and 2000 particles."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--enable-unsafe-swiftshader"],
        )
        for n in (5000, 2000):
            compare(browser, n)
        browser.close()


if __name__ == "__main__":
    main()
