// Figure 4: the backward graph of chapter 5, stepped forth and back with real numbers.
(() => {
  "use strict";

  const bn = window.bnFigures;
  const sum = (values) => values.reduce((total, v) => total + v, 0);

  /** The nine steps of one channel; the names are those of bnlib.functional.staged_forward. */
  bn.stagedForward = (x, gamma = 1, beta = 0, eps = 1e-5) => {
    const mu = bn.mean(x);
    const centered = x.map((v) => v - mu);
    const squared = centered.map((v) => v ** 2);
    const variance = bn.mean(squared);
    const std = Math.sqrt(variance + eps);
    const inv_std = 1 / std;
    const x_hat = centered.map((v) => v * inv_std);
    const scaled = x_hat.map((v) => gamma * v);
    const y = scaled.map((v) => v + beta);
    return { x, mu, centered, squared, var: variance, std, inv_std, x_hat, gamma, scaled, beta, y };
  };

  /** The nine steps back, equations (5.2)-(5.10). */
  bn.stagedBackward = (dy, v) => {
    const m = dy.length;
    const dbeta = sum(dy);
    const dscaled = [...dy];
    const dgamma = sum(dscaled.map((d, i) => d * v.x_hat[i]));
    const dx_hat = dscaled.map((d) => v.gamma * d);
    const dinv_std = sum(dx_hat.map((d, i) => d * v.centered[i]));
    const first = dx_hat.map((d) => v.inv_std * d);
    const dstd = -(v.inv_std ** 2) * dinv_std;
    const dvar = (v.inv_std / 2) * dstd;
    const dsquared = dy.map(() => dvar / m);
    const dcentered = first.map((d, i) => d + 2 * v.centered[i] * dsquared[i]);
    const dmu = -sum(dcentered);
    const dx = dcentered.map((d) => d + dmu / m);
    return { dy, dbeta, dscaled, dgamma, dx_hat, dinv_std, first, dstd, dvar, dsquared,
      dcentered, dmu, dx };
  };

  // Small whole numbers with a whole standard deviation; the loss looks at one output only.
  const V = bn.stagedForward([1, 3, 3, 9], 6, 1);
  const G = bn.stagedBackward([1, 0, 0, 0], V);
  const list = (values) => [values].flat().map(bn.short).join(", ");

  // name, what it is made from, forward formula and words, backward formulas and words
  const STEPS = [
    ["mu", ["x"], "mu = mean(x)", `The mean of the four values is ${list(V.mu)}.`,
      ["dx = dcentered + dmu / m"],
      `A mean gives each value a share of 1/m. The two ways to x add. All four inputs get a ` +
      `gradient, though the loss looks at one output only. The sum of dx is ${list(sum(G.dx))}.`],
    ["centered", ["x", "mu"], "centered = x - mu", "Each value minus the mean.",
      ["dmu = -sum(dcentered)"],
      "All four samples share mu, so it gets a sum, with the minus sign of this step. " +
      "The other way leads straight to x: dcentered, unchanged."],
    ["squared", ["centered"], "squared = centered ** 2",
      "Each distance from the mean, squared. " +
      "The value centered will be used once more, in step 7.",
      ["dcentered = first part + 2 * centered * dsquared"],
      "Two ways meet here and add. Before, only sample 1 had a gradient. " +
      "Through the variance all four have one."],
    ["var", ["squared"], "var = mean(squared)",
      `The mean of the squares: the variance is ${list(V.var)}.`,
      ["dsquared = dvar / m"], "A mean gives each of its m = 4 values the same share."],
    ["std", ["var"], "std = sqrt(var + eps)",
      `The square root is ${list(V.std)}. Here eps = 0.00001 is too small to be seen.`,
      ["dvar = inv_std / 2 * dstd"], "The derivative of a square root."],
    ["inv_std", ["std"], "inv_std = 1 / std", `One divided by ${list(V.std)} is ${list(V.inv_std)}.`,
      ["dstd = -inv_std ** 2 * dinv_std"], "The derivative of 1/t is -1/t², and 1/t is inv_std."],
    ["x_hat", ["centered", "inv_std"], "x_hat = centered * inv_std",
      "The normalized values: mean 0, variance 1.",
      ["dinv_std = sum(dx_hat * centered)", "first part of dcentered = inv_std * dx_hat"],
      `All four samples share inv_std, so it gets a sum. The first part of dcentered is ` +
      `${list(G.first)}. The second part comes in step 3.`],
    ["scaled", ["x_hat", "gamma"], "scaled = gamma * x_hat", `Times gamma = ${list(V.gamma)}.`,
      ["dgamma = sum(dscaled * x_hat)", "dx_hat = gamma * dscaled"],
      "In a product each factor gets the gradient times the other factor. " +
      "gamma is shared: a sum."],
    ["y", ["scaled", "beta"], "y = scaled + beta",
      `Plus beta = ${list(V.beta)}. This is the output. Now we go back.`,
      ["dscaled = dy", "dbeta = sum(dy)"],
      `The loss looks only at output 1, so dy is ${list(G.dy)}. A sum hands dy on unchanged. ` +
      "beta is shared by all samples: a sum."],
  ].map(([name, from, forward, says, backward, saysBack]) =>
    ({ name, from, forward, says, backward, saysBack }));
  const LAST = 2 * STEPS.length;
  // the step back, from 9 to 1, that completes each gradient
  const READY = { y: 9, beta: 9, scaled: 9, gamma: 8, x_hat: 8, inv_std: 7, std: 6, var: 5,
    squared: 4, centered: 3, mu: 2, x: 1 };
  const PLACES = { x: [0, 0], mu: [1, 1], centered: [0, 2], squared: [1, 2], var: [1, 3],
    std: [1, 4], inv_std: [1, 5], x_hat: [0, 5], gamma: [1, 6], scaled: [0, 6], beta: [1, 7],
    y: [0, 7] }; // column, row
  const SYMBOLS = { mu: "μ", centered: "x − μ", squared: "(x − μ)²", var: "σ²", std: "√(σ² + ε)",
    inv_std: "s", x_hat: "x̂", gamma: "γ", scaled: "γ x̂", beta: "β" }; // as in chapter 5
  const [PITCH, BOX, GAP] = [68, 50, 22];

  const isBack = (at) => at > STEPS.length;
  const stepOf = (at) => (isBack(at) ? LAST + 1 - at : at);
  const hasValue = (name, at) => {
    const k = STEPS.findIndex((step) => step.name === name) + 1; // 0 for x, gamma and beta
    return at >= k;
  };
  const hasGradient = (name, at) => isBack(at) && stepOf(at) <= READY[name];

  /** What a state of the figure says: its title, its formulas, its words. */
  const story = (at) => {
    if (at === 0) {
      return ["Start", ["x, gamma and beta are given"],
        `One feature, m = 4 samples: x is ${V.x.join(", ")}. Press “Next”.`];
    }
    const step = STEPS[stepOf(at) - 1];
    return isBack(at)
      ? [`Back through step ${stepOf(at)}`, step.backward, step.saysBack]
      : [`Forward, step ${at}`, [step.forward], step.says];
  };

  const arrow = ([x1, y1], [x2, y2], kind) => {
    const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
    return bn.svg("g", { class: `bn-edge ${kind}` }, bn.line(x1, y1, x2, y2, ""),
      bn.svg("polygon", { points: "0,0 -10,-5 -10,5",
        transform: `translate(${x2} ${y2}) rotate(${angle})` }));
  };

  const draw = (svg, at, width) => {
    const wide = Math.min(240, (width - GAP) / 2);
    const left = (name) => PLACES[name][0] * (wide + GAP) + 1;
    const top = (name) => PLACES[name][1] * PITCH + 3;
    const now = at ? STEPS[stepOf(at) - 1] : null;

    const ends = (from, to) => {
      const [a, b] = [PLACES[from], PLACES[to]];
      const middle = (name) => left(name) + wide / 2;
      if (a[1] === b[1]) { // side by side
        const y = top(from) + BOX / 2;
        return a[0] < b[0]
          ? [[left(from) + wide, y], [left(to), y]]
          : [[left(from), y], [left(to) + wide, y]];
      }
      if (a[0] === b[0]) return [[middle(from), top(from) + BOX], [middle(to), top(to)]];
      return a[0] < b[0]
        ? [[left(from) + wide, top(from) + BOX - 10], [left(to) + 24, top(to)]]
        : [[left(from) + 24, top(from) + BOX], [left(to) + wide, top(to) + 10]];
    };

    const edges = STEPS.flatMap((step, k) => step.from.map((from) => {
      const [tail, head] = ends(from, step.name);
      const turned = isBack(at) && stepOf(at) <= k + 1;
      const kind = step !== now ? "" : turned ? "bn-back" : "bn-forth";
      return turned ? arrow(head, tail, kind) : arrow(tail, head, kind);
    }));

    const boxes = Object.keys(PLACES).map((name) => {
      const [x, y] = [left(name), top(name)];
      const fresh = now && (isBack(at) ? READY[name] === stepOf(at) : now.name === name);
      const kind = fresh ? (isBack(at) ? "bn-back" : "bn-forth") : "";
      const box = bn.svg("g", { class: `bn-box ${kind}` },
        bn.svg("rect", { x, y, width: wide, height: BOX, rx: 5 }),
        bn.text(x + 6, y + 15, SYMBOLS[name] ?? name, "bn-name", "start"));
      const write = (values, line, kindOfText) => {
        const column = (wide - 10) / V.x.length;
        [values].flat().forEach((v, i, { length }) => {
          const right = x + 4 + column * (i + 1 + (V.x.length - length) / 2);
          box.append(bn.text(right, y + line, bn.short(v), kindOfText, "end"));
        });
      };
      if (hasValue(name, at)) write(V[name], 30, "bn-value");
      if (hasGradient(name, at)) {
        box.append(bn.text(x + wide - 6, y + 15, `d${name}`, "bn-name bn-gradient", "end"));
        write(G[`d${name}`], 45, "bn-gradient");
      }
      return box;
    });
    const height = 7 * PITCH + BOX + 6;
    const total = 2 * wide + GAP + 2;
    bn.set(svg, { width: total, height, viewBox: `0 0 ${total} ${height}`,
      class: wide < 175 ? "bn-small" : "" });
    svg.replaceChildren(...edges, ...boxes);
  };

  bn.start("graph", () => {
    let at = 0;
    const drawing = bn.svg("svg", { role: "img" });
    const formulas = bn.html("p", { class: "bn-formulas" });
    const { element: says, say } = bn.sentence();
    const table = bn.table("Values and gradients so far", ["name", "value", "gradient"]);
    const range = { min: 0, max: LAST, step: 1, value: 0 };

    const go = (to) => {
      at = bn.clamp(to, 0, LAST);
      show();
    };
    const slider = bn.slider("Step", "bn-graph-step", range, go);
    const back = bn.button("Back", () => go(at - 1));
    const next = bn.button("Next", () => go(at + 1));
    const controls = bn.html("div", { class: "bn-row bn-controls" }, back, next, slider.row);
    controls.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by === undefined || event.target === slider.input) return;
      event.preventDefault();
      go(at + by);
    });

    const still = bn.html("div", { class: "bn-still" }, drawing);
    const side = bn.html("div", { class: "bn-side" }, says, formulas);
    const numbers = bn.html("details", {}, bn.html("summary", {}, "All numbers as a table"),
      table.element);

    function show() {
      const [heading, lines, words] = story(at);
      const names = Object.keys(PLACES);
      formulas.replaceChildren(...lines.map((line) => bn.html("code", {}, line)));
      say(words, `${heading}.`);
      slider.input.value = at;
      slider.output.value = `${at} of ${LAST}`;
      bn.set(slider.input, { "aria-valuetext": `${at} of ${LAST}: ${heading}` });
      bn.set(back, { "aria-disabled": at === 0 });
      bn.set(next, { "aria-disabled": at === LAST });
      const label = `Graph of the nine steps. ${heading}: ${lines.join("; ")}.`;
      bn.set(drawing, { "aria-label": label });
      table.fill(names.map((name) => [name, hasValue(name, at) ? list(V[name]) : "–",
        hasGradient(name, at) ? list(G[`d${name}`]) : "–"]));
      draw(drawing, at, Math.max(240, still.clientWidth || 330));
    }

    return {
      parts: [controls, bn.html("div", { class: "bn-split bn-top" }, side, still), numbers],
      label: "The nine steps forth and back",
      draw: show,
    };
  });
})();
