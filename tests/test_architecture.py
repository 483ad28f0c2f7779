"""The house rules that a machine can check: who imports whom, and what stands only in one place."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "gmviz").rglob("*.py"))
PAGES = sorted((ROOT / "pages").glob("*.py"))

# Left never imports right. Inside a group imports run freely as long as they make no circle.
ORDER = (
    {"gmviz"},
    {"checks", "knobs"},
    {"quadrature"},
    {"densities", "boxes", "pairs"},
    {
        *("schedules", "datasets", "strokes", "divergences", "local_variance", "variance_map", "noising"),
        *("models", "score_models", "stacked", "networks", "projections", "score_table", "plane_maps"),
        *("noise_networks",),
        *("kernel_maps", "leave_one_out", "memorising", "nearest_point"),
        *("legendre", "noise_paths", "weightings", "families", "landscapes", "quartic", "descent"),
    },
    {"objectives", "estimator_noise", "samplers", "likelihood", "adjoint", "metrics", "identities"},
    {"runtime", "fitting"},
    {"experiments"},
    {"figures"},
    {"ui"},
)
RANK = {name: rank for rank, group in enumerate(ORDER) for name in group}
ONLY_IN = {
    "streamlit": ("gmviz/ui", "pages", "app.py"),
    "plotly": ("gmviz/figures",),
    "altair": ("gmviz/figures",),
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def noun(module: str) -> str:
    """The module or wing of gmviz that a dotted name belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in RANK else parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_left_never_imports_right(path):
    own = noun(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert own in RANK, f"{path} stands in no group: give it a place in ORDER"
    wrong = {each for each in imports(path) if each.startswith("gmviz") and RANK[noun(each)] > RANK[own]}
    assert not wrong, f"{own} stands left of what it imports: {wrong}"


@pytest.mark.parametrize(
    "path", [*MODULES, *PAGES, ROOT / "app.py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_each_library_has_its_place(path):
    place = path.relative_to(ROOT).as_posix()
    for library, allowed in ONLY_IN.items():
        if any(each.split(".")[0] == library for each in imports(path)):
            assert place.startswith(allowed), f"{library} is imported only in {allowed}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_compiling_has_one_place(path):
    if path.relative_to(ROOT).as_posix() != "gmviz/runtime/compiling.py":
        assert "torch.compile" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_one_noun(path):
    assert path.stem not in {"utils", "helpers", "common", "misc"}
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 320, "two nouns: split it"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_thin_and_has_its_prose(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 80
    assert path.with_suffix(".md").exists()
    assert (ROOT / "gmviz" / "experiments" / path.name).exists()
    assert (ROOT / "gmviz" / "figures" / path.name).exists()


def test_there_is_no_circle():
    """Importing each module alone, in any order, would work: the graph of modules has no cycle."""
    graph = {}
    for path in MODULES:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        graph[name] = imports(path)
    names = set(graph)
    edges = {
        name: {target for each in found for target in (each, each.rpartition(".")[0]) if target in names}
        - {name}
        for name, found in graph.items()
    }
    visiting, done = [], set()

    def visit(name):
        assert name not in visiting, " -> ".join([*visiting[visiting.index(name) :], name])
        if name not in done:
            visiting.append(name)
            for target in edges[name]:
                visit(target)
            visiting.pop()
            done.add(name)

    for name in names:
        visit(name)
