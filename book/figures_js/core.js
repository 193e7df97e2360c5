// What the figures share: the arithmetic of one channel, elements, numbers, and the start.
(() => {
  "use strict";

  const bn = (window.bnFigures ??= {});
  const SVG = "http://www.w3.org/2000/svg";

  bn.mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

  /** Normalize one channel by its own batch; names and equations (4.1)-(4.4) of the book. */
  bn.batchNorm = (x, gamma = 1, beta = 0, eps = 1e-5) => {
    const mu = bn.mean(x);
    const variance = bn.mean(x.map((v) => (v - mu) ** 2)); // biased: divided by m
    const std = Math.sqrt(variance + eps);
    const x_hat = x.map((v) => (v - mu) / std);
    const y = x_hat.map((v) => gamma * v + beta);
    return { mu, var: variance, std, inv_std: 1 / std, x_hat, y };
  };

  /** A number for the reader: a true minus sign, and no minus before a zero. */
  bn.number = (value, digits = 2) => {
    const text = value.toFixed(digits);
    return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "\u2212");
  };

  /** The same, without zeros at the end: 9, 0.5, 0.33. */
  bn.short = (value) => bn.number(value).replace(/\.?0+$/, "");

  bn.clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  /** Set attributes; null takes one away. */
  bn.set = (element, attributes) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null) element.removeAttribute(name);
      else element.setAttribute(name, value);
    }
    return element;
  };

  const maker = (create) => (tag, attributes = {}, ...children) => {
    const element = bn.set(create(tag), attributes);
    element.append(...children);
    return element;
  };

  bn.html = maker((tag) => document.createElement(tag));
  bn.svg = maker((tag) => document.createElementNS(SVG, tag));
  bn.line = (x1, y1, x2, y2, kind) => bn.svg("line", { x1, y1, x2, y2, class: kind });
  bn.text = (x, y, words, kind = "", anchor = "middle") =>
    bn.svg("text", { x, y, class: kind, "text-anchor": anchor }, words);

  bn.button = (label, act) => {
    const button = bn.html("button", { type: "button", class: "bn-button" }, label);
    button.addEventListener("click", act);
    return button;
  };

  /** A slider with its name and its value in view. */
  bn.slider = (label, id, range, act) => {
    const output = bn.html("output", { for: id });
    const input = bn.html("input", { type: "range", id, ...range });
    input.addEventListener("input", () => act(Number(input.value)));
    const row = bn.html("div", { class: "bn-slider" },
      bn.html("label", { for: id }, label), input, output);
    return { row, input, output };
  };

  /** A sentence that says what is seen; read aloud once the reader's hand rests. */
  bn.sentence = () => {
    const element = bn.html("p", { class: "bn-says", "aria-live": "polite" });
    let planned;
    const say = (words, heading = "") => {
      const write = () => element.replaceChildren(bn.html("b", {}, heading), ` ${words}`.trimEnd());
      clearTimeout(planned);
      if (element.textContent === "") write();
      else planned = setTimeout(write, 200);
    };
    return { element, say };
  };

  /** A table of texts with a heading for each column and each row. */
  bn.table = (caption, heads) => {
    const body = bn.html("tbody");
    const head = heads.map((words) => bn.html("th", { scope: "col" }, words));
    const element = bn.html("table", { class: "bn-table" },
      bn.html("caption", {}, caption),
      bn.html("thead", {}, bn.html("tr", {}, ...head)), body);
    const fill = (rows, marked = -1) => body.replaceChildren(...rows.map((row, i) =>
      bn.html("tr", i === marked ? { class: "bn-marked" } : {}, ...row.map((cell, j) =>
        bn.html(j ? "td" : "th", j ? {} : { scope: "row" }, cell)))));
    return { element, fill };
  };

  /** Call `frame(seconds)` while the figure is in view, until the reader pauses it, by the
   * button or by `stop()`. It begins by itself only where motion is welcome. */
  bn.motion = (frame) => {
    let [on, last, seconds] = [!matchMedia("(prefers-reduced-motion: reduce)").matches, null, 0];
    const tick = (now) => {
      if (!on) return;
      seconds += last === null ? 0 : Math.min(0.1, (now - last) / 1000);
      last = now;
      const { top, bottom } = button.getBoundingClientRect();
      if (bottom > 0 && top < innerHeight + 400) frame(seconds);
      requestAnimationFrame(tick);
    };
    const turn = (to) => {
      on = to;
      last = null;
      button.textContent = on ? "Pause" : "Let it move";
      if (on) requestAnimationFrame(tick);
    };
    const button = bn.button("", () => turn(!on));
    turn(on);
    return { button, moves: () => on, stop: () => turn(false) };
  };

  /** Put a figure in the place of its still image, and draw it again when its width changes. */
  bn.start = (name, build) => {
    for (const root of document.querySelectorAll(`.bn-figure-${name}`)) {
      const { parts, label, draw } = build(root);
      const live = bn.html("div", { class: "bn-live", role: "group", "aria-label": label });
      live.append(...parts);
      root.replaceChildren(live);
      let width = 0;
      new ResizeObserver(() => {
        if (live.clientWidth === width) return;
        width = live.clientWidth;
        draw();
      }).observe(live);
      draw();
    }
  };
})();
