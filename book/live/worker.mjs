// Loads Python once, then runs what the page sends. It posts four kinds of messages: ready;
// text, a part of the output; done; failed, after which the page starts another worker.
import { start } from "./python.mjs";

const file = (name) => new URL(name, import.meta.url).href;
const failed = (error) => postMessage({ type: "failed", text: String(error?.message ?? error) });

async function source(name) {
  const answer = await fetch(file(name));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.text();
}

const started = start(file("pyodide/"), source("runner.py"));
started.then(() => postMessage({ type: "ready" }), failed);

self.onmessage = async ({ data: { id, cells } }) => {
  const { run } = await started;
  try {
    const ended = run(cells, (text) => postMessage({ type: "text", id, text }));
    postMessage({ type: "done", id, ...ended });
  } catch (error) {
    failed(error);
  }
};
