"""The README says what is there: every page's question, every image, every command."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", sorted((ROOT / "pages").glob("*.md")), ids=lambda page: page.stem)
def test_every_page_is_listed_with_its_question(page):
    assert page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ") in README


def test_every_image_and_link_is_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_command_is_a_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, flags=re.MULTILINE):
        assert f"\n{target}:" in makefile, target


def test_the_snippet_prints_what_it_says(capsys):
    snippet = re.search(r"```python\n(.*?)```", README, flags=re.DOTALL)[1]
    exec(compile(snippet, "README.md", "exec"), {})
    kl, fisher = capsys.readouterr().out.split()
    assert float(kl) == pytest.approx(0.8317, abs=5e-5)
    assert float(fisher) == pytest.approx(0.00074, abs=5e-6)
