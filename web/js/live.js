// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { batches, request } from "./api.js";
import { Retry } from "./retry.js";

const SILENCE = 45000; // the daemon sends a heart-beat every 15 s
const HIDDEN = 60000;  // a tab that nobody looks at gives its connection back

// The stream of events. Read by fetch and not by EventSource, which can send neither a credential nor, at first, Last-Event-ID.
//   "event" (detail: the event), "fresh": what is held may be old, "state" (detail: connecting, live, paused)
export class Live extends EventTarget {
  #stop = new AbortController();
  #last = null;
  #current = null;
  #pausing = null;

  start() {
    document.addEventListener("visibilitychange", () => this.#visible(), { signal: this.#stop.signal });
    this.#run();
  }

  stop() {
    clearTimeout(this.#pausing);
    this.#stop.abort();
    this.#current?.abort();
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #visible() {
    clearTimeout(this.#pausing);
    if (document.hidden)
      this.#pausing = setTimeout(() => this.#current?.abort(), HIDDEN);
  }

  async #run() {
    const retry = new Retry();
    const { signal } = this.#stop;

    while (!signal.aborted) {
      let pause = 0;

      this.#tell("state", document.hidden ? "paused" : "connecting");
      try {
        await this.#follow(retry);
      } catch (problem) {
        pause = problem.retryAfter ?? 0;
        // what we would go on after is no longer kept
        if (problem.status === 410)
          this.#last = null;
        if (problem.status === 401 || problem.status === 403)
          return;
      }
      await retry.wait(signal, pause);
      await this.#seen(signal);
    }
  }

  // Waits while nobody looks.
  #seen(signal) {
    return new Promise(resolve => {
      if (!document.hidden || signal.aborted)
        resolve();
      document.addEventListener("visibilitychange", () => resolve(), { once: true, signal });
    });
  }

  async #follow(retry) {
    const headers = { Accept: "text/event-stream" };
    const current = this.#current = new AbortController();
    let watch = null;
    const heard = () => {
      clearTimeout(watch);
      watch = setTimeout(() => current.abort(), SILENCE);
    };

    if (this.#last !== null)
      headers["Last-Event-ID"] = this.#last;
    heard();
    try {
      const path = this.#last === null ? "/v1/events?tail=true" : "/v1/events";
      const response = await request("GET", path, { headers, signal: current.signal });

      retry.reset();
      this.#tell("state", "live");
      if (this.#last === null)
        this.#tell("fresh");
      await this.#read(response, heard);
    } finally {
      clearTimeout(watch);
    }
  }

  async #read(response, heard) {
    let entry = { type: "message", data: "" };

    for await (const lines of batches(response, heard))
      for (const line of lines) {
        const [, field, value] = /^([^:]*):? ?(.*)$/.exec(line.replace(/\r$/, ""));

        if (line === "" || line === "\r") {
          this.#take(entry);
          entry = { type: "message", data: "" };
        } else if (field === "data")
          entry.data += value;
        else if (field === "id")
          entry.id = value;
        else if (field === "event")
          entry.type = value;
      }
  }

  #take(entry) {
    if (entry.id !== undefined)
      this.#last = entry.id;
    if (entry.data === "")
      return;
    if (entry.type === "gap")
      this.#tell("fresh");
    else
      this.#tell("event", JSON.parse(entry.data));
  }
}
