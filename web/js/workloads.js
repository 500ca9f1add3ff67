// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { get } from "./api.js";

const MOST = 2000;   // more are not listed; the filter of the daemon is for that
const AT_ONCE = 24;  // when more have changed the whole list is read anew

// What is known of the workloads: read once, then each when an event tells of it. "change": something is different.
export class Workloads extends EventTarget {
  items = new Map();
  loaded = false;
  truncated = false;
  problem = null;
  #gone = new Set();   // an answer that was on its way does not bring them back
  #dirty = new Set();
  #working = false;
  #told = false;
  #all = false;

  constructor(live) {
    super();
    live.addEventListener("fresh", () => this.reload());
    live.addEventListener("event", ({ detail }) => {
      if (detail.type === "workload.deleted")
        this.#drop(detail.subject);
      else if (detail.subject.startsWith("wl-"))
        this.touch(detail.subject);
    });
  }

  find(word) {
    return this.items.get(word) ?? [...this.items.values()].find(item => item.name === word);
  }

  reload() {
    this.#all = true;
    this.#work();
  }

  touch(id) {
    this.#dirty.add(id);
    this.#work();
  }

  take(workload) {
    const held = this.items.get(workload.id);

    // answers may overtake each other
    if (this.#gone.has(workload.id) || (held && held.revision > workload.revision))
      return;
    this.items.set(workload.id, workload);
    this.#tell();
  }

  #drop(id) {
    if (this.#gone.size > MOST)
      this.#gone.clear();
    this.#gone.add(id);
    this.#dirty.delete(id);
    this.items.delete(id);
    this.#tell();
  }

  // at most once a frame, however many events come
  #tell() {
    if (this.#told)
      return;
    this.#told = true;
    setTimeout(() => {
      this.#told = false;
      this.dispatchEvent(new Event("change"));
    }, 16);
  }

  async #work() {
    if (this.#working)
      return;
    this.#working = true;
    try {
      while (this.#all || this.#dirty.size > 0)
        await (this.#all || this.#dirty.size > AT_ONCE ? this.#readAll() : this.#readDirty());
      this.problem = null;
    } catch (problem) {
      this.problem = problem;
      this.#tell();
    }
    this.#working = false;
  }

  async #readAll() {
    const found = new Map();
    let cursor = "";

    this.#all = false;
    this.#dirty.clear();
    do {
      const page = await get(`/v1/workloads?limit=1000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);

      for (const item of page.items)
        found.set(item.id, item);
      cursor = page.next_cursor;
    } while (cursor && found.size < MOST);
    this.truncated = Boolean(cursor);
    this.items = found;
    this.loaded = true;
    this.#tell();
  }

  async #readDirty() {
    const ids = [...this.#dirty];

    this.#dirty.clear();
    await Promise.all(ids.map(async id => {
      try {
        this.take(await get(`/v1/workloads/${id}`));
      } catch (problem) {
        if (problem.status !== 404 && problem.status !== 410)
          throw problem;
        this.#drop(id);
      }
    }));
  }
}
