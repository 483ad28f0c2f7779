"""What the player plays: records that refuse bad input, and bytes that say exactly what the format says."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gmviz.figures import animation as a
from gmviz.figures.packing import Store, framed, quantised
from gmviz.figures.palette import CATEGORIES, FISHER, FISHER_INTEGRAND, KL, LOG_RATIO, P, Q

T = 5
EXTENT = (-2.0, 2.0, -1.0, 1.0)
JAVASCRIPT = Path(__file__).parent.parent / "gmviz" / "ui" / "player"


def axis(steps=T):
    return a.Axis("separation", "", np.linspace(2, 10, steps), "D")


def heat(steps=T, rows=6, columns=8, **more):
    values = np.random.default_rng(0).uniform(-1, 1, (steps, rows, columns))
    return a.Heatmap(values, LOG_RATIO, (-1.0, 1.0), "nats", "log p/q", **more)


def every_layer():
    rng = np.random.default_rng(1)
    n = 40
    positions = rng.uniform(-3, 3, (T, n, 2))
    return (
        heat(),
        a.Contours(rng.normal(size=(T, 6, 8)), (-0.5, 0.5), P, label="p"),
        a.Arrows(rng.normal(size=(T, 3, 4, 2)), Q, 0.3),
        a.Particles(positions, Q, trail=3),
        a.Particles(positions, categories=np.arange(n) % len(CATEGORIES)),
        a.Particles(positions, values=rng.uniform(size=(1, n)), ramp=FISHER_INTEGRAND, limits=(0.0, 1.0)),
        a.Points(np.zeros((1, 2, 2)), P, labels=("a", "b")),
        a.Handles(np.zeros((1, 1, 2)), ("centre of p",), (P,)),
        a.Polyline(np.zeros((T, 7, 2)), P, dashed=True),
        a.Segments(np.zeros((1, 7, 2, 2)), P),
        a.Bars(np.linspace(-1, 1, 6)[None], rng.uniform(size=(T, 5)), P),
    )


def tracks():
    kl = a.Track("KL", "KL", np.linspace(0.5, 0.8, T), KL, "round", "nats", error=np.full(T, 1e-9))
    fisher = a.Track("Fisher", "Fisher", np.geomspace(1, 1e-4, T), FISHER, "diamond", "1/length²")
    return (kl, fisher)


def small(layers=None, **more):
    panel = a.Panel("log p/q", EXTENT, every_layer() if layers is None else layers)
    more = {"tracks": tracks(), "log_tracks": True} | more
    return a.Animation(axis(), (panel,), **more)


def unpacked(data):
    """The format read by hand, independently of the code that writes it."""
    n = int.from_bytes(data[:4], "little")
    header, body = json.loads(data[4 : 4 + n]), data[4 + n :]

    def array(entry):
        kind = np.dtype("<" + entry["type"])
        count = int(np.prod(entry["shape"]))
        return np.frombuffer(body, kind, count, entry["at"]).reshape(entry["shape"])

    assert (4 + n) % 8 == 0
    return header, array


def decoded(codes, low, high):
    top = np.iinfo(codes.dtype).max
    return low + (high - low) * (codes.astype(float) - 1) / (top - 3)


@pytest.mark.parametrize("bits", [8, 16])
def test_codes_are_right_to_half_a_step_and_mark_what_is_clipped_or_absent(bits):
    top = 2**bits - 1
    values = np.concatenate([np.linspace(-2, 3, 501), [-2.1, 3.2, -np.inf, np.inf, 0.0]])
    absent = np.zeros(values.shape, bool)
    absent[-1] = True
    codes = quantised(values, -2.0, 3.0, bits, absent)
    assert codes.dtype == np.dtype(f"u{bits // 8}")
    inside = decoded(codes[:501], -2.0, 3.0)
    assert np.abs(inside - values[:501]).max() <= 0.5 * 5 / (top - 3) * (1 + 1e-9)
    assert codes[0] == 1
    assert codes[500] == top - 2
    assert codes[501:].tolist() == [0, top - 1, 0, top - 1, top]


def test_a_map_comes_back_to_the_resolution_of_its_codes():
    header, array = unpacked(a.pack(small((heat(),))))
    layer = header["layers"][0]
    values = decoded(array(layer["values"]), layer["low"], layer["high"])
    assert np.abs(values - heat().values).max() < 2 / 65532
    assert array(layer["ramp"]["light"]).shape == (256, 3)
    assert (array(layer["ramp"]["dark"]) == LOG_RATIO.table("dark")).all()


def test_axis_tracks_and_errors_travel_unrounded():
    animation = small()
    header, array = unpacked(animation.packed)
    assert (array(header["axis"]["values"]) == animation.axis.values).all()
    for entry, track in zip(header["tracks"], animation.tracks, strict=True):
        assert (array(entry["values"]) == track.values).all()
    assert (array(header["tracks"][0]["error"]) == 1e-9).all()
    assert header["tracks"][1]["error"] is None
    assert header["poster"] == T - 1


def test_particles_are_placed_to_a_65532th_of_their_window_and_absent_outside_it():
    rng = np.random.default_rng(2)
    positions = rng.uniform(-4, 4, (T, 60, 2))
    positions[0, 0] = np.inf
    header, array = unpacked(small((a.Particles(positions, Q),)).packed)
    layer = header["layers"][0]
    x0, x1, y0, y1 = layer["window"]
    assert (x0, x1, y0, y1) == (-3.0, 3.0, -1.5, 1.5)
    codes = array(layer["positions"])
    outside = (
        (positions[..., 0] < x0)
        | (positions[..., 0] > x1)
        | (positions[..., 1] < y0)
        | (positions[..., 1] > y1)
    )
    assert ((codes == 65535).all(-1) == outside).all()
    placed = np.stack([decoded(codes[..., 0], x0, x1), decoded(codes[..., 1], y0, y1)], -1)
    assert np.abs(placed - positions)[~outside].max() <= 0.5 * 6 / 65532 * (1 + 1e-6)


def test_arrows_come_back_in_the_length_they_are_drawn():
    vectors = np.random.default_rng(3).normal(size=(T, 3, 4, 2))
    header, array = unpacked(small((a.Arrows(vectors, Q, 0.3),)).packed)
    layer = header["layers"][0]
    drawn = array(layer["vectors"]) * layer["unit"]
    assert np.abs(drawn - 0.3 * vectors).max() <= 0.5 * layer["unit"] * (1 + 1e-9)


def test_contours_code_the_values_around_their_levels():
    values = np.linspace(-1e6, 0, T * 48).reshape(T, 6, 8)
    header, _ = unpacked(small((a.Contours(values, (-3.0, -1.0), P),)).packed)
    layer = header["layers"][0]
    assert layer["low"] <= -3 - 2
    assert layer["high"] >= -1
    assert (layer["high"] - layer["low"]) / 65532 < 1e-3
    flat = a.Contours(np.full((1, 2, 2), -np.inf), (0.0,), P)
    header, _ = unpacked(small((flat,)).packed)
    assert header["layers"][0]["low"] < 0 < header["layers"][0]["high"]


def test_what_is_shared_is_sent_once():
    layer = heat(rows=60, columns=80)
    once = small((layer,)).nbytes
    panels = tuple(a.Panel(str(i), EXTENT, (layer,)) for i in range(3))
    assert a.Animation(axis(), panels).nbytes < once + 1000
    assert small((heat(rows=60, columns=80), layer)).nbytes > 1.9 * once


def test_what_stands_still_is_sent_once():
    header, array = unpacked(small((heat(steps=1),)).packed)
    assert array(header["layers"][0]["values"]).shape == (1, 6, 8)


def test_a_mask_is_drawn_as_nothing_and_is_the_only_place_for_nan():
    values = heat().values.copy()
    mask = np.zeros(values.shape, bool)
    mask[2, 3, 4] = True
    values[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"Heatmap.values must be free of NaN outside its mask, got 1 NaN"):
        a.Heatmap(values, LOG_RATIO, (-1.0, 1.0))
    header, array = unpacked(small((a.Heatmap(values, LOG_RATIO, (-1.0, 1.0), mask=mask),)).packed)
    codes = array(header["layers"][0]["values"])
    assert (codes == 65535).sum() == 1
    assert codes[2, 3, 4] == 65535


def test_clipping_is_announced():
    header, _ = unpacked(small((a.Heatmap(heat().values * 2, LOG_RATIO, (-1.0, 3.0)),)).packed)
    assert header["layers"][0]["below"] is True
    assert header["layers"][0]["above"] is False


def test_an_axis_must_run_one_way():
    for values in ([1.0, 1.0, 2.0], [1.0, 3.0, 2.0], [1.0, np.inf], [1.0, np.nan], []):
        with pytest.raises(ValueError, match=r"Axis.values must be"):
            a.Axis("noise", "", np.array(values))
    with pytest.raises(ValueError, match="positive on a log axis"):
        a.Axis("noise", "", np.array([0.0, 1.0]), log=True)
    assert a.Axis("time", "", np.linspace(1, 0, 3)).values[0] == 1


NAN = np.full((T, 3, 2), np.nan)
BAD = {
    "Heatmap.limits": lambda: a.Heatmap(heat().values, LOG_RATIO, (1.0, 1.0)),
    "Heatmap.values": lambda: a.Heatmap(np.zeros((T, 6)), LOG_RATIO, (0.0, 1.0)),
    "Heatmap.bits": lambda: heat(bits=12),
    "Heatmap.mask": lambda: heat(mask=np.zeros((T, 2, 2), bool)),
    "Contours.levels": lambda: a.Contours(heat().values, (np.inf,), P),
    "Contours.values": lambda: a.Contours(np.full((T, 6, 8), np.nan), (0.0,), P),
    "Arrows.vectors": lambda: a.Arrows(np.zeros((T, 3, 4, 3)), P),
    "Arrows.scale": lambda: a.Arrows(np.zeros((T, 3, 4, 2)), P, 0.0),
    "Particles.positions": lambda: a.Particles(NAN),
    "Particles.categories": lambda: a.Particles(np.zeros((T, 3, 2)), categories=np.array([0, 1, 8])),
    "Particles.values": lambda: a.Particles(np.zeros((T, 3, 2)), values=np.zeros((2, 3))),
    "Particles.ramp": lambda: a.Particles(np.zeros((T, 3, 2)), values=np.zeros((1, 3))),
    "Points.labels": lambda: a.Points(np.zeros((1, 3, 2)), labels=("a",)),
    "Points.positions": lambda: a.Points(np.zeros((1, 0, 2))),
    "Handles.names": lambda: a.Handles(np.zeros((1, 2, 2)), ("a", "a"), (P, P)),
    "Handles.colours": lambda: a.Handles(np.zeros((1, 2, 2)), ("a", "b"), (P,)),
    "Polyline.points": lambda: a.Polyline(NAN),
    "Segments.ends": lambda: a.Segments(np.full((1, 1, 2, 2), np.inf)),
    "Bars.edges": lambda: a.Bars(np.array([[0.0, 2.0, 1.0]]), np.ones((1, 2))),
    "Bars.heights": lambda: a.Bars(np.array([[0.0, 1.0]]), np.array([[np.nan]])),
    "Panel.extent": lambda: a.Panel("t", (0.0, 0.0, 0.0, 1.0), ()),
    "Track.values": lambda: a.Track("KL", "KL", np.array([np.nan]), KL),
    "Track.error": lambda: a.Track("KL", "KL", np.zeros(3), KL, error=-np.ones(3)),
    "Animation.panels": lambda: a.Animation(axis(), ()),
    "Animation.poster": lambda: small(poster=T),
    "Animation.log_tracks": lambda: small(log_tracks=False),
    "Animation.budget": lambda: small(budget=2**24),
    "Heatmap in panel 'log p/q'": lambda: small((heat(steps=3),)),
    "Track 'KL'": lambda: small(tracks=(a.Track("KL", "KL", np.zeros(T + 1), KL),)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name):
    with pytest.raises(ValueError, match=f"^{name}.* must be .*, got ".replace("(", r"\(")):
        BAD[name]()


def test_an_infinite_divergence_is_a_number():
    values = np.array([1.0, 2.0, np.inf, np.inf, 3.0])
    header, array = unpacked(small(tracks=(a.Track("KL", "KL", values, KL),)).packed)
    assert (array(header["tracks"][0]["values"]) == values).all()


def test_a_heavy_animation_is_refused_with_what_weighs_most():
    layer = heat(rows=300, columns=400, label="log p/q")
    assert small((layer,), budget=2**21).nbytes < 2**21
    with pytest.raises(
        ValueError, match=r"at most 1\.0 MB .*coarser grid.* got 1\.\d MB, of which Heatmap 'log p/q' takes"
    ):
        small((layer,), budget=2**20)


def test_nbytes_is_the_size_sent():
    animation = small()
    assert animation.nbytes == len(a.pack(animation))


def test_arrays_lie_at_multiples_of_eight():
    store = Store()
    entries = [store.add(np.arange(n, dtype=np.uint8), "u1") for n in (1, 7, 9)]
    assert [entry["at"] for entry in entries] == [0, 8, 16]
    assert len(framed({}, b"")) % 8 == 0


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_player_reads_what_python_writes(tmp_path):
    animation = small()
    file = tmp_path / "animation.bin"
    file.write_bytes(framed({"at": 8.0}, animation.packed))
    program = f"""
    import {{ readFileSync }} from "node:fs";
    import {{ unpackMessage }} from "{(JAVASCRIPT / "unpack.js").as_uri()}";
    import {{ readMap, trackValue }} from "{(JAVASCRIPT / "interpolate.js").as_uri()}";
    const {{ options, animation }} = unpackMessage(new Uint8Array(readFileSync("{file}")));
    const map = animation.layers[0];
    console.log(JSON.stringify({{
      at: options.at,
      axis: [...animation.axis.values.data],
      kinds: animation.layers.map((layer) => layer.kind),
      nodes: [[0, 0, 0], [2, 3, 4], [4, 7, 5]].map(([t, j, i]) => readMap(map, t, j, i).value),
      between: readMap(map, 1.5, 2.25, 3.5).value,
      fisher: trackValue(animation.tracks[1].values.data, 1.5, true),
    }}));"""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program], capture_output=True, text=True, check=True, timeout=30
    )
    read = json.loads(done.stdout)
    values = heat().values
    assert read["at"] == 8.0
    assert read["axis"] == animation.axis.values.tolist()
    kinds = "heatmap contours arrows particles particles particles points handles polyline segments bars"
    assert read["kinds"] == kinds.split()
    assert read["nodes"] == pytest.approx([values[0, 0, 0], values[2, 4, 3], values[4, 5, 7]], abs=2e-5)
    corner = 0.75 * values[1:3, 3:5, 2].mean() + 0.25 * values[1:3, 3:5, 3].mean()
    assert read["between"] == pytest.approx(corner, abs=2e-5)
    fisher = animation.tracks[1].values
    assert read["fisher"] == pytest.approx(np.sqrt(fisher[1] * fisher[2]), rel=1e-12)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_players_parts_under_node():
    files = sorted(map(str, (Path(__file__).parent / "player").glob("*.test.mjs")))
    done = subprocess.run(["node", "--test", *files], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-4000:]
