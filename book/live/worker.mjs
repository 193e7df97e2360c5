// Loads Python once, then runs what the page sends. It posts four kinds of messages: ready;
// text, a part of the output; done; failed, after which the page starts another worker.
import { loadPyodide } from "./pyodide/pyodide.mjs";

const post = self.postMessage.bind(self); // before any answer can replace it
const file = (name) => new URL(name, import.meta.url).href;
const failed = (error) => post({ type: "failed", text: String(error?.message ?? error) });

async function start() {
  const asked = fetch(file("runner.py"));
  const python = await loadPyodide({
    indexURL: file("pyodide/"),
    packages: ["numpy", "bnlib"],
    stdout: () => {},
    stderr: () => {},
  });
  const answer = await asked;
  if (!answer.ok) throw new Error(`runner.py: ${answer.status}`);
  const scope = python.toPy({ __name__: "bncourse.page" });
  python.runPython(await answer.text(), { globals: scope });
  return { python, run: scope.get("run") };
}

const started = start();
started.then(() => post({ type: "ready" }), failed);

self.onmessage = async ({ data: { id, cells } }) => {
  const { python, run } = await started;
  const from = performance.now();
  try {
    const outcome = run(cells, (text) => post({ type: "text", id, text }));
    const heap = python._module.HEAPU8.length;
    post({ type: "done", id, outcome, seconds: (performance.now() - from) / 1000, heap });
  } catch (error) {
    failed(error);
  }
};
