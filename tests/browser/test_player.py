"""The player in headless Chromium: what it draws, how it moves, what it sends, what it frees."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from gmviz.figures import animation as a
from gmviz.figures.palette import FISHER, KL, LOG_RATIO, P_DENSITY, PAPER, P, Q
from tests.player.harness import bare_page, ground, message, play

pytestmark = pytest.mark.browser
T = 21
EXTENT = (-3.0, 3.0, -3.0, 3.0)


def film(layers=None, panels=1, steps=T, poster=15, seconds=0.8, shift=0.0, **more):
    """A constant map that brightens over D = 2 ... 10, with KL and Fisher."""
    d = np.linspace(2, 10, steps)
    values = np.linspace(0, 1, steps)[:, None, None] * np.ones((1, 24, 24))
    layers = layers or (a.Heatmap(values, P_DENSITY, (0.0, 1.0), "1/length²", "p"),)
    tracks = (
        a.Track("KL", "KL", 0.5 + 0.04 * d + shift, KL, "round", "nats", error=np.full(steps, 2e-9)),
        a.Track("Fisher", "Fisher", np.exp(-d), FISHER, "diamond", "1/length²"),
    )
    shown = tuple(a.Panel(f"panel {i}", EXTENT, layers) for i in range(panels))
    more = {"poster": poster, "seconds": seconds, "tracks": tracks, "log_tracks": True} | more
    return a.Animation(a.Axis("separation", "", d, "D"), shown, **more)


def settle(page):
    """Wait until the run has stopped."""
    page.wait_for_selector(".gmviz-player[data-state=paused]")


def shown(page):
    return float(page.locator(".gmviz-player").get_attribute("data-at"))


def numbers(page):
    """The table for screen readers: quantity -> value."""
    rows = page.locator("tbody tr").all_inner_texts()
    return {cells[0]: cells[1] for cells in (row.split("\t") for row in rows)}


def pixel(page, x, y):
    """The canvas at CSS pixel (x, y)."""
    return page.locator("canvas").evaluate(
        """(canvas, [x, y]) => { const k = canvas.width / parseFloat(canvas.style.width);
        return [...canvas.getContext("2d").getImageData(x * k, y * k, 1, 1).data.slice(0, 3)]; }""",
        [x, y],
    )


def frame(page, panel=0):
    """x, y, width, height of a panel's frame on the canvas."""
    text = page.locator(".gmviz-player").get_attribute("data-frames")
    return [json.loads(text)[panel][name] for name in "xywh"]


def rgb(colour):
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_map_has_the_colours_of_its_values(browser, theme):
    halves = np.where(np.arange(24) < 12, -0.6, 0.8) * np.ones((1, 24, 1))
    layer = a.Heatmap(halves, LOG_RATIO, (-1.0, 1.0))
    table = LOG_RATIO.table(theme).astype(int)
    with bare_page(browser, theme=theme, reduced_motion="reduce") as page:
        play(page, film((layer,)))
        settle(page)
        # One panel beside its tracks: the frame covers at least x in [34, 330], y in [30, 330].
        for x, value in ((90, -0.6), (300, 0.8)):
            colour = table[round(255 * (value + 1) / 2)]
            assert np.abs(np.array(pixel(page, x, 200)) - colour).max() <= 1
        assert pixel(page, 5, 5) == rgb(getattr(PAPER, theme))


def test_colours_follow_the_play_head(browser):
    table = P_DENSITY.table("light").astype(int)
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film())
        for key, value in (("Home", 0.0), ("End", 1.0), ("ArrowLeft", 19 / 20)):
            page.locator(".picture").press(key)
            page.wait_for_timeout(60)
            assert np.abs(np.array(pixel(page, 200, 200)) - table[round(255 * value)]).max() <= 1


def test_rows_count_upwards(browser):
    values = np.where(np.arange(24)[:, None] < 12, 0.0, 1.0) * np.ones((1, 1, 24))
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film((a.Heatmap(values, P_DENSITY, (0.0, 1.0)),)))
        assert sum(pixel(page, 200, 80)) < sum(pixel(page, 200, 330))  # high values are blue, and above


