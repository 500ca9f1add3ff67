// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { batches, request } from "./api.js";
import { button, h } from "./dom.js";
import { t } from "./messages.js";
import { Retry } from "./retry.js";
import { isAlive } from "./state.js";

const TAIL = 1000;
const MOST = 5000; // lines on the page
const NEAR = 40;   // pixels from the end that still count as being there

// colours and cursor movements are for terminals
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|\r(?=$)/g;

function lineElement(entry) {
  const text = entry.text ?? atob(entry.text_base64 ?? "");
  const time = entry.time ? new Date(entry.time).toLocaleTimeString([], { hour12: false }) : "";

  return h("div", { class: "entry", "data-stream": entry.stream },
    h("time", { datetime: entry.time, title: entry.time }, time), h("span", {}, text.replace(/\n$/, "").replace(ESCAPES, "") || "\u200b"));
}

class Log {
  #waiting = [];
  #frame = null;
  #last = null;    // time of the newest line,
  #same = 0;       // and how many came with it: a time is no number
  #skip = 0;

  constructor(current) {
    this.current = current;
    this.box = h("div", { class: "log", role: "log", "aria-live": "off", tabindex: "0", "aria-label": t("Output of the workload") });
    this.status = h("p", { class: "status", role: "status" });
    this.follow = h("input", { type: "checkbox", id: "log-follow", checked: true, onchange: () => this.#toEnd() });
    this.listen = h("input", { type: "checkbox", id: "log-listen", onchange: () =>
      this.box.setAttribute("aria-live", this.listen.checked ? "polite" : "off") });
    this.times = h("input", { type: "checkbox", id: "log-times", onchange: () =>
      this.box.classList.toggle("times", this.times.checked) });
    this.box.addEventListener("scroll", () => {
      this.follow.checked = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR;
    });
    this.element = h("section", { class: "logs", "aria-label": t("Logs") },
      h("div", { class: "toolbar" },
        this.#option(this.follow, t("Follow")), this.#option(this.times, t("Times")), this.#option(this.listen, t("Read new lines aloud")),
        this.status, button(t("Clear"), () => this.box.replaceChildren(), { class: "quiet" })),
      this.box);
  }

  #option(input, label) {
    return h("label", { for: input.id }, input, label);
  }

  #toEnd() {
    if (this.follow.checked)
      this.box.scrollTop = this.box.scrollHeight;
  }

  // lines are put on the page once a frame: a program may print faster than a page can be laid out
  #add(entry) {
    if (entry.time === this.#last)
      this.#same++;
    else {
      this.#last = entry.time ?? this.#last;
      this.#same = 1;
    }
    this.#waiting.push(entry);
    if (this.#waiting.length > MOST)
      this.#waiting.splice(0, this.#waiting.length - MOST);
    this.#frame ??= setTimeout(() => this.#flush(), 16);
  }

  #flush() {
    const over = this.box.children.length + this.#waiting.length - MOST;

    this.#frame = null;
    for (let i = 0; i < over && this.box.firstChild; i++)
      this.box.firstChild.remove();
    this.box.append(...this.#waiting.splice(0).map(lineElement));
    this.#toEnd();
  }

  #take(line) {
    const entry = JSON.parse(line);

    if (this.#skip > 0 && entry.time === this.#skipTime) {
      this.#skip--;
      return;
    }
    this.#skip = 0;
    this.#add(entry);
  }

  #skipTime = null;

  async #read(signal) {
    const from = this.#last === null ? `tail=${TAIL}` : `since=${encodeURIComponent(this.#last)}`;
    const response = await request("GET", `/v1/workloads/${this.current().id}/logs?follow=true&${from}`,
                                   { headers: { Accept: "application/x-ndjson" }, signal });

    this.#skip = this.#last === null ? 0 : this.#same;
    this.#skipTime = this.#last;
    this.#same = this.#last === null ? 0 : this.#same;
    this.status.textContent = isAlive(this.current()) ? t("Following") : "";
    for await (const lines of batches(response))
      for (const line of lines)
        if (line !== "")
          this.#take(line);
  }

  async run(signal, changed) {
    const retry = new Retry();

    while (!signal.aborted)
      try {
        await this.#read(signal);
        retry.reset();
        this.status.textContent = t("The program does not run; this was its output.");
        await this.#alive(signal, changed);
      } catch (problem) {
        if (signal.aborted || problem.status === 401)
          return;
        this.status.textContent = t("Interrupted: %s", problem.message);
        if (problem.status === 404 || problem.status === 403 || problem.status === 501)
          return;
        await retry.wait(signal, problem.retryAfter);
      }
  }

  #alive(signal, changed) {
    return new Promise(resolve => {
      const look = () => {
        if (isAlive(this.current()) || signal.aborted)
          resolve();
      };

      changed.addEventListener("change", look, { signal });
      signal.addEventListener("abort", look);
      setTimeout(look, 500);
    });
  }
}

export function logView({ current, workloads }, signal) {
  const log = new Log(current);

  log.run(signal, workloads);
  return log.element;
}
