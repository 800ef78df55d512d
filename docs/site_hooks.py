"""Hooks of MkDocs: bring the pages of the repository's root into the site, and turn links to and from them."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
ROOT_PAGES = ("README", "CONTRIBUTING", "CHANGELOG")


def on_files(files: Files, config: Any) -> Files:
    """Add the root's pages; in the site they have names in small letters."""
    for name in ROOT_PAGES:
        files.append(File.generated(config, f"{name.lower()}.md", content=(ROOT / f"{name}.md").read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the text of a page with links as they are in the site."""
    if page.file.src_uri in {f"{name.lower()}.md" for name in ROOT_PAGES}:
        markdown = re.sub(r"\]\(docs/", "](", markdown)
    pattern = rf"\]\((?:\.\./)*({'|'.join(ROOT_PAGES)})\.md"
    depth = page.file.src_uri.count("/")
    markdown = re.sub(pattern, lambda match: f"]({'../' * depth}{match[1].lower()}.md", markdown)
    # Other files of the repository are no part of the site: their names stay, without a link.
    return re.sub(r"\[([^\]]+)\]\((?:LICENSE|CITATION\.cff)\)", r"\1", markdown)
