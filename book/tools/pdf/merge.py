"""Merge the pages of a built site into one page, in the order of the table of contents.

A section has the same id in several chapters, so each id takes the name of its page as a
prefix. Links between pages become links inside the one page. Headings move down, so that
parts, chapters and sections nest: from them the browser makes the outline of the PDF.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag

# What has no use on paper: marks behind headings, lists of subpages, the link to this PDF,
# and of a formula what is spoken and not drawn.
SCREEN_ONLY = (
    ".headerlink, .toctree-wrapper, .book-note, .book-pdf, .book-source, .viewcode-link, "
    ".sd-summary-state-marker, mjx-assistive-mml, script"
)


def entries(toc: dict) -> Iterator[tuple[str, int, str | None]]:
    """Yield (page, level of its title, caption of the part that it opens) in reading order."""
    yield toc["root"], 1, None
    for part in toc["parts"]:
        caption = part["caption"]
        for chapter in part["chapters"]:
            yield chapter["file"], 2, caption
            caption = None
            for section in chapter.get("sections", ()):
                yield section["file"], 3, None


def anchor(page: str, fragment: str = "") -> str:
    """Return the id that a page, or a place in it, has in the one page."""
    name = page.replace("/", "-")
    return f"{name}--{fragment}" if fragment else name


def inside(page: str, link: str) -> str:
    """Return the path from the site's root of a link that stands on ``page``."""
    return unquote(urljoin(page, link))


def target(page: str, link: str, known: set[str]) -> str | None:
    """Return where a link leads in the one page, or None if it leads nowhere on paper."""
    parts = urlsplit(urljoin(page, link))
    if parts.scheme or parts.netloc:
        return link
    other = unquote(parts.path).removesuffix(".html")
    return "#" + anchor(other, unquote(parts.fragment)) if other in known else None


def redirect(article: Tag, page: str, known: set[str]) -> None:
    """Let ids, links and images of one page work in the one page."""
    for place in article.select("[id]"):
        place["id"] = anchor(page, str(place["id"]))
    for link in article.select("a[href]"):
        address = target(page, str(link["href"]), known)
        if address is None:
            link.unwrap()
        else:
            link["href"] = address
    for image in article.select("img[src]"):
        image["src"] = inside(page, str(image["src"]))
        image.attrs.pop("loading", None)  # on paper all of them are in view


def lower(article: Tag, by: int) -> None:
    """Move every heading down by some levels; its look keeps the level that it had."""
    for heading in article.select("h1, h2, h3, h4, h5, h6"):
        level = int(heading.name[1])
        heading["class"] = [*heading.get_attribute_list("class", []), f"was-h{level}"]
        heading.name = f"h{min(level + by, 6)}"


def unfold(article: Tag) -> None:
    """Open what folds; a cell that is hidden on the site is a plain cell on paper."""
    for title in article.select("details.hide > summary"):
        title.parent.unwrap()
        title.decompose()
    for fold in article.select("details"):
        fold["open"] = ""


def prepared(soup: BeautifulSoup, page: str, level: int, known: set[str]) -> Tag:
    """Return the article of one page, ready for its place in the one page."""
    article = soup.select_one("article.bd-article")
    for useless in article.select(SCREEN_ONLY):
        useless.decompose()
    redirect(article, page, known)
    lower(article, level - 1)
    unfold(article)
    article["id"] = anchor(page)
    article["class"] = [*article.get_attribute_list("class"), f"level-{level}"]
    return article


def contents(pages: list[tuple[str, int, str | None]], titles: dict[str, str]) -> str:
    """Return the table of contents: the parts, a link to each page, room for its number."""
    lines = ['<nav class="bd-article book-contents"><h1 class="was-h1">Contents</h1>']
    for page, level, caption in pages[1:]:
        lines += [f'<p class="part">{caption}</p>'] if caption else []
        link = f'<a href="#{anchor(page)}">{titles[page]}</a>'
        lines += [f'<p class="level-{level}">{link}<span class="number"></span></p>']
    return "\n".join([*lines, "</nav>"])


def head(soups: dict[str, BeautifulSoup], root: str, style: str) -> list[str]:
    """Return the title, the style sheets of all pages, and what they say for paper."""
    title = soups[root].select_one("article.bd-article h1").get_text()
    links = "head link[rel='stylesheet']"
    files = [inside(page, str(a["href"])) for page, s in soups.items() for a in s.select(links)]
    sheets = [f'<link rel="stylesheet" href="{file}">' for file in dict.fromkeys(files)]
    top = ['<meta charset="utf-8">', f"<title>{title}</title>"]
    return [*top, *sheets, f"<style>{style}</style>"]


def merge(site: Path, toc: dict, style: str) -> str:
    """Return the one page that holds every page of the table of contents."""
    pages = list(entries(toc))
    files = {page: (site / f"{page}.html").read_text(encoding="utf-8") for page, _, _ in pages}
    soups = {page: BeautifulSoup(html, "html.parser") for page, html in files.items()}
    bodies, titles = [], {}
    for page, level, caption in pages:
        article = prepared(soups[page], page, level, set(soups))
        titles[page] = article.select_one(".was-h1").decode_contents()
        if caption:
            part = soups[page].new_tag("h1", attrs={"class": "part"})
            part.string = caption
            article.insert(0, part)
        bodies.append(str(article))
    bodies.insert(1, contents(pages, titles))
    top = "\n".join(head(soups, toc["root"], style))
    return (
        f'<!DOCTYPE html>\n<html lang="en" data-theme="light"><head>{top}</head>\n'
        f"<body><main>{''.join(bodies)}</main></body></html>\n"
    )
