// What the book adds to sphinx-book-theme: names, a landmark, focus for boxes that scroll,
// a rail that follows, and light colours on paper.
(() => {
  "use strict";

  const BOXES = [
    "div.math mjx-container",
    "span.math",
    "pre",
    "div.output",
    "figure",
    "section.book-chapter > p",
    ".pst-scrollable-table-container",
  ].map((box) => `.bd-article ${box}`).join(",");

  const all = (selector) => document.querySelectorAll(selector);

  /** A control is named by the text that can be seen, so that speech input finds it. */
  function nameControls() {
    for (const control of all("button.search-button-field, summary[aria-label]")) {
      control.removeAttribute("aria-label");
    }
    for (const icon of all("button i, a i")) {
      icon.setAttribute("aria-hidden", "true");
    }
  }

  const firstLine = (box) => box.innerText.trim().split("\n", 1)[0].slice(0, 60);

  /** Name a control; what has the name of an earlier one is numbered. */
  const times = new Map();
  function nameOnce(control, name) {
    times.set(name, (times.get(name) ?? 0) + 1);
    control.ariaLabel = times.get(name) > 1 ? `${name} (${times.get(name)})` : name;
  }

  /** A copy button is named by the first line of what it copies. */
  function nameCopies() {
    for (const button of all("button.copybtn")) {
      nameOnce(button, `Copy: ${firstLine(button.parentElement)}`);
    }
  }

  /** What folds text, as a hint does, is named by its section, too. */
  function nameFolds() {
    for (const fold of all(".bd-article details:not(.hide) > summary")) {
      const title = fold.closest("section")?.querySelector("h2, h3")?.firstChild.textContent;
      if (title) nameOnce(fold, `${fold.textContent.trim()}: ${title}`);
    }
  }

  /** A toggle in the sidebar is named by the page whose parts it shows. */
  function nameToggles() {
    for (const toggle of all(".bd-sidebar-primary li > details > summary")) {
      const page = toggle.closest("li").querySelector("a");
      toggle.setAttribute("aria-label", `Parts of ${page.textContent.trim()}`);
    }
  }

  /** The title of the book in the sidebar stands in a landmark of its own. */
  function markTitle() {
    for (const title of all(".sidebar-primary-item:has(> .navbar-brand)")) {
      title.setAttribute("role", "region");
      title.setAttribute("aria-label", "Title of the book");
    }
  }

  /** A box that scrolls is named by what it begins with; a figure by its caption. */
  function labelOf(box) {
    const named = box.matches("pre, figure, .pst-scrollable-table-container");
    return named ? `Scrolls sideways: ${firstLine(box)}` : "Scrolls sideways";
  }

  /** A box that scrolls sideways can be reached by Tab; one that fits is no tab stop. */
  function updateBox(box) {
    const inText = box.matches("span.math");  // rounded up, at both ends
    const wide = box.clientWidth > 0 && box.scrollWidth > box.clientWidth + (inText ? 2 : 0);
    if (inText) box.classList.toggle("book-wide", wide);
    if (wide && ["auto", "scroll"].includes(getComputedStyle(box).overflowX)) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", labelOf(box));
    } else if (box.getAttribute("role") === "group") {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }

  /** The theme takes the focus off a button that is pressed, and so do dialogs: give it back. */
  function keepFocus() {
    let pressed = null;
    const lost = () => document.activeElement === document.body;
    const giveBack = () => { if (lost() && pressed?.checkVisibility()) pressed.focus(); };
    document.addEventListener("click", (event) => {
      pressed = event.detail === 0 ? event.target.closest("button") : null;  // 0: by a key
      setTimeout(giveBack);
    }, true);
    document.addEventListener("close", () => setTimeout(giveBack), true);
  }

  /** A link in a drawer leads to a place behind the drawer: close it. */
  function closeDrawers() {
    document.addEventListener("click", (event) => {
      event.target.closest("dialog a[href]")?.closest("dialog").close();
    });
  }

  /** The rail marks the section that is read, and keeps it in view. */
  function followReading() {
    const rail = [...all("[data-rail] > li > a, #pst-page-toc-nav > ul > li > a")];
    const pairs = rail.map((link) => [link, document.querySelector(link.hash)]);
    const side = document.querySelector(".bd-sidebar-primary");
    let waits = false;
    const mark = () => {
      waits = false;
      const { scrollHeight, scrollTop } = document.scrollingElement;
      const left = Math.min(1, (scrollHeight - scrollTop - innerHeight) / innerHeight);
      const line = innerHeight * (1 - (2 / 3) * left);  // the last sections are short
      const read = pairs.filter(([, part]) => part?.getBoundingClientRect().top < line);
      const now = read.at(-1)?.[0].hash;
      for (const link of rail) {
        const here = link.hash === now;
        link.classList.toggle("active", here);
        if (here === link.hasAttribute("aria-current")) continue;
        if (!here) link.removeAttribute("aria-current");
        else {
          link.setAttribute("aria-current", "location");
          const { top, bottom } = link.getBoundingClientRect();
          const inRail = side?.contains(link) && link.checkVisibility();
          if (inRail && (top < 60 || bottom > innerHeight - 60)) {
            side.scrollBy({ top: top - innerHeight / 2 });
          }
        }
      }
    };
    const plan = () => {
      if (!waits) requestAnimationFrame(mark);
      waits = true;
    };
    document.addEventListener("scroll", plan, { passive: true });
    window.addEventListener("resize", plan);
    plan();
  }

  /** Paper is white: print the light colours, whatever the screen shows. */
  function printLight() {
    const root = document.documentElement;
    let theme;
    const light = () => {
      theme ??= root.dataset.theme;
      root.dataset.theme = "light";
    };
    const back = () => {
      if (theme) root.dataset.theme = theme;
      theme = undefined;
    };
    window.addEventListener("beforeprint", light);
    window.addEventListener("afterprint", back);
  }

  /** A tooltip of a button that was pressed must not lie on its neighbours. */
  function closeTips() {
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-bs-toggle='tooltip']");
      if (button) setTimeout(() => window.bootstrap?.Tooltip.getInstance(button)?.hide());
    });
  }

  let planned = 0;

  function updateBoxes() {
    cancelAnimationFrame(planned);
    planned = requestAnimationFrame(() => all(BOXES).forEach(updateBox));
  }

  /** Look again when the width, the fonts, the formulas or an opened part change the layout. */
  function watch() {
    new ResizeObserver(updateBoxes).observe(document.querySelector(".bd-article") ?? document.body);
    document.addEventListener("toggle", updateBoxes, true);
    document.fonts.ready.then(updateBoxes);
    document.fonts.addEventListener("loadingdone", updateBoxes);  // those of formulas come late
    window.addEventListener("load", updateBoxes);
  }

  document.addEventListener("DOMContentLoaded", () => {
    nameControls();
    nameCopies();
    nameFolds();
    nameToggles();
    markTitle();
    keepFocus();
    closeDrawers();
    closeTips();
    printLight();
    followReading();
    watch();
  });
})();
