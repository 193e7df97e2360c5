// Exercises that run in the page. The page works alone until a reader asks for an editor:
// then a worker loads Python, once. Each run sends all cells that it needs.
(() => {
  "use strict";

  const HERE = new URL(".", document.currentScript.src);
  const SIZE = document.currentScript.dataset.megabytes;
  const MOST = 21000; // characters of output
  const STORE = "batch-normalization/";
  const ENDED = {
    right: "Right.",
    "not yet": "Not yet: the text below says what is missing.",
    error: "An error stopped the code: see below.",
  };
  const editors = [];
  let worker = null; // where Python runs
  let ready = false; // whether it is loaded
  let running = null; // the editor that runs
  let last = null; // the editor that was used last
  let runs = 0;
  let coloured = null; // what makes an editor with colours

  function add(parent, tag, traits = {}, text = "") {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(traits)) element.setAttribute(name, value);
    element.textContent = text;
    parent.append(element);
    return element;
  }

  const source = (cell) => cell.querySelector(".cell_input pre").textContent.trimEnd();

  // --- what the reader's browser keeps; a browser may refuse to ---
  function recall(name) {
    try { return JSON.parse(localStorage.getItem(STORE + name)) ?? {}; } catch { return {}; }
  }

  function keep(name, draft) {
    try {
      if (draft) localStorage.setItem(STORE + name, JSON.stringify(draft));
      else localStorage.removeItem(STORE + name);
    } catch { /* then a draft lasts as long as the page */ }
  }

  // --- the text area: with colours, or a plain one where their files are not to be had ---
  async function colours() {
    const from = (name) => new URL(`editor/dist/${name}`, HERE);
    const styled = new Promise((resolve, reject) => {
      const link = add(document.head, "link", { rel: "stylesheet", href: from("layout.css") });
      Object.assign(link, { onload: resolve, onerror: reject });
    });
    const [{ createEditor }] = await Promise.all(
      [import(from("index.js")), import(from("prism/languages/python.js")), styled],
    );
    return createEditor;
  }

  async function write(box, value) {
    try {
      const createEditor = await (coloured ??= colours());
      const made = createEditor(box, { language: "python", lineNumbers: false, value });
      delete made.keyCommandMap.Escape; // the focus stays
      return made.textarea;
    } catch {
      return add(box, "textarea", { autocapitalize: "off", spellcheck: "false" }, value);
    }
  }

  // --- the worker ---
  function start() {
    if (worker) return;
    const mine = new Worker(new URL("worker.mjs", HERE), { type: "module" });
    worker = mine;
    mine.onmessage = ({ data }) => mine === worker && hear(data);
    mine.onerror = (event) => {
      event.preventDefault();
      if (mine === worker) fail(event.message ?? "a file is missing");
    };
  }

  function end() {
    worker?.terminate();
    worker = running = null;
    ready = false;
    for (const editor of editors) editor.stop?.setAttribute("aria-disabled", "true");
  }

  function hear(data) {
    if (data?.type === "ready") {
      ready = true;
      if (running) running.say("Running ...");
      else if (last && !last.box.dataset.outcome) last.say("Python is ready.");
    } else if (data?.type === "failed") {
      fail(String(data.text));
    } else if (running && data?.id === runs && data.type === "text") {
      running.show(String(data.text));
    } else if (running && data?.id === runs && data.type === "done") {
      const editor = running;
      running = null;
      editor.ended(String(data.outcome));
      if (data.spent) { end(); start(); }
    }
  }

  function fail(text) {
    const editor = running ?? last;
    const what = ready ? "Python broke down" : "Python could not be loaded";
    end();
    editor?.show(`${text.slice(0, 300)}\n`);
    editor?.say(`${what}; your text is kept. Run it again to start anew.`);
  }

  // --- one editor ---
  class Editor {
    constructor(cell) {
      this.cell = cell;
      this.stub = source(cell);
      this.task = cell.matches(".tag_live-answer");
      const section = (this.section = cell.closest("section"));
      const heading = section?.querySelector("h1, h2, h3, h4").firstChild.textContent.trim();
      this.title = (this.task ? "Answer to " : "Code in ") + heading;
      if (this.task) {
        const later = [...section.querySelectorAll(".tag_live-check")];
        this.check = later.find((c) => cell.compareDocumentPosition(c) & 4);
        this.name = source(this.check).match(/"(\w+)"/)[1];
        this.draft = recall(this.name);
      }
      this.box = document.createElement("div");
      this.box.className = "live";
      cell.after(this.box);
      const text = this.draft?.text ? "Go on with your answer" : "Write and check it here";
      const open = add(this.box, "button", { type: "button" }, this.task ? text : "Run it here");
      if (!editors.length) {
        add(this.box, "span", { class: "live-note" }, `Loads Python once, ${SIZE} MB.`);
      }
      open.ariaLabel = `${open.textContent}: ${heading}`;
      open.onclick = () => this.open();
    }

    async open() {
      this.cell.hidden = true;
      this.box.replaceChildren();
      this.box.setAttribute("role", "group");
      this.box.setAttribute("aria-label", this.title);
      this.area = await write(this.box, this.draft?.text ?? this.stub);
      this.area.setAttribute("aria-label", this.title);
      this.area.setAttribute("wrap", "off");
      this.area.oninput = () => this.note(false);
      this.area.onkeydown = (event) => this.press(event);
      const bar = add(this.box, "div", { class: "live-bar" });
      const button = (text, act) => {
        const made = add(bar, "button", { type: "button" }, text);
        made.onclick = () => act.call(this);
        return made;
      };
      this.run_button = button("Run", this.run);
      this.run_button.title = "Shift + Enter";
      this.stop = button("Stop", this.halt);
      this.stop.setAttribute("aria-disabled", "true");
      button("Start over", this.restart);
      this.status = add(bar, "span", { role: "status" });
      const next = this.task && editors[editors.indexOf(this) + 1]?.section;
      this.next = next && add(bar, "a", { href: `#${next.id}`, hidden: "" }, "Next task");
      this.output = add(this.box, "pre", {
        tabindex: "0", role: "region", "aria-label": `Output of ${this.title}`,
      });
      this.output.hidden = true;
      progress();
      this.area.focus();
      last = this;
      if (!worker) setTimeout(() => this.say(`Python is loading, ${SIZE} MB once. Write meanwhile.`));
      start();
    }

    press(event) {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      if (event.shiftKey || event.ctrlKey || event.metaKey) { this.run(); return; }
      const { value, selectionStart } = this.area;
      const line = value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart);
      const deeper = /:\s*(#.*)?$/.test(line) ? "    " : "";
      // This way the browser's own undo still works.
      document.execCommand("insertText", false, `\n${line.match(/^ */)[0]}${deeper}`);
    }

    /** Return the cells of one run: name, source, and whether what it prints is shown. */
    cells() {
      if (!this.task) return [["cell", this.area.value, true]];
      const parts = [...document.querySelectorAll(".tag_live-before, .tag_live-answer")];
      const before = parts.slice(0, parts.indexOf(this.cell)).map((cell) => {
        const editor = editors.find((other) => other.cell === cell);
        return ["before", editor?.text() ?? source(cell), false];
      });
      return [...before, ["answer", this.area.value, true], ["check", source(this.check), true]];
    }

    text() {
      return this.area?.value ?? this.draft?.text ?? this.stub;
    }

    run() {
      if (running) { this.say("Another run goes on: stop it first."); return; }
      last = running = this;
      runs += 1;
      this.output.hidden = true;
      this.output.textContent = "";
      this.stop.removeAttribute("aria-disabled");
      this.say(ready ? "Running ..." : "Python is loading; then your code runs.");
      try { start(); } catch (error) { fail(String(error)); return; }
      worker.postMessage({ id: runs, cells: this.cells() });
    }

    halt() {
      if (running !== this) return;
      end();
      this.say("Stopped. Python starts anew.");
      this.run_button.focus();
      start();
    }

    restart() {
      this.area.value = this.stub;
      this.area.dispatchEvent(new Event("input")); // colours follow
      this.draft = {};
      if (this.task) keep(this.name, null);
      this.output.hidden = true;
      this.say("The answer is as it was.");
      progress();
      this.area.focus();
    }

    show(text) {
      this.output.hidden = false;
      const room = MOST - this.output.textContent.length;
      if (room > 0) this.output.append(text.slice(0, room));
    }

    ended(outcome) {
      this.stop.setAttribute("aria-disabled", "true");
      if (this.task) this.note(outcome === "right");
      const done = this.task ? ENDED[outcome] : outcome === "right" ? "Done." : ENDED.error;
      this.say(this.task && outcome === "right" ? `${done} ${score()}` : done);
      this.box.dataset.outcome = outcome;
    }

    /** Keep the draft, and whether it is right as it stands. */
    note(right) {
      if (!this.task) return;
      this.draft = { text: this.area.value, right };
      keep(this.name, this.draft);
      progress();
    }

    say(text) {
      this.status.textContent = text ?? "";
      delete this.box.dataset.outcome;
    }
  }

  // --- a sheet's progress ---
  function score() {
    const tasks = editors.filter((editor) => editor.task);
    const right = tasks.filter((editor) => editor.draft.right).length;
    return `${right} of ${tasks.length} right on this sheet.`;
  }

  function progress() {
    const begun = editors.some((editor) => editor.draft?.text);
    const line = document.querySelector(".live-progress");
    if (line) line.textContent = begun ? score() : "";
    for (const { next, draft } of editors) if (next) next.hidden = !draft.right;
  }

  function begin() {
    if (!window.Worker || !window.WebAssembly || location.protocol === "file:") return;
    for (const cell of document.querySelectorAll(".tag_live-answer, .tag_live")) {
      editors.push(new Editor(cell));
    }
    const guide = new URL(`${document.documentElement.dataset.content_root}book/how_to_use.html`,
      location.href);
    for (const cell of document.querySelectorAll(".tag_live-elsewhere")) {
      const line = document.createElement("p");
      line.className = "live-note";
      line.append("This task needs PyTorch, which does not run in the page: write it in ");
      add(line, "a", { href: `${guide}#run-it-in-jupyterlab` }, "JupyterLab");
      line.append(" or on ");
      add(line, "a", { href: `${guide}#run-it-in-colab` }, "Colab");
      line.append(".");
      cell.after(line);
    }
    const title = document.querySelector(".bd-article h1");
    if (editors.some((editor) => editor.task)) {
      const line = document.createElement("p");
      line.className = "live-progress";
      title.after(line);
      progress();
    }
  }

  begin();
})();