def test_it_plays_once_and_stops_on_the_poster(browser):
    with bare_page(browser) as page:
        play(page, film(seconds=2.0))
        page.wait_for_selector(".gmviz-player[data-state=playing]")
        places = []
        for _ in range(8):
            places.append(float(page.locator(".scrub").input_value()))
            page.wait_for_timeout(60)
        settle(page)
        assert places == sorted(places)
        assert len({*places}) > 4
        assert shown(page) == pytest.approx(8.0)
        assert page.locator(".readout").inner_text() == "separation D = 8.0"
        assert page.locator(".scrub").get_attribute("aria-valuetext") == "separation D = 8.0"
        assert numbers(page) == {"separation D": "8.0", "KL": "0.820 ± 2×10⁻⁹", "Fisher": "3.35×10⁻⁴"}
        page.wait_for_timeout(300)
        assert shown(page) == pytest.approx(8.0)
        assert page.errors == []


def test_it_stops_where_the_link_says(browser):
    with bare_page(browser) as page:
        play(page, film(), at=6.05)
        settle(page)
        assert shown(page) == pytest.approx(6.0)


def test_reduced_motion_starts_on_the_poster(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film())
        page.wait_for_timeout(100)
        assert page.locator(".gmviz-player").get_attribute("data-state") == "paused"
        assert shown(page) == pytest.approx(8.0)


def test_scrub_step_and_keys(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film())
        scrub = page.locator(".scrub")
        box = scrub.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert shown(page) == pytest.approx(6.0)
        assert numbers(page)["Fisher"] == "0.00248"
        for press, place in (
            ("ArrowRight", 6.4),
            ("ArrowUp", 6.8),
            ("ArrowLeft", 6.4),
            ("PageDown", 5.6),
            ("End", 10.0),
            ("ArrowRight", 10.0),
            ("Home", 2.0),
            ("ArrowLeft", 2.0),
        ):
            scrub.press(press)
            assert shown(page) == pytest.approx(place)
        page.get_by_label("One step on").click()
        page.get_by_label("One step on").click()
        page.get_by_label("One step back").click()
        assert shown(page) == pytest.approx(2.4)
        page.locator(".picture").press(" ")
        page.wait_for_timeout(150)
        page.locator(".picture").press(" ")
        settle(page)
        halted = shown(page)
        assert 2.4 < halted < 10.0
        assert (halted - 2) / 0.4 == pytest.approx(round((halted - 2) / 0.4))  # at rest on a whole step


def test_dragging_in_the_chart_moves_the_play_head(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film())
        box = page.locator("canvas").bounding_box()
        page.mouse.move(box["x"] + box["width"] - 150, box["y"] + 250)
        page.mouse.down()
        page.mouse.move(box["x"] + 460, box["y"] + 250, steps=4)
        page.mouse.up()
        assert 2.0 <= shown(page) < 4.0


def test_speed_and_repeat(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film(seconds=1.0))
        page.locator(".speed").select_option("4")
        page.get_by_label("Repeat").click()
        assert page.get_by_label("Repeat").get_attribute("aria-pressed") == "true"
        page.locator(".picture").press("Home")
        page.locator(".picture").press(" ")
        page.wait_for_timeout(900)  # 3.6 runs
        assert page.get_by_role("button", name="Pause").is_visible()
        page.get_by_label("Repeat").click()
        page.get_by_role("button", name="Play").wait_for()
        assert float(page.locator(".scrub").input_value()) == T - 1


def test_the_probe_reads_every_map_of_the_extent(browser):
    x = np.linspace(-3, 3, 61)
    plane = np.broadcast_to(x[None, None, :] + 10 * x[None, :, None], (1, 61, 61)).copy()
    layers = (a.Heatmap(plane, LOG_RATIO, (-20.0, 20.0), "nats", "log p/q"),)
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film(layers, panels=2))
        before = page.locator("canvas").screenshot()
        box = page.locator("canvas").bounding_box()
        width = frame(page)[2]
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        read = page.locator(".gmviz-player").get_attribute("data-probe")
        assert read.startswith("log p/q = ")
        assert read.endswith(" nats")
        page.wait_for_timeout(60)
        after = Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("L")
        moved = (
            np.abs(np.asarray(after, int) - np.asarray(Image.open(io.BytesIO(before)).convert("L"), int)) > 8
        )
        other = round(frame(page, 1)[0])
        assert moved[:, : round(width)].any()
        assert moved[:, other : other + round(width)].any()  # the crosshair is in the other panel too
        values = []
        for down in (0, 40):
            page.mouse.move(box["x"] + 200, box["y"] + 180 + down)
            text = page.locator(".gmviz-player").get_attribute("data-probe")
            values.append(float(text.split()[3].replace("−", "-")))
        assert values[0] - values[1] == pytest.approx(10 * 40 * 6 / width, rel=0.01)
        page.mouse.move(box["x"] + 200, box["y"] + 700)
        assert page.locator(".gmviz-player").get_attribute("data-probe") == ""


