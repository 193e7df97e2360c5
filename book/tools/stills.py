"""Take the still images of the figures that move: what a reader without JavaScript sees.

Run it after `make book`, whenever a script in `book/figures_js` draws something else::

    .venv/bin/python book/tools/stills.py

It opens the page in Chromium and photographs each figure in a state that shows the point.
"""

import io
from pathlib import Path

from browsers import find_browser
from PIL import Image
from playwright.sync_api import sync_playwright

BOOK = Path(__file__).resolve().parents[1]
PAGE = BOOK.parent / "_build" / "html" / "book" / "playground.html"
DRAWINGS = {  # name: the part to photograph, the control, the keys pressed on it
    "sample": ("svg", "[role=slider] >> nth=7", ["PageUp"] * 3),
    "sigmoid": ("svg", "input >> nth=0", []),
    "groups": (".bn-array", "input >> nth=0", []),
    "graph": ("svg", "input", ["End"]),
}


def main() -> None:
    """Photograph every figure of the built site, in few colours."""
    with sync_playwright() as playwright:
        launch = playwright.chromium.launch
        browser = launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = browser.new_page(device_scale_factor=2, color_scheme="light")
        page.set_viewport_size({"width": 500, "height": 1200})
        page.goto(PAGE.as_uri())
        page.add_style_tag(content="header { display: none !important; }")
        for name, (part, control, keys) in DRAWINGS.items():
            figure = page.locator(f".bn-figure-{name}")
            for key in keys:
                figure.locator(control).press(key)
            page.evaluate("document.activeElement.blur()")
            picture = Image.open(io.BytesIO(figure.locator(part).screenshot()))
            path = BOOK / "figures" / f"play_{name}.png"
            picture.convert("RGB").quantize(48).save(path, optimize=True, dpi=(200, 200))
            print(f"{path.name}: {path.stat().st_size} bytes")
        browser.close()


if __name__ == "__main__":
    main()
