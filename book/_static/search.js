// Search: Pagefind's index, list and keys, behind the theme's field. It loads with the focus.
(() => {
  "use strict";

  // How much the name of a section weighs, by the kind of its page, and the name of the page.
  const NAMES = { title: 2.5, appendix: 1.5, exercise: 0.3, library: 0.1, page: 0.2 };

  const NEEDS_SERVER = "Search needs a server, which may be your computer: " +
    "<code>make serve</code>, or <code>python -m http.server</code> in this folder.";

  /** In the index a section is a page, in a folder for its page: return where it stands. */
  const place = (url) => url.replace(/\/([^/]+)\.html(\?.*)?$/, ".html$2#$1");

  /** Return a result for the list: the section, its page, and the words around what is sought. */
  function hit({ url, meta, excerpt }) {
    const item = document.createElement("li");
    item.innerHTML = `<a></a> <small></small><p>${excerpt}</p>`;
    const [link, page] = item.children;
    link.href = place(url);
    link.textContent = meta.title ?? meta.appendix ?? meta.exercise ?? meta.library;
    if (meta.page !== link.textContent) page.textContent = meta.page;
    return item;
  }

  /** Search while a reader types; the list comes below the field. */
  function begin(field, bundlePath) {
    const search = window.PagefindComponents.configureInstance("default", {
      bundlePath,
      highlightParam: "marked",
      ranking: { termSimilarity: 3, pageLength: 0.6, metaWeights: NAMES },
    });
    const results = document.createElement("pagefind-results");
    results.resultTemplate = hit;
    const summary = document.createElement("pagefind-summary");
    summary.setAttribute("role", "status");
    field.form.after(summary, results);
    search.registerInput(Object.assign(field, { inputEl: field }), { keyboardNavigation: true });
    const ask = () => search.triggerSearch(field.value.trim().replaceAll("ϵ", "ε"));
    let planned;
    field.addEventListener("input", () => {
      clearTimeout(planned);
      planned = setTimeout(ask, 150);
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && search.focusNextResults(field)) event.preventDefault();
    });
    if (field.value) ask();
    else search.triggerLoad();
  }

  /** Mark the words that led here, and give the page its own address again. */
  async function mark(bundlePath) {
    const here = new URL(location);
    if (!here.searchParams.has("marked")) return;
    await import(`${bundlePath}pagefind-highlight.js`);
    new window.PagefindHighlight({
      highlightParam: "marked",
      markContext: ".bd-article",
      markOptions: { accuracy: "complementary", exclude: [".math *", "svg *", ".book-note *"] },
      addStyles: false,
    });
    here.searchParams.delete("marked");
    history.replaceState(null, "", here);
  }

  document.addEventListener("DOMContentLoaded", () => {
    const page = document.querySelector(".bd-search-container");
    const form = (page ?? document).querySelector(".bd-search");
    const field = form.querySelector("input");
    const bundlePath = new URL("pagefind/", form.action).pathname;
    const say = (why) => {
      form.insertAdjacentHTML("afterend", `<pagefind-summary role="status">${why}</pagefind-summary>`);
    };
    const load = () => {
      if (location.protocol === "file:") return say(NEEDS_SERVER);
      const script = document.createElement("script");
      script.src = `${bundlePath}pagefind-component-ui.js`;
      script.onload = () => begin(field, bundlePath);
      script.onerror = () => say("This copy of the book has no search.");
      return document.head.append(script);
    };
    field.addEventListener("focus", load, { once: true });
    if (page) {
      field.value = new URLSearchParams(location.search).get("q");
      field.focus();
    }
    mark(bundlePath);
  });
})();