def test_values_beyond_the_range_are_said_to_be_beyond(browser):
    layers = (a.Heatmap(np.full((1, 8, 8), np.inf), LOG_RATIO, (-1.0, 1.0), "nats", "log p/q"),)
    with bare_page(browser, reduced_motion="reduce", has_touch=True) as page:
        play(page, film(layers))
        box = page.locator("canvas").bounding_box()
        page.touchscreen.tap(box["x"] + 200, box["y"] + 200)
        assert page.locator(".gmviz-player").get_attribute("data-probe") == "log p/q ≥ 1.00 nats"


def test_new_data_while_playing_keeps_the_place(browser):
    with bare_page(browser) as page:
        play(page, film(seconds=3.0, poster=20))
        page.wait_for_timeout(700)
        places = [float(page.locator(".scrub").input_value())]
        for shift in (0.1, 0.2):
            play(page, film(seconds=3.0, poster=20, shift=shift))
            page.wait_for_timeout(150)
            places.append(float(page.locator(".scrub").input_value()))
        assert places == sorted(places)
        assert 2 < places[0] < places[-1] < 19
        play(page, film(steps=41, seconds=3.0, poster=40))  # the same axis, finer: the same value of D
        page.wait_for_timeout(100)
        assert float(page.locator(".scrub").input_value()) == pytest.approx(2 * places[-1], abs=6)
        assert page.locator(".gmviz-player").get_attribute("data-state") == "playing"
        assert page.errors == []


def test_at_rest_new_data_keeps_the_value_and_changes_the_numbers(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film())
        page.locator(".picture").press("Home")
        play(page, film(shift=1.0))
        assert shown(page) == pytest.approx(2.0)
        assert numbers(page)["KL"].startswith("1.58")


def test_a_thousand_updates_leak_nothing(browser):
    with bare_page(browser) as page:
        texts = [message(film(shift=shift)) for shift in (0.0, 0.1)]
        page.evaluate("texts => { window.messages = texts.map(window.bytes); }", texts)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")

        def held(updates):
            page.evaluate(
                """async (n) => { for (let i = 0; i < n; i++) { window.play(window.messages[i % 2].slice());
                if (i % 25 === 0) await new Promise(requestAnimationFrame); } }""",
                updates,
            )
            session.send("HeapProfiler.collectGarbage")
            metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
            return np.array([metrics[k] for k in ("Nodes", "JSEventListeners", "JSHeapUsedSize")])

        first, last = held(100), held(1000)
        assert (last[:2] <= first[:2] + 2).all()
        assert last[2] - first[2] < 1e6

        def remount(times):
            page.evaluate(
                "n => { while (n--) { window.cleanup(); window.play(window.data.slice()); } }",
                times,
            )
            return held(1)

        first, last = remount(5), remount(60)
        assert (last[:2] <= first[:2] + 20).all()
        assert last[2] - first[2] < 2e6
        page.evaluate("window.cleanup()")
        assert page.locator(".gmviz-player").count() == 0
        assert page.errors == []


def test_behind_the_veil_no_number_is_shown(browser):
    with bare_page(browser) as page:
        play(page, film(), veiled=True, at=8.0)
        page.wait_for_timeout(200)
        assert shown(page) == 2.0
        assert numbers(page) == {"separation D": "2.0", "KL": "?", "Fisher": "?"}
        for label in ("Play", "One step on", "One step back"):
            assert page.get_by_label(label, exact=True).is_disabled()
        page.locator(".picture").press("End")
        page.locator(".picture").press(" ")
        assert shown(page) == 2.0
        hidden = page.locator("canvas").screenshot()
        play(page, film(), veiled=False, at=8.0)
        page.wait_for_selector(".gmviz-player[data-state=playing]")
        settle(page)
        assert shown(page) == pytest.approx(8.0)
        assert numbers(page)["KL"] == "0.820 ± 2×10⁻⁹"
        page.locator(".picture").press("Home")
        page.wait_for_timeout(60)
        assert page.locator("canvas").screenshot() != hidden
        assert "?" not in page.locator(".unseen").inner_text()


