// Run Python in Pyodide under Node: FOLDER is what `make live` wrote, ROOT the project, whose
// book/tools can be imported, PROGRAM a Python file. Its function `main` gets the page's `run`
// and what stands on the standard input; what it returns is printed.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, root, program] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide/pyodide.mjs`));
const python = await loadPyodide({
  indexURL: `${folder}/pyodide/`,
  packages: ["numpy", "bnlib"],
  stdout: () => {},
});
const runner = python.toPy({ __name__: "bncourse.page" });
python.runPython(readFileSync(`${folder}/runner.py`, "utf8"), { globals: runner });
python.mountNodeFS("/project", root);
python.runPython("import sys; sys.path.append('/project/book/tools')");
const scope = python.toPy({ __name__: "program" });
python.runPython(readFileSync(program, "utf8"), { globals: scope });
process.stdout.write(scope.get("main")(runner.get("run"), readFileSync(0, "utf8")));
