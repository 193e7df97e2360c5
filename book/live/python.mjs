// Python in one thread. Every run begins with the memory and the files that the start left:
// whatever an answer changes, in NumPy or in Python itself, is gone with its run.
import { loadPyodide } from "./pyodide/pyodide.mjs";

const LARGE = 512e6; // bytes: Python never gives memory back

/**
 * Load Python from a folder; return it, and a function that runs cells. That one says how they
 * ended, and whether Python is spent: then another one should be started.
 */
export async function start(folder, runner) {
  const python = await loadPyodide({
    indexURL: folder,
    packages: ["numpy", "bnlib"],
    jsglobals: {},
    stdout: () => {},
    stderr: () => {},
  });
  const scope = python.toPy({ __name__: "bncourse.page" });
  python.runPython(await runner, { globals: scope });
  const run = scope.get("run");
  const heap = () => python._module.HEAPU8;
  const { FS } = python;
  const home = FS.cwd(); // where answers may write files
  FS.mount(FS.filesystems.MEMFS, {}, home);
  const kept = heap().slice();

  const afresh = (cells, emit) => {
    FS.unmount(home);
    FS.mount(FS.filesystems.MEMFS, {}, home);
    FS.chdir(home);
    heap().set(kept);
    heap().fill(0, kept.length);
    const outcome = run(cells, emit);
    return { outcome, spent: heap().length > LARGE };
  };
  return { python, run: afresh };
}
