// Figure 1: move one sample of a mini-batch and watch all outputs move.
(() => {
  "use strict";

  const bn = window.bnFigures;
  const START = [-1.5, -0.4, 0.6, 1.4, 2.5, 3.3, 4.4, 5.7]; // one feature, m = 8
  const [LOW, HIGH, REACH] = [-6, 10, 3]; // |x_hat| of 8 values stays below sqrt(7)
  const PADDING = 16;
  const ROWS = [38, 66]; // the handles stand in two rows, so that fingers can tell them apart
  const [INPUTS, OUTPUTS, BEFORE] = [100, 226, 262];
  const KEYS = {
    ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1,
    PageDown: -1, PageUp: 1, Home: -100, End: 100,
  };

  /** Say in words what one moved sample has changed. */
  const story = (x, moved, before, now) => {
    const n = bn.number;
    if (x.every((v, i) => v === START[i])) {
      return "All samples are at their start. Move one of them.";
    }
    const others = x.map((_, i) => i).filter((i) => i !== moved);
    const changed = others.filter((i) => Math.abs(now.x_hat[i] - before.x_hat[i]) >= 0.005);
    const still = others.every((i) => x[i] === START[i]);
    const all = changed.length === 7 ? "All 7" : `${changed.length} of the 7`;
    return `Sample ${moved + 1} went from ${n(START[moved], 1)} to ${n(x[moved], 1)}. ` +
      `The mean went from ${n(before.mu)} to ${n(now.mu)}, ` +
      `the standard deviation from ${n(before.std)} to ${n(now.std)}. ` +
      `${all} other outputs changed` +
      (still && changed.length ? ", though their inputs did not move." : ".");
  };

  bn.start("sample", (root) => {
    let x = [...START];
    let moved = 7;
    let width = 600;
    const before = bn.batchNorm(START);

    const drawing = bn.svg("svg", { role: "group", "aria-label": "Number line with 8 samples" });
    const { element: says, say } = bn.sentence();
    const facts = bn.html("p", { class: "bn-facts" });
    const table = bn.table("The numbers", ["sample", "x", "x̂ at start", "x̂ now"]);
    const back = bn.svg("g", { "aria-hidden": "true" });
    drawing.append(back);

    const room = () => width - 2 * PADDING;
    const across = (v) => PADDING + ((v - LOW) / (HIGH - LOW)) * room();
    const below = (v) => PADDING + ((v + REACH) / (2 * REACH)) * room();

    // On the cover the last sample moves by itself, until the reader takes one.
    const motion = root.classList.contains("bn-moves") ? bn.motion((seconds) => {
      x[7] = START[7] + 4 * Math.sin(0.9 * seconds);
      place(false);
    }) : null;

    const move = (i, value) => {
      motion?.stop();
      moved = i;
      x[i] = Math.round(bn.clamp(value, LOW, HIGH) * 10) / 10;
      place();
    };

    const handles = START.map((_, i) => {
      const handle = bn.svg("g", {
        class: "bn-handle", role: "slider", tabindex: 0, "aria-label": `sample ${i + 1}`,
        "aria-valuemin": LOW, "aria-valuemax": HIGH, "aria-orientation": "horizontal",
      });
      const stem = bn.line(0, 12, 0, INPUTS - ROWS[i % 2], "bn-stem");
      handle.append(stem, bn.svg("circle", { r: 12 }), bn.text(0, 5, `${i + 1}`));
      handle.addEventListener("keydown", (event) => {
        if (!(event.key in KEYS) || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        move(i, x[i] + KEYS[event.key]);
      });
      let grip = null;
      handle.addEventListener("pointerdown", (event) => {
        grip = event.clientX - across(x[i]);
        handle.setPointerCapture(event.pointerId);
        handle.focus({ preventScroll: true });
        event.preventDefault();
      });
      handle.addEventListener("pointermove", (event) => {
        if (grip === null) return;
        move(i, LOW + ((event.clientX - grip - PADDING) / room()) * (HIGH - LOW));
      });
      for (const end of ["pointerup", "pointercancel"]) {
        handle.addEventListener(end, () => { grip = null; });
      }
      drawing.append(handle);
      return handle;
    });

    // The moved sample is drawn again above the others; the order of Tab stays as it is.
    const front = bn.svg("g", { class: "bn-front bn-chosen", "aria-hidden": "true" },
      bn.svg("circle", { r: 12 }), bn.text(0, 5, ""));
    drawing.append(front);

    /** Everything that is drawn behind the handles. */
    const scene = (now) => {
      const parts = [];
      const corner = (v) => `${across(now.mu + v * now.std)},${INPUTS}`;
      const points = `${corner(-1)} ${corner(1)} ${below(1)},${OUTPUTS} ${below(-1)},${OUTPUTS}`;
      parts.push(bn.svg("polygon", { points, class: "bn-band" }));
      for (const y of [INPUTS, OUTPUTS]) parts.push(bn.line(0, y, width, y, "bn-axis"));
      parts.push(bn.line(across(now.mu), INPUTS, below(0), OUTPUTS, "bn-mean"));
      x.forEach((v, i) => {
        const kind = i === moved ? "bn-way bn-chosen" : "bn-way";
        parts.push(bn.line(across(v), INPUTS, below(now.x_hat[i]), OUTPUTS, kind));
        parts.push(bn.line(below(now.x_hat[i]), OUTPUTS, below(before.x_hat[i]), BEFORE, kind));
      });
      const order = [...x.keys()].filter((i) => i !== moved).concat(moved);
      order.forEach((i) => {
        const [cx, r] = [below(now.x_hat[i]), 6];
        const was = below(before.x_hat[i]);
        const square = { x: cx - r, y: OUTPUTS - r, width: 2 * r, height: 2 * r };
        parts.push(bn.svg("circle", { cx: was, cy: BEFORE, r: 5, class: "bn-before" }));
        parts.push(i === moved
          ? bn.svg("rect", { ...square, class: "bn-dot bn-chosen" })
          : bn.svg("circle", { cx, cy: OUTPUTS, r, class: "bn-dot" }));
      });
      for (let v = LOW + 2; v < HIGH; v += 4) {
        parts.push(bn.text(across(v), INPUTS + 17, bn.number(v, 0), "bn-tick"));
      }
      for (let v = -2; v <= 2; v += 1) {
        parts.push(bn.text(below(v), OUTPUTS - 10, bn.number(v, 0), "bn-tick"));
      }
      parts.push(
        bn.text(0, 14, "inputs x", "bn-title", "start"),
        bn.text(0, 156, "band: μ ± σ", "bn-tick bn-batch", "start"),
        bn.text(0, OUTPUTS - 24, "outputs x̂ now", "bn-title", "start"),
        bn.text(0, BEFORE + 22, "○ at the start", "bn-title", "start"),
      );
      return parts;
    };

    function place(speak = true) {
      width = Math.max(240, drawing.parentElement?.clientWidth || 600);
      bn.set(drawing, { width, height: 290, viewBox: `0 0 ${width} 290` });
      const now = bn.batchNorm(x);
      back.replaceChildren(...scene(now));
      handles.forEach((handle, i) => bn.set(handle, {
        transform: `translate(${across(x[i])} ${ROWS[i % 2]})`,
        "aria-valuenow": Number(x[i].toFixed(1)),
        "aria-valuetext": `x ${bn.number(x[i], 1)}, output ${bn.number(now.x_hat[i])}`,
        class: i === moved ? "bn-handle bn-chosen" : "bn-handle",
      }));
      bn.set(front, { transform: `translate(${across(x[moved])} ${ROWS[moved % 2]})` });
      front.lastChild.textContent = `${moved + 1}`;
      facts.replaceChildren(
        "μ = ", bn.html("b", {}, bn.number(now.mu)),
        ", σ = ", bn.html("b", {}, bn.number(now.std)),
      );
      table.fill(x.map((v, i) => [`${i + 1}`, bn.number(v, 1), bn.number(before.x_hat[i]),
        bn.number(now.x_hat[i])]), moved);
      if (motion?.moves()) say("Sample 8 moves by itself. Take any of them, or pause it.");
      else if (speak) say(story(x, moved, before, now));
    }

    const again = bn.button("Back to the start", () => {
      motion?.stop();
      x = [...START];
      place();
    });
    const buttons = bn.html("div", { class: "bn-row" }, ...(motion ? [motion.button] : []), again);
    const still = bn.html("div", { class: "bn-still" }, drawing, facts, says, buttons);
    const side = bn.html("div", { class: "bn-side" }, table.element);
    const tips = bn.html("p", { class: "bn-tips" },
      "Drag a numbered circle, or go to it with Tab and press an arrow key.");
    const split = bn.html("div", { class: "bn-split" }, still, side);
    return {
      parts: [tips, split],
      label: "Move one sample of a mini-batch",
      draw: place,
    };
  });
})();