HANDLES = a.Handles(
    np.array([[[0.0, 0.0], [1.5, 1.5]]]), ("centre of p", "centre of q"), (P, Q), (-2.0, 2.0, -2.0, 2.0)
)


def answering(page, animation, delay=40):
    """Play `animation`, and let a stand-in for the server answer every move with it after `delay` ms."""
    page.evaluate(
        """([text, delay]) => {
        window.sent.length = 0;
        window.underway = window.most = 0;
        const bytes = window.bytes(text);
        const n = new DataView(bytes.buffer).getUint32(0, true);
        const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + n)));
        window.onsent = ({ id }) => {
          window.most = Math.max(window.most, ++window.underway);
          setTimeout(() => {
            window.underway--;
            let text = JSON.stringify({ ...head, seen: id });
            while ((4 + text.length) % 8) text += " ";
            const out = new Uint8Array(text.length + bytes.length - n);
            new DataView(out.buffer).setUint32(0, text.length, true);
            out.set(new TextEncoder().encode(text), 4);
            out.set(bytes.subarray(4 + n), 4 + text.length);
            window.play(out);
          }, delay);
        };
        window.play(bytes);
        }""",
        [message(animation), delay],
    )


def answered(page):
    """All messages, once every one of them has been answered."""
    page.wait_for_function("window.sent.length > 0 && window.underway === 0")
    page.wait_for_timeout(120)
    return [each["value"]["positions"] for each in page.evaluate("window.sent")]


