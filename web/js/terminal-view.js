// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { get, send } from "./api.js";
import { button, h, set, setText } from "./dom.js";
import { t } from "./messages.js";
import { complain } from "./say.js";
import { makeScreen } from "./screen.js";
import { isAlive } from "./state.js";
import { endSession, Wire } from "./wire.js";

const READER = "thole.reader";

function exitText(code, signal) {
  return signal ? t("The program was ended by %s.", signal) : t("The program has ended with %s.", code);
}

class Terminals {
  #wire = null;
  #view = null;
  #shown = null;      // id of the session on the screen
  #sessions = [];
  #ended = "";
  #opening = false;

  constructor(context, signal, wanted) {
    this.context = context;
    this.signal = signal;
    this.wanted = wanted;
    this.choices = h("nav", { class: "choices", "aria-label": t("Sessions") });
    this.fresh = button(t("New terminal"), () => this.#open());
    this.end = button(t("End session"), () => this.#end(), { class: "quiet danger", hidden: true });
    this.take = button(t("Take control"), () => {
      this.#wire?.take();
      this.#view?.terminal.focus();
    }, { hidden: true });
    this.status = h("p", { class: "status link-state", role: "status" });
    this.reader = h("input", { type: "checkbox", id: "reader", checked: localStorage.getItem(READER) === "yes",
                               onchange: () => this.#setReader() });
    this.box = h("div", { class: "screen", hidden: true });
    this.note = h("div", { class: "empty" });
    this.element = h("section", { class: "sessions", "aria-label": t("Terminal") },
      h("div", { class: "toolbar" }, this.choices, this.fresh, this.take, this.end, this.status,
        h("label", { for: "reader" }, this.reader, t("For screen readers"))),
      h("p", { class: "hidden-text", id: "terminal-keys" }, t("Shift+F6 leaves the terminal.")),
      this.note, this.box);
    context.live.addEventListener("event", ({ detail }) => {
      if (detail.subject.startsWith("se-"))
        this.#refresh();
    }, { signal });
    context.live.addEventListener("fresh", () => this.#refresh(), { signal });
    context.workloads.addEventListener("change", () => this.#showNote(), { signal });
    signal.addEventListener("abort", () => this.#leave());
    this.#refresh();
  }

  get #id() {
    return this.context.workload.id;
  }

  async #refresh() {
    try {
      const page = await get(`/v1/workloads/${this.#id}/sessions?state=running,starting`, { signal: this.signal });

      this.#sessions = page.items.filter(session => session.tty).sort((a, b) => a.created_at.localeCompare(b.created_at));
    } catch (problem) {
      // nobody looks any more, or the workload has gone, which the page says by itself
      if (!this.signal.aborted && problem.status !== 404)
        complain(problem);
      return;
    }
    // one that is being opened gets a page of its own
    if (this.#shown === null && !this.#opening)
      this.#begin();
    this.#showChoices();
    this.#showNote();
  }

  // the one in the address, or the newest
  #begin() {
    const session = this.#sessions.find(item => item.id === this.wanted) ?? (this.wanted ? null : this.#sessions.at(-1));

    if (session)
      this.#show(session);
  }

  #showChoices() {
    this.choices.replaceChildren(...this.#sessions.map(session =>
      h("a", { href: `#/workloads/${this.#id}/terminal/${session.id}`,
               "aria-current": session.id === this.#shown ? "true" : null }, session.name)));
  }

  #showNote() {
    const alive = isAlive(this.context.current());
    const text = this.#ended || (!alive ? t("The workload does not run. Start it to open a terminal.")
                                        : t("No terminal is open. A terminal goes on when you leave this page."));

    this.fresh.hidden = !alive;
    this.note.hidden = this.#shown !== null && !this.#ended;
    set(this.note, "class", this.#shown === null ? "empty" : "card screen-note");
    if (this.note.textContent !== text)
      this.note.replaceChildren(h("p", { role: "status" }, text));
  }

  async #open() {
    this.#opening = true;
    try {
      const session = await this.#make(this.#freeName());

      location.hash = `#/workloads/${this.#id}/terminal/${session.id}`;
    } catch (problem) {
      this.#opening = false;
      complain(problem);
    }
  }

  async #make(name) {
    const path = `/v1/workloads/${this.#id}/sessions`;

    try {
      return await send("POST", path, { name, tty: true, ...this.#size() });
    } catch (problem) {
      // somebody else was faster; it then gets its id as its name
      if (problem.status !== 409)
        throw problem;
      return send("POST", path, { tty: true, ...this.#size() });
    }
  }

  // terminal-1 or the next one that nobody has
  #freeName() {
    const taken = new Set(this.#sessions.map(session => session.name));
    let number = 1;

    while (taken.has(`terminal-${number}`))
      number++;
    return `terminal-${number}`;
  }

  #size() {
    const terminal = this.#view?.terminal;

    return terminal ? { rows: terminal.rows, cols: terminal.cols } : {};
  }

  async #end() {
    try {
      await endSession(this.#shown);
    } catch (problem) {
      complain(problem);
    }
  }

  #setReader() {
    localStorage.setItem(READER, this.reader.checked ? "yes" : "no");
    if (this.#view)
      this.#view.terminal.options.screenReaderMode = this.reader.checked;
  }

  async #show(session) {
    this.#shown = session.id;
    this.#ended = "";
    this.box.hidden = false;
    this.end.hidden = false;
    this.#showNote();
    this.#showChoices();
    try {
      this.#view = await makeScreen(this.box, {
        onkeys: bytes => this.#wire?.input(bytes),
        onsize: (rows, cols) => this.#wire?.resize(rows, cols),
        onleave: () => this.reader.focus(),
        reader: this.reader.checked,
      }, this.signal);
    } catch (problem) {
      complain(problem);
      return;
    }
    if (this.signal.aborted)
      return;
    this.#wire = new Wire(session.id, this.#handlers(this.#view.terminal));
    this.#view.adapt();
    this.#view.terminal.focus();
  }

  #handlers(terminal) {
    return {
      output: (bytes, done) => terminal.write(bytes, done),
      screen: bytes => {
        terminal.reset();
        terminal.write(bytes);
      },
      gap: (from, to) => terminal.write(`\r\n\x1b[7m ${t("%s bytes were skipped", to - from)} \x1b[0m\r\n`),
      exit: (code, signal) => {
        this.#ended = exitText(code, signal);
      },
      resized: (rows, cols) => this.#view?.follow(rows, cols),
      control: held => {
        this.take.hidden = held;
        terminal.options.disableStdin = !held;
        this.#view?.setOwn(held);
        setText(this.status, held ? t("Connected") : t("Somebody else types; you watch."));
      },
      state: (state, text) => this.#state(state, text),
    };
  }

  #state(state, text) {
    this.status.dataset.state = state;
    setText(this.status, text);
    if (state !== "closed")
      return;
    this.#ended ||= text;
    this.take.hidden = true;
    this.end.hidden = true;
    if (this.#view)
      this.#view.terminal.options.disableStdin = true;
    this.#refresh();
  }

  #leave() {
    this.#wire?.close();
  }
}

export function terminalView(context, signal, wanted) {
  return new Terminals(context, signal, wanted).element;
}
