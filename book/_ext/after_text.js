// Loads MathJax when the first text is painted. It weighs as much as a chapter: the text does
// not wait for it, the formulas do.
(() => {
  "use strict";

  const script = document.createElement("script");
  script.src = new URL("tex-chtml.js", document.currentScript.src);

  // Who waits for `MathJax.startup.promise` waits for MathJax itself, as if it were here.
  const promise = new Promise((done) => {
    script.onload = () => done(window.MathJax.startup.promise);
    script.onerror = () => done();
  });
  window.MathJax = { ...window.MathJax, startup: { ...window.MathJax?.startup, promise } };

  const begin = () => document.head.append(script);
  if (document.hidden || !PerformanceObserver.supportedEntryTypes?.includes("paint")) {
    window.addEventListener("load", begin);  // a tab in the background paints nothing
    return;
  }
  new PerformanceObserver((seen, observer) => {
    if (seen.getEntriesByName("first-contentful-paint").length === 0) return;
    observer.disconnect();
    begin();
  }).observe({ type: "paint", buffered: true });
})();
