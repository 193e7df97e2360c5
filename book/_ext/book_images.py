"""Give each image on the site its size and fewer bytes, and figures that move their scripts.

The browser keeps the room for an image free when it knows width and height; the style sheet
scales both down on a small screen. A picture of 200 dots an inch, twice the page's, is shown at
half of its size, so that it is sharp where a screen has two dots for one. A PNG is also written
as lossless WebP: the same pixels in fewer bytes. The PNG stays beside it for links from
elsewhere.

A figure that moves is a still image in a container with the class ``bn-figure-NAME``. The
script ``book/figures_js/NAME.js`` replaces it, on a page that has one. Without JavaScript the
image stays.
"""

import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from PIL import Image
from sphinx.application import Sphinx

TAG = re.compile(
    r'<img\b(?P<before>[^>]*?) src="(?P<folder>[^"]*?_images/)(?P<name>[^"/]+)"'
    r'(?: style="width: [^"]*")?'  # the size that a notebook states, again
)
WIDE = 750  # pixels: wider drawings take the margin, too
DPI = 100  # dots an inch of a picture that is shown dot for dot
PHOTO = 0.4  # a drawing has a larger share of white
MOVES = re.compile(r"\bbn-figure-(\w+)")


def as_webp(picture: Image.Image, source: Path, target: Path) -> bool:
    """Write the picture as lossless WebP; return whether it is smaller than its source."""
    if picture.mode == "RGBA" and picture.getextrema()[3] == (255, 255):
        picture = picture.convert("RGB")
    if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(target, "WEBP", lossless=True, exact=True, quality=80, method=4)
    if target.stat().st_size < source.stat().st_size:
        return True
    target.unlink()
    return False


def is_photo(picture: Image.Image) -> bool:
    """Return whether a picture is a photograph, whose colours must not be turned."""
    counts = picture.convert("L").histogram()
    return sum(counts[250:]) < PHOTO * sum(counts)


def sized(tag: re.Match[str], sources: dict[str, Path], images: Path) -> str:
    """Return the beginning of an image's tag with its size and its WebP file."""
    name, kinds = tag["name"], []
    if name.endswith(".svg"):
        svg = ElementTree.parse(sources[name]).getroot().attrib
        width, height = int(svg["width"]), int(svg["height"])
    else:
        with Image.open(sources[name]) as picture:
            density = picture.info.get("dpi", (DPI, DPI))[0] / DPI
            width, height = (round(side / density) for side in picture.size)
            kinds += ["book-photo"] if is_photo(picture) else []
            target = (images / name).with_suffix(".webp")
            if picture.format == "PNG" and as_webp(picture, sources[name], target):
                name = target.name
    late = ' loading="lazy"' if "<img" in tag.string[: tag.start()] else ""  # not the first
    kinds += ["book-wide"] if width > WIDE else []
    before, address = tag["before"], f"{tag['folder']}{name}"
    if "class=" in before:
        before = before.replace('class="', f'class="{" ".join(kinds)} ')
    elif kinds:
        before += f' class="{" ".join(kinds)}"'
    if "style=" not in before:
        before += f' style="--drawn: {width}px"'
    return f'<img{before} src="{address}" width="{width}" height="{height}"{late}'


def on_page(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Change the images of one page, and load what its figures that move need."""
    if app.builder.format != "html" or "body" not in context:
        return
    names = dict.fromkeys(MOVES.findall(context["body"]))
    if names:
        app.add_css_file("figures/figures.css")
        for name in ["core", *names]:
            app.add_js_file(f"figures/{name}.js", loading_method="defer")
    sources = {name: Path(app.srcdir, path) for path, name in app.builder.images.items()}
    images = Path(app.outdir, "_images")
    context["body"] = TAG.sub(lambda tag: sized(tag, sources, images), context["body"])


def copy_scripts(app: Sphinx) -> None:
    """Copy scripts and style sheet into the site, outside of what every page loads."""
    if app.builder.format == "html":
        target = Path(app.outdir) / "_static" / "figures"
        shutil.copytree(Path(app.srcdir) / "book/figures_js", target, dirs_exist_ok=True)


def setup(app: Sphinx) -> dict:
    """Look at each page before it is written."""
    app.connect("builder-inited", copy_scripts)
    app.connect("html-page-context", on_page)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
