// What the printed page asks of the browser: fonts, and nothing wider than the paper.
window.book = {
  /** Wait for fonts and images. */
  async settle() {
    await Promise.all([...document.images].map((image) => image.decode()));
    await document.fonts.ready;
  },

  /** Make what is wider than its box smaller, until it fits; give what stays too wide. */
  fit() {
    const boxes = "div.math mjx-container, .pst-scrollable-table-container, .output.text_html";
    for (const box of document.querySelectorAll(boxes)) {
      const share = box.clientWidth / box.scrollWidth;
      const size = parseFloat(getComputedStyle(box).fontSize);
      if (share < 1) box.style.fontSize = `${share * 0.99 * size}px`;
    }
    const wide = (e) => e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1;
    return [...document.querySelectorAll(`html, ${boxes}, pre`)].filter(wide)
      .map((e) => `${e.closest("article")?.id}: ${e.textContent.trim().slice(0, 60)}`);
  },

  /** Write the numbers of the pages into the table of contents. */
  number(pages) {
    for (const link of document.querySelectorAll(".book-contents a")) {
      link.parentElement.querySelector(".number").textContent = pages[link.hash.slice(1)] ?? "";
    }
  },

  /** Give the characters for which no font is installed: they are drawn like one without. */
  undrawn() {
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    [canvas.width, canvas.height] = [40, 40];
    const drawn = (character) => {
      pen.clearRect(0, 0, 40, 40);
      pen.font = `24px ${getComputedStyle(document.body).fontFamily}`;
      pen.fillText(character, 4, 30);
      return pen.getImageData(0, 0, 40, 40).data.join();
    };
    const missing = drawn("\u{10FFFD}");
    const characters = new Set(document.body.innerText);
    return [...characters].filter((c) => c > "~" && c.trim() && drawn(c) === missing).join("");
  },
};
