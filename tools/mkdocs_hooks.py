"""MkDocs hooks: the pages that live in the repository's root, and links to files that are not part of the site."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# The site's page for each file of the repository's root.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
# What a browser would fetch from another host when it opens a page.
_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video)[^>]*\ssrc="?https?:[^>]*>|<link[^>]*stylesheet[^>]*https?:[^>]*>"""
)
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links written for the repository's tree into links of the site, or into links to the repository."""
    sources = {site: source for source, site in PAGES.items()}
    here = sources.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def link(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), match[1]))
        if target in PAGES:
            target = PAGES[target]
        elif target.startswith("docs/"):
            target = target.removeprefix("docs/")
        elif (ROOT / target).exists():
            return f"{config.extra['repository']}/blob/main/{target}"
        else:
            # MkDocs reports the broken link.
            return match[1]
        return posixpath.relpath(target, posixpath.dirname(page.file.src_uri))

    return _LINK.sub(link, markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    if fetched := _FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} would fetch from the network: {fetched[0]}")
    return output