def test_a_dragged_handle_follows_and_its_last_place_arrives(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        answering(page, film((HANDLES,)))
        handle = page.locator(".handle").first
        start = handle.bounding_box()
        x, y = start["x"] + 22, start["y"] + 22
        page.mouse.move(x, y)
        page.mouse.down()
        for i in range(1, 31):
            page.mouse.move(x + 2 * i, y - i)
            page.wait_for_timeout(10)
        now = handle.bounding_box()
        assert now["x"] - start["x"] == pytest.approx(60, abs=1.5)  # at once, ahead of the data
        assert now["y"] - start["y"] == pytest.approx(-30, abs=1.5)
        page.mouse.up()
        moves = answered(page)
        assert page.evaluate("window.most") == 1  # one message under way at a time
        assert len(moves) > 3
        assert len(set(page.evaluate("window.sent.map((each) => each.value.id)"))) == len(moves)
        side = 6 / frame(page)[2]
        assert moves[-1]["centre of p"] == pytest.approx([60 * side, 30 * side], rel=1e-3)
        assert handle.bounding_box()["x"] == pytest.approx(start["x"], abs=0.5)  # where the data says
        assert page.errors == []


def test_a_handle_stays_in_its_box(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        answering(page, film((HANDLES,)))
        box = page.locator(".handle").nth(1).bounding_box()
        page.mouse.move(box["x"] + 22, box["y"] + 22)
        page.mouse.down()
        page.mouse.move(box["x"] + 900, box["y"] - 900, steps=3)
        page.mouse.up()
        assert answered(page)[-1] == {"centre of q": [2, 2]}


def test_a_handle_obeys_the_arrow_keys(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        answering(page, film((HANDLES,)))
        at = shown(page)
        page.locator(".handle").first.press("ArrowRight")
        assert answered(page)[-1]["centre of p"] == pytest.approx([0.06, 0.0])
        page.locator(".handle").first.press("Shift+ArrowDown")
        assert answered(page)[-1]["centre of p"] == pytest.approx([0.0, -0.3])
        assert shown(page) == at  # the keys move the handle, not the play-head


def test_the_picture_can_be_saved(browser, tmp_path):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film())
        page.get_by_label("More").click()
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Save picture").click()
        assert waiting.value.suggested_filename == "separation-D-8.0.png"
        waiting.value.save_as(tmp_path / "picture.png")
        image = Image.open(tmp_path / "picture.png").convert("RGB")
        colour = P_DENSITY.table("light")[round(255 * 0.75)].astype(int)
        assert np.abs(np.array(image.getpixel((200, 200))) - colour).max() <= 1
        assert len(image.getcolors(1 << 20)) > 50


def test_the_film_can_be_saved(browser, tmp_path):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film(seconds=0.6))
        page.get_by_label("More").click()
        with page.expect_download(timeout=15000) as waiting:
            page.get_by_role("button", name="Save film").click()
        assert waiting.value.suggested_filename == "separation.webm"
        waiting.value.save_as(tmp_path / "film.webm")
        data = (tmp_path / "film.webm").read_bytes()
        assert data[:4] == bytes.fromhex("1A45DFA3")
        assert len(data) > 5000
        settle(page)
        assert shown(page) == pytest.approx(8.0)  # back where it was


def test_the_link_says_where_the_play_head_is(browser):
    with bare_page(
        browser, reduced_motion="reduce", permissions=["clipboard-read", "clipboard-write"]
    ) as page:
        play(page, film(), link={"dv_pair": "far modes", "dv_width": "1.0"})
        page.get_by_label("More").click()
        page.get_by_role("button", name="Copy link").click()
        expect(page.locator(".status")).to_have_text("Link copied")
        text = page.evaluate("navigator.clipboard.readText()")
        assert text == "http://localhost/page?dv_pair=far+modes&dv_width=1.0&at=8"
        play(page, film())
        page.get_by_label("More").click()
        assert page.get_by_role("button", name="Copy link").count() == 0


def test_an_error_is_shown_in_its_own_frame_and_good_data_recovers(browser):
    with bare_page(browser) as page:
        play(page, film())
        page.wait_for_timeout(100)
        page.evaluate("window.play(new Uint8Array([1, 2, 3]))")
        assert "This picture could not be drawn" in page.locator(".error").inner_text()
        assert page.locator("canvas").is_hidden()
        page.wait_for_timeout(100)
        play(page, film(shift=0.1))
        assert page.locator(".error").is_hidden()
        assert page.locator("canvas").is_visible()
        page.locator(".picture").press("End")
        assert shown(page) == pytest.approx(10.0)
        assert page.errors == []


def test_data_that_fails_halfway_leaves_nothing_behind(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film())
        page.locator(".picture").press("End")
        page.evaluate(  # a kind of layer nobody can draw, in a message that is otherwise whole
            """text => { const data = window.bytes(text); const word = new TextEncoder().encode('"heatmap"');
            const at = data.findIndex((_, i) => word.every((byte, k) => data[i + k] === byte));
            data[at + 7] = 113; window.play(data); }""",
            message(film(steps=5, poster=2)),
        )
        assert "unknown kind, heatmaq" in page.locator(".error").inner_text()
        page.set_viewport_size({"width": 900, "height": 700})  # neither a new size nor a key brings it back
        page.keyboard.press("Home")
        assert page.locator("canvas").is_hidden()
        play(page, film(shift=0.1))
        assert page.locator("canvas").is_visible()
        assert numbers(page)["KL"].startswith("1.00")  # where it was: D = 10
        assert page.errors == []


def test_bad_data_first_is_an_error_too(browser):
    with bare_page(browser) as page:
        page.evaluate("window.play('text')")
        assert "did not arrive as bytes" in page.locator(".error").inner_text()
        play(page, film())
        assert page.locator("canvas").is_visible()
        assert page.errors == []


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_scrolls_in_one_direction_only(browser, width):
    with bare_page(
        browser, width, 844, padding=16, reduced_motion="reduce", has_touch=True, is_mobile=True
    ) as page:
        play(page, film(panels=3), link={"a": "b"})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        sizes = page.locator(".bar button:visible").evaluate_all(
            "nodes => nodes.map(n => [n.offsetWidth, n.offsetHeight])"
        )
        assert min(min(size) for size in sizes) >= 44
        page.get_by_label("More").click()
        menu = page.locator(".menu").bounding_box()
        assert menu["x"] >= 0
        assert menu["x"] + menu["width"] <= width


def test_three_maps_and_tracks_stand_above_the_fold(browser):
    with bare_page(browser, 1280, 800, padding=150, reduced_motion="reduce") as page:
        play(page, film(panels=3))
        assert page.locator("#host").bounding_box()["height"] <= 520


def test_another_theme_redraws(browser):
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film())
        ground(page, "dark")
        page.evaluate("window.play(window.data)")
        assert pixel(page, 5, 5) == rgb(PAPER.dark)
        assert np.abs(np.array(pixel(page, 200, 200)) - P_DENSITY.table("dark")[191].astype(int)).max() <= 1


