"""The prose of a page: `pages/NAME.md` beside `pages/NAME.py`, cut at its headings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import streamlit as st


@dataclass(frozen=True)
class Lesson:
    """A page's question, the one sentence under it, and its sections by heading."""

    name: str
    heading: str
    sentence: str
    sections: dict[str, str]

    def show(self, section: str, **numbers: str) -> None:
        """Write a section under its heading; `[[name]]` in it becomes the number of that name, as text."""
        st.subheader(section, anchor=False)
        st.markdown(filled(self.sections[section], numbers))


def filled(text: str, numbers: Mapping[str, str]) -> str:
    """The text with every `[[name]]` replaced; a name without a number is a `KeyError`."""
    return re.sub(r"\[\[(\w+)\]\]", lambda match: numbers[match[1]], text)


@cache
def lesson(page_file: str) -> Lesson:
    """Read `NAME.md` beside the page `NAME.py`.

    The file is one `# question`, one paragraph (the sentence), and `## Section`s.
    """
    path = Path(page_file).with_suffix(".md")
    opening, *rest = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    title, _, sentence = opening.partition("\n")
    parts = (part.partition("\n") for part in rest)
    return Lesson(
        name=path.stem,
        heading=title.removeprefix("# ").strip(),
        sentence=sentence.strip(),
        sections={heading.strip(): body.strip() for heading, _, body in parts},
    )
