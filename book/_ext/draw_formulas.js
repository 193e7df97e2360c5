// Draw formulas with MathJax. In: its folder as argument; [[TeX, display?], ...] as JSON.
// Out, as JSON: the HTML of each formula, and the style sheet that all of them need.
"use strict";

const folder = process.argv[2];
const formulas = JSON.parse(require("fs").readFileSync(0, "utf8"));

require(`${folder}/node-main.js`).init({
  loader: { load: ["input/tex-full", "output/chtml", "a11y/assistive-mml"] },
  tex: { packages: { "[-]": ["noerrors", "noundefined"] } },  // a mistake is an error
  chtml: { fontURL: "." },
}).then((MathJax) => {
  const { adaptor } = MathJax.startup;
  const draw = ([tex, display]) => adaptor.outerHTML(MathJax.tex2chtml(tex, { display }));
  const html = formulas.map(draw);
  const css = adaptor.textContent(MathJax.chtmlStylesheet());
  process.stdout.write(JSON.stringify({ html, css }));
});
