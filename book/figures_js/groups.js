// Figure 3: which elements of an array (N, C, H * W) share a statistic in four methods.
(() => {
  "use strict";

  const bn = window.bnFigures;
  const SHAPE = [3, 4, 4]; // N images, C channels, H * W pixels
  const GROUPS = 2;
  const [N, C, P] = SHAPE;
  const VALUES = [ // a small integer for each element, in the order of x.ravel()
    2, 3, 1, 4, 7, 9, 8, 6, 0, 1, 1, 0, 5, 4, 6, 5,
    4, 5, 3, 4, 8, 9, 9, 7, 2, 1, 3, 2, 6, 7, 5, 6,
    1, 0, 2, 1, 5, 6, 4, 5, 1, 0, 0, 1, 3, 2, 4, 3,
  ];

  /** Name the group of an element: elements with the same name share a mean. */
  bn.groupOf = (method, [, channels], groups = GROUPS) => (n, c) => ({
    batch: `c${c}`,
    layer: `n${n}`,
    instance: `n${n}c${c}`,
    group: `n${n}g${Math.floor(c / (channels / groups))}`,
  })[method];

  /** For each element of x, in the order of x.ravel(): its group, mean, variance and x_hat. */
  bn.groupStatistics = (x, shape, method, groups = GROUPS, eps = 1e-5) => {
    const [, channels, pixels] = shape;
    const name = bn.groupOf(method, shape, groups);
    const names = x.map((_, i) =>
      name(Math.floor(i / (channels * pixels)), Math.floor(i / pixels) % channels));
    const members = new Map();
    names.forEach((key, i) => members.set(key, [...(members.get(key) ?? []), i]));
    const result = { names, count: members.size, mean: [], var: [], m: [], x_hat: [] };
    for (const group of members.values()) {
      const { mu, var: variance, x_hat } = bn.batchNorm(group.map((i) => x[i]), 1, 0, eps);
      group.forEach((i, k) => {
        [result.mean[i], result.var[i], result.m[i], result.x_hat[i]] =
          [mu, variance, group.length, x_hat[k]];
      });
    }
    return result;
  };

  const METHODS = {
    batch: ["Batch norm", (n, c) => `all pixels of channel ${c} in all ${N} images`,
      "N · H · W", "one for each channel"],
    layer: ["Layer norm", (n) => `all channels and pixels of image ${n}`,
      "C · H · W", "one for each image"],
    instance: ["Instance norm", (n, c) => `the pixels of channel ${c} in image ${n}`,
      "H · W", "one for each image and channel"],
    group: ["Group norm", (n, c) => {
      const first = 2 * Math.floor((c - 1) / 2) + 1;
      return `the pixels of channels ${first} and ${first + 1} in image ${n}`;
    }, "C/G · H · W", "one for each image and group of channels"],
  };

  /** Say in words who shares the mean of one element. */
  const story = (method, at, facts) => {
    const [, who, m, count] = METHODS[method];
    const [n, c] = [Math.floor(at / (C * P)) + 1, (Math.floor(at / P) % C) + 1];
    return `One mean for ${who(n, c)}. m = ${m} = ${facts.m[at]} values, ` +
      `their mean is ${bn.number(facts.mean[at])}. ` +
      `There are ${facts.count} means, ${count}. ` +
      (method === "batch"
        ? "Other images of the batch change this one."
        : "Other images of the batch do not matter.");
  };

  bn.start("groups", () => {
    let method = "batch";
    let at = P; // image 1, channel 2, pixel 1
    const { element: says, say } = bn.sentence();

    const cells = VALUES.map((value, i) => {
      const where = `image ${Math.floor(i / (C * P)) + 1}, ` +
        `channel ${(Math.floor(i / P) % C) + 1}, pixel ${(i % P) + 1}`;
      const cell = bn.html("button", { type: "button", class: "bn-cell" }, `${value}`);
      for (const kind of ["click", "focus", "pointerenter"]) {
        cell.addEventListener(kind, () => choose(i));
      }
      return { cell, where: `${where}: ${value}` };
    });

    /** The element one step away in the picture: blocks of 2 x 2 pixels, C across, N down. */
    const neighbour = (i, right, down) => {
      const [n, c, p] = [Math.floor(i / (C * P)), Math.floor(i / P) % C, i % P];
      const column = 2 * c + (p % 2) + right;
      const row = 2 * n + Math.floor(p / 2) + down;
      if (column < 0 || column >= 2 * C || row < 0 || row >= 2 * N) return i;
      return (Math.floor(row / 2) * C + Math.floor(column / 2)) * P + 2 * (row % 2) + (column % 2);
    };

    const array = bn.html("div", { class: "bn-array", role: "group",
      "aria-label": "An array of 3 images, 4 channels and 2 by 2 pixels" });
    array.append(bn.html("span"), ...Array.from({ length: C }, (_, c) =>
      bn.html("span", {}, `channel ${c + 1}`)));
    for (let n = 0; n < N; n += 1) {
      array.append(bn.html("span", {}, `image ${n + 1}`));
      for (let c = 0; c < C; c += 1) {
        const from = (n * C + c) * P;
        array.append(bn.html("div", { class: "bn-block" },
          ...cells.slice(from, from + P).map(({ cell }) => cell)));
      }
    }
    array.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (!(event.key in step)) return;
      event.preventDefault();
      cells[neighbour(at, ...step[event.key])].cell.focus();
    });

    const radios = Object.entries(METHODS).map(([key, [title]]) => {
      const radio = bn.html("input", { type: "radio", name: "bn-method", value: key });
      radio.checked = key === method;
      radio.addEventListener("change", () => {
        method = key;
        show();
      });
      return bn.html("label", {}, radio, title);
    });

    function choose(i) {
      if (i === at) return;
      at = i;
      show();
    }

    function show() {
      const facts = bn.groupStatistics(VALUES, SHAPE, method);
      cells.forEach(({ cell, where }, i) => {
        const shares = facts.names[i] === facts.names[at];
        cell.className = `bn-cell${shares ? " bn-shares" : ""}${i === at ? " bn-here" : ""}`;
        bn.set(cell, {
          tabindex: i === at ? 0 : -1,
          "aria-label": `${where}${i === at ? ", chosen" : shares ? ", shares the mean" : ""}`,
        });
      });
      say(story(method, at, facts), `${METHODS[method][0]}.`);
    }

    return {
      parts: [
        bn.html("fieldset", { class: "bn-methods" }, bn.html("legend", {}, "Method"), ...radios),
        bn.html("div", { class: "bn-split" }, bn.html("div", { class: "bn-still" }, array),
          bn.html("div", { class: "bn-side" }, says,
            bn.html("p", { class: "bn-tips" },
              "Point at an element, tap it, or use the arrow keys. It is drawn in a double " +
              "frame; underlined elements share its mean."))),
      ],
      label: "Which elements share a mean",
      draw: show,
    };
  });
})();
