// A card beside a link shows what it leads to: an equation, rows, a paper or a function, taken
// from its page. Hover or focus opens it, on a touch screen the first tap; Escape closes it.
// Where a page cannot be fetched, as from a file, a link is just a link.
(() => {
  "use strict";

  if (!("popover" in HTMLElement.prototype)) return;
  const [DELAY, GAP, EDGE] = [250, 4, 8];  // milliseconds, pixels
  const SHEET = "link[href*='maths/formulas.css']";
  const pages = new Map();
  let [link, timer, finger, tapped] = [null, 0, false, false];

  const make = (name, ...parts) => {
    const made = document.createElement(name);
    made.append(...parts);
    return made;
  };
  const inside = (node) => node.cloneNode(true).childNodes;
  const linkOf = ({ target }) => target.closest?.("a.book-preview");
  const card = Object.assign(make("div"), { className: "book-card", id: "book-card" });
  card.popover = "manual";
  card.setAttribute("role", "dialog");

  /** Give a page of the site; each is fetched once. */
  async function page(address) {
    if (address === location.href.split("#")[0]) return document;
    if (!pages.has(address)) {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(`${answer.status}: ${address}`);
      pages.set(address, new DOMParser().parseFromString(await answer.text(), "text/html"));
    }
    return pages.get(address);
  }

  /** A row becomes a list of what it says below the head of each column. */
  function listed(row) {
    const heads = row.closest("table").tHead.rows[0].cells;
    const cells = [...row.cells].filter((cell) => !/^–?$/.test(cell.textContent.trim()));
    return make("dl", ...cells.flatMap((cell) => [
      make("dt", ...inside(heads[cell.cellIndex])), make("dd", ...inside(cell)),
    ]));
  }

  /** The rows of the symbols in a formula become a list: name in code, meaning, shape. */
  function symbols(rows) {
    return make("dl", ...rows.flatMap(({ cells }) => {
      const [sign, ...said] = [...cells].slice(0, 4);
      const of = sign.querySelector("math") ? [] : ["chapter "];
      const parts = said.flatMap((cell, at) => at ? [", ", ...inside(cell)] : [...inside(cell)]);
      return [make("dt", ...of, ...inside(sign)), make("dd", ...parts)];
    }));
  }

  /** A function keeps its signature and the first paragraph about it. */
  function signed(name) {
    const about = name.nextElementSibling.querySelector(":scope > p");
    const list = make("dl", name.cloneNode(true), make("dd", about?.cloneNode(true) ?? ""));
    list.className = "py";
    return list;
  }

  /** Copy what a link leads to, without ids, and with addresses that hold on this page. */
  function copied(target, address) {
    const copy = Array.isArray(target) ? symbols(target)
      : target.closest("tr") ? listed(target.closest("tr"))
      : target.matches("dt") ? signed(target)
      : make("div", ...(target.matches("li") ? inside(target) : [target.cloneNode(true)]));
    copy.querySelectorAll(".headerlink, a:has(.viewcode-link)").forEach((sign) => sign.remove());
    copy.querySelectorAll("[id]").forEach((part) => part.removeAttribute("id"));
    for (const a of copy.querySelectorAll("a[href]")) {
      a.href = new URL(a.getAttribute("href"), address);
      a.classList.remove("book-preview");
    }
    return copy;
  }

  /** Load the styles of formulas where this page has none. */
  async function style(from, address) {
    const sheet = from.querySelector(SHEET)?.cloneNode();
    if (!sheet || document.querySelector(SHEET)) return;
    sheet.href = new URL(sheet.getAttribute("href"), address);
    await new Promise((done) => {
      sheet.onload = sheet.onerror = done;
      document.head.append(sheet);
    });
  }

  /** Set the card below its link, or above where more room is; always on the screen. */
  function place() {
    const { left, top, bottom } = link.getBoundingClientRect();
    const [wide, high] = [card.offsetWidth, card.offsetHeight];
    const above = bottom + GAP + high > innerHeight && top - GAP - high > 0;
    const most = document.documentElement.clientWidth - wide - EDGE;
    card.style.left = `${scrollX + Math.max(EDGE, Math.min(left, most))}px`;
    card.style.top = `${scrollY + (above ? top - GAP - high : bottom + GAP)}px`;
  }

  /** Fill the card and show it, unless another link is wanted by then. */
  async function show(wanted) {
    const [address, name] = wanted.href.split("#");
    const from = await page(address);
    const find = (id) => from.getElementById(decodeURIComponent(id));
    const copy = copied(wanted.dataset.rows?.split(" ").map(find) ?? find(name), address);
    await style(from, address);
    if (wanted !== link) return;
    const onward = make("a", from.title.split(" — ")[0]);
    onward.href = wanted.href;
    card.replaceChildren(copy, make("p", onward));
    card.setAttribute("aria-label", `Preview: ${wanted.ariaLabel ?? wanted.textContent.trim()}`);
    wanted.setAttribute("aria-describedby", card.id);
    wanted.after(card);
    card.showPopover();
    place();
  }

  function close() {
    clearTimeout(timer);
    link?.removeAttribute("aria-describedby");
    card.remove();
    link = null;
  }

  /** Open the card of a link; one that cannot be filled is followed, if it was tapped. */
  async function open(wanted, tap = false) {
    if (wanted === link) return;
    close();
    [link, tapped] = [wanted, tap];
    await show(wanted).catch(() => {
      if (wanted !== link) return;
      close();
      if (tap) location.assign(wanted.href);
    });
  }

  /** Close the card unless it is wanted still. */
  function settle() {
    const wanted = tapped || link?.matches(":hover, :focus-visible");
    if (!wanted && !card.matches(":hover, :focus-within")) close();
  }

  const plan = (step, wait = DELAY) => {
    clearTimeout(timer);
    timer = setTimeout(step, wait);
  };
  const on = (name, act) => document.addEventListener(name, act, true);

  on("pointerover", (event) => {
    const over = linkOf(event);
    if (event.pointerType !== "mouse" || !over || over.contains(event.relatedTarget)) return;
    plan(() => open(over));
  });
  on("pointerout", (event) => {
    const left = linkOf(event) ?? (card.contains(event.target) ? card : null);
    if (event.pointerType === "mouse" && left && !left.contains(event.relatedTarget)) plan(settle);
  });
  on("focusin", (event) => {
    const reached = linkOf(event);
    if (reached?.matches(":focus-visible")) plan(() => open(reached));
  });
  on("focusout", () => { if (link) plan(settle, 0); });
  on("keydown", ({ key }) => {
    if (key !== "Escape") return;
    if (card.contains(document.activeElement)) link.focus();
    close();
  });
  on("pointerdown", ({ target, pointerType }) => {
    finger = pointerType !== "mouse";
    if (link && !link.contains(target) && !card.contains(target)) close();
  });
  on("click", (event) => {
    const clicked = linkOf(event);
    if (clicked && finger && event.detail > 0 && clicked !== link) {
      event.preventDefault();
      open(clicked, true);
    } else if (event.target.closest("a")) plan(close, 0);
  });
})();