def test_nothing_is_drawn_while_at_rest_or_out_of_sight(browser):
    with bare_page(browser) as page:
        page.evaluate(
            """() => { window.frames_asked = 0; const ask = requestAnimationFrame;
            window.requestAnimationFrame = (act) => { window.frames_asked++; return ask(act); };
            document.querySelector("main").style.paddingBottom = "3000px"; }"""
        )
        play(page, film())
        settle(page)
        page.wait_for_timeout(100)
        at_rest = page.evaluate("window.frames_asked")
        page.wait_for_timeout(200)
        assert page.evaluate("window.frames_asked") == at_rest
        page.locator(".picture").press(" ")
        page.evaluate("window.scrollTo(0, 2500)")
        page.wait_for_timeout(150)
        away = page.evaluate("window.frames_asked")
        page.wait_for_timeout(250)
        assert page.evaluate("window.frames_asked") == away
        page.evaluate("window.scrollTo(0, 0)")
        page.wait_for_function("n => window.frames_asked > n + 3", arg=away)


def test_full_screen_and_frame_rate(browser):
    with bare_page(browser) as page:
        play(page, film(seconds=3.0))
        page.locator(".picture").press("f")
        page.wait_for_function(
            "/pictures/.test(document.getElementById('host').shadowRoot.querySelector('.rate').textContent)"
        )
        before = page.locator("canvas").bounding_box()["height"]
        page.get_by_label("More").click()
        page.get_by_role("button", name="Full screen", exact=True).click()
        page.wait_for_function("document.fullscreenElement !== null")
        page.wait_for_timeout(100)
        assert page.locator("canvas").bounding_box()["height"] > before
        assert page.errors == []


def test_five_thousand_particles_are_all_drawn(browser):
    rng = np.random.default_rng(0)
    positions = np.cumsum(rng.normal(0, 0.05, (40, 5000, 2)), 0) + rng.normal(0, 0.8, (1, 5000, 2))
    animation = film((a.Particles(positions, Q),), steps=40, poster=39, seconds=2.0)
    with bare_page(browser) as page:
        play(page, animation)
        gaps = page.evaluate(
            """async () => { const gaps = []; let before = performance.now();
            for (let i = 0; i < 40; i++) { await new Promise(requestAnimationFrame);
            const now = performance.now(); gaps.push(now - before); before = now; } return gaps; }"""
        )
        assert np.median(gaps) < 50  # the benchmark gives the rate; here only that nothing stalls
        settle(page)
        ink = page.locator("canvas").evaluate(
            """canvas => { const data = canvas.getContext("2d").getImageData(0, 0, 360, canvas.height).data;
            let n = 0; for (let i = 0; i < data.length; i += 4) n += data[i] - data[i + 2] > 60;
            return n; }"""
        )
        inside = (np.abs(positions[-1]) < 3).all(-1).sum()
        cells = len(np.unique(np.floor((positions[-1] + 3) / 6 * frame(page)[2]).astype(int), axis=0))
        assert 0.9 * min(inside, cells) < ink < 15 * inside
        assert page.errors == []


def test_particles_outside_are_counted_not_clamped(browser):
    positions = np.array([[[0.0, 0.0], [3.2, 0.0], [50.0, 0.0], [0.0, -3.1]]])
    with bare_page(browser, reduced_motion="reduce") as page:
        play(page, film((a.Particles(positions, Q, size=3.0),)))
        paper = rgb(PAPER.light)
        x, y, w, h = frame(page)
        assert (
            np.abs(np.array(pixel(page, x + w - 3, y + h / 2)) - paper).max() < 12
        )  # none stuck to the edge
        image = Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("L")
        corner = np.asarray(image)[round(y + h - 22) : round(y + h - 6), round(x + w - 80) : round(x + w - 6)]
        assert (corner < 160).any()  # "3 outside" is written there
