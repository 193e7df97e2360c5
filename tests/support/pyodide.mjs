// Run Python in Pyodide under Node: FOLDER is what `make live` wrote. Without a PROGRAM, run
// each list of cells on the standard input as the page does, and print how each ended and what
// it showed. With one, a Python file, print what its function `main` returns for the standard
// input; it can import what stands in tests/support of ROOT, the project.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, root, program] = process.argv.slice(2);
const { start } = await import(pathToFileURL(`${folder}/python.mjs`));
const runner = readFileSync(`${folder}/runner.py`, "utf8");
const given = readFileSync(0, "utf8");
let started = null;

async function ran(cells) {
  started ??= await start(`${folder}/pyodide/`, runner);
  const texts = [];
  const { outcome, spent } = started.run(cells, (text) => texts.push(text));
  if (spent) started = null;
  return [outcome, texts.join("")];
}

async function returned() {
  const { python } = await start(`${folder}/pyodide/`, runner);
  python.mountNodeFS("/project", root);
  python.runPython("import sys; sys.path.append('/project/tests/support')");
  const scope = python.toPy({ __name__: "program" });
  python.runPython(readFileSync(program, "utf8"), { globals: scope });
  return scope.get("main")(given);
}

async function all() {
  const results = [];
  for (const cells of JSON.parse(given)) results.push(await ran(cells));
  return JSON.stringify(results);
}

process.stdout.write(await (program ? returned() : all()));
