// Figure 2: gamma and beta move the normalized values along the sigmoid.
(() => {
  "use strict";

  const bn = window.bnFigures;
  const [STRAIGHT, FLAT] = [1, 4]; // |y| <= 1: nearly a line; |y| >= 4: nearly constant
  const REACH = 8;
  const BIN = 0.5;
  const HALF = [ // quantiles of the normal distribution: the right half of 64 values
    0.02, 0.059, 0.098, 0.138, 0.177, 0.217, 0.257, 0.298, 0.339, 0.381, 0.424, 0.467, 0.511,
    0.556, 0.602, 0.65, 0.699, 0.75, 0.803, 0.858, 0.917, 0.978, 1.043, 1.113, 1.189, 1.273,
    1.366, 1.473, 1.601, 1.762, 1.987, 2.418,
  ];

  bn.sigmoid = (v) => 1 / (1 + Math.exp(-v));

  /** The share of the values gamma * x_hat + beta with a size of at most `reach`. */
  bn.sigmoidShare = (x_hat, gamma, beta, reach = STRAIGHT) =>
    bn.mean(x_hat.map((v) => (Math.abs(gamma * v + beta) <= reach ? 1 : 0)));

  const X_HAT = bn.batchNorm([...HALF.map((v) => -v).reverse(), ...HALF]).x_hat;
  const percent = (share) => `${Math.round(100 * share)} %`;

  /** Say in words where the values lie. */
  const story = (gamma, beta) => {
    const straight = bn.sigmoidShare(X_HAT, gamma, beta);
    const flat = 1 - bn.sigmoidShare(X_HAT, gamma, beta, FLAT);
    const sense = straight >= 0.6
      ? "For most values the sigmoid is close to a straight line."
      : flat >= 0.4
        ? "For many values the sigmoid is flat: its output is close to 0 or to 1."
        : "Many values reach the bend: here the network gets its nonlinearity.";
    return `${percent(straight)} of the values lie in the straight part, ` +
      `${percent(flat)} in the flat parts. ${sense}`;
  };

  /** How many values fall into each bin between -8 and 8; the others are left out. */
  bn.sigmoidBins = (y) => {
    const counts = new Array((2 * REACH) / BIN).fill(0);
    for (const v of y.filter((value) => Math.abs(value) < REACH)) {
      counts[Math.floor((v + REACH) / BIN)] += 1;
    }
    return counts;
  };

  const draw = (svg, gamma, beta, width) => {
    const [TOP, BOTTOM, FLOOR] = [24, 150, 262];
    const across = (v) => 8 + ((v + REACH) / (2 * REACH)) * (width - 16);
    const up = (s) => BOTTOM - s * (BOTTOM - TOP);
    const parts = [];
    const curve = [];
    for (let v = -REACH; v <= REACH; v += 0.1) curve.push(`${across(v)},${up(bn.sigmoid(v))}`);

    parts.push(
      bn.svg("rect", { x: across(-STRAIGHT), y: TOP - 8, class: "bn-band",
        width: across(STRAIGHT) - across(-STRAIGHT), height: FLOOR - TOP + 8 }),
      ...[0, 1].map((s) => bn.line(0, up(s), width, up(s), "bn-grid")),
      bn.line(across(-2), up(0), across(2), up(1), "bn-mean"),
      bn.svg("polyline", { points: curve.join(" "), class: "bn-curve" }),
      bn.line(0, FLOOR, width, FLOOR, "bn-axis"),
    );
    for (const v of [-FLAT, FLAT].map(across)) {
      parts.push(bn.line(v, TOP - 8, v, FLOOR, "bn-border"));
    }

    const y = X_HAT.map((v) => gamma * v + beta);
    const counts = bn.sigmoidBins(y);
    const unit = 92 / Math.max(12, ...counts);
    counts.forEach((count, i) => {
      if (count === 0) return;
      const from = -REACH + i * BIN;
      const inside = from >= -STRAIGHT && from + BIN <= STRAIGHT;
      parts.push(bn.svg("rect", { x: across(from) + 1, y: FLOOR - count * unit,
        width: across(from + BIN) - across(from) - 2, height: count * unit,
        class: inside ? "bn-bar bn-inside" : "bn-bar" }));
    });

    const beyond = (side) => y.filter((v) => side * v >= REACH).length;
    const [left, right] = [beyond(-1), beyond(1)];
    if (left) parts.push(bn.text(0, FLOOR - 50, `← ${left} more`, "bn-tick", "start"));
    if (right) parts.push(bn.text(width, FLOOR - 50, `${right} more →`, "bn-tick", "end"));
    for (let v = -6; v <= 6; v += 2) {
      parts.push(bn.text(across(v), FLOOR + 17, bn.number(v, 0), "bn-tick"));
    }
    parts.push(
      bn.text(across(0), TOP - 12, "straight", "bn-tick"),
      bn.text((across(-FLAT) + 0) / 2, TOP - 12, "flat", "bn-tick"),
      bn.text((across(FLAT) + width) / 2, TOP - 12, "flat", "bn-tick"),
      bn.text(4, up(1) + 16, "1", "bn-tick", "start"),
      bn.text(4, up(0) - 5, "0", "bn-tick", "start"),
      bn.text(across(2.2), up(0.62), "sigmoid(y)", "bn-title", "start"),
      bn.text(width / 2, FLOOR + 36, "y = γ x̂ + β", "bn-title"),
    );
    bn.set(svg, { width, height: 304, viewBox: `0 0 ${width} 304` });
    svg.replaceChildren(...parts);
  };

  bn.start("sigmoid", () => {
    const value = { gamma: 1, beta: 0 };
    const drawing = bn.svg("svg", { role: "img" });
    const { element: says, say } = bn.sentence();
    const still = bn.html("div", { class: "bn-still" }, drawing);
    const change = (name) => (v) => {
      value[name] = v;
      show();
    };
    const sliders = {
      gamma: bn.slider("γ", "bn-sigmoid-gamma", { min: 0, max: 6, step: 0.1 }, change("gamma")),
      beta: bn.slider("β", "bn-sigmoid-beta", { min: -6, max: 6, step: 0.1 }, change("beta")),
    };

    function show() {
      for (const [name, slider] of Object.entries(sliders)) {
        slider.input.value = value[name];
        slider.output.value = bn.number(value[name], 1);
      }
      const words = story(value.gamma, value.beta);
      say(words);
      const label = `The sigmoid, and below it a histogram of 64 values. ${words}`;
      bn.set(drawing, { "aria-label": label });
      draw(drawing, value.gamma, value.beta, Math.max(240, still.clientWidth || 600));
    }

    const presets = [[1, 0], [6, 0], [6, 6]].map(([gamma, beta]) =>
      bn.button(`γ = ${gamma}, β = ${beta}`, () => {
        Object.assign(value, { gamma, beta });
        show();
      }));
    return {
      parts: [
        bn.html("div", { class: "bn-row" }, sliders.gamma.row, sliders.beta.row),
        still, says,
        bn.html("div", { class: "bn-row" }, ...presets),
      ],
      label: "γ and β before a sigmoid",
      draw: show,
    };
  });
})();
