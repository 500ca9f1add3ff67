// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { actionButtons, showActions } from "./actions.js";
import { h, setText } from "./dom.js";
import { formatAge, formatTime, t } from "./messages.js";
import { reason, showState, stateBadge } from "./state.js";

const AGE = 15000;

class Row {
  constructor(workload, workloads) {
    this.workload = workload;
    this.link = h("a", { href: `#/workloads/${workload.id}` });
    this.why = h("span", { class: "reason" });
    this.badge = stateBadge();
    this.image = h("td", { class: "mono image" });
    this.backend = h("td", { class: "backend" });
    this.age = h("time");
    this.buttons = actionButtons(() => this.workload, workloads);
    this.element = h("tr", {},
      h("th", { scope: "row" }, this.link),
      h("td", { class: "state" }, this.badge, this.why),
      this.image, this.backend,
      h("td", { class: "age" }, this.age),
      h("td", { class: "actions" }, h("div", { role: "group", "aria-label": t("Actions for %s", workload.name) }, this.buttons)));
    this.show(workload);
  }

  show(workload) {
    this.workload = workload;
    setText(this.link, workload.name);
    setText(this.why, ["crashed", "error"].includes(workload.state) ? reason(workload) : "");
    setText(this.image, workload.spec?.image || "–");
    setText(this.backend, workload.backend);
    showState(this.badge, workload);
    showActions(this.buttons, workload);
    this.showAge();
  }

  showAge() {
    const time = (this.workload.state === "running" && this.workload.started_at) || this.workload.updated_at;

    this.age.dateTime = time;
    this.age.title = formatTime(time);
    setText(this.age, formatAge(time));
  }
}

function matches(workload, words, state) {
  const text = `${workload.name} ${workload.id} ${workload.spec?.image ?? ""} ${workload.backend} ` +
               Object.entries(workload.labels ?? {}).map(pair => pair.join("=")).join(" ");

  return (state === "" || workload.state === state) && words.every(word => text.toLowerCase().includes(word));
}

function emptyText(workloads) {
  if (workloads.problem)
    return workloads.problem.message;
  if (!workloads.loaded)
    return t("Loading…");
  return workloads.items.size > 0 ? t("No workload matches.") : t("There are no workloads yet.");
}

class List {
  rows = new Map();

  constructor(workloads) {
    this.workloads = workloads;
    this.search = h("input", { type: "search", "aria-label": t("Filter by name, image or label"),
                               placeholder: t("Filter by name, image or label"), oninput: () => this.show() });
    this.states = h("select", { "aria-label": t("State"), onchange: () => this.show() });
    this.count = h("p", { class: "count", role: "status" });
    this.body = h("tbody");
    this.empty = h("div", { class: "empty" }, h("p"), h("p", { class: "mono" }, "tholectl run --name hello busybox sleep 1000"));
    this.table = h("table", { class: "workloads" },
      h("caption", { class: "hidden-text" }, t("Workloads")),
      h("thead", {}, h("tr", {}, ["Name", "State", "Image", "Backend", "Since", "Actions"]
        .map(text => h("th", { scope: "col", class: text.toLowerCase() }, t(text))))),
      this.body);
    this.element = h("main", { id: "main", tabindex: "-1" },
      h("div", { class: "heading" }, h("h1", {}, t("Workloads")), this.count,
        h("div", { class: "filters", role: "search" }, this.search, this.states)),
      this.table, this.empty);
  }

  show() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = [...this.workloads.items.values()];
    const shown = all.filter(item => matches(item, words, this.states.value)).sort((a, b) => a.name.localeCompare(b.name));

    this.showStates(all);
    this.showRows(shown);
    this.table.hidden = shown.length === 0;
    this.empty.hidden = shown.length > 0;
    this.empty.lastChild.hidden = all.length > 0 || !this.workloads.loaded;
    setText(this.empty.firstChild, emptyText(this.workloads));
    setText(this.count, this.workloads.loaded ? this.countText(shown.length, all.length) : "");
  }

  countText(shown, all) {
    if (this.workloads.truncated)
      return t("the first %s", all);
    return shown === all ? String(all) : t("%s of %s", shown, all);
  }

  showStates(all) {
    const found = [...new Set(all.map(item => item.state))].sort();
    const key = found.join();
    const held = this.states.value;

    if (this.states.dataset.key === key)
      return;
    this.states.dataset.key = key;
    this.states.replaceChildren(h("option", { value: "" }, t("All states")),
      ...[...new Set(held ? [...found, held] : found)].map(state => h("option", { value: state }, t(state))));
    this.states.value = held;
  }

  // rows stay who they are, so that a focus in one of them stays, too
  showRows(shown) {
    const kept = new Set(shown.map(item => item.id));
    let before = this.body.firstChild;

    for (const [id, row] of this.rows)
      if (!kept.has(id)) {
        if (before === row.element)
          before = before.nextSibling;
        row.element.remove();
        this.rows.delete(id);
      }
    for (const workload of shown) {
      const row = this.rows.get(workload.id) ?? new Row(workload, this.workloads);

      row.show(workload);
      this.rows.set(workload.id, row);
      if (row.element === before)
        before = before.nextSibling;
      else
        this.body.insertBefore(row.element, before);
    }
  }
}

export function listView(context, signal) {
  const list = new List(context.workloads);
  const timer = setInterval(() => list.rows.forEach(row => row.showAge()), AGE);

  signal.addEventListener("abort", () => clearInterval(timer));
  context.workloads.addEventListener("change", () => list.show(), { signal });
  list.show();
  return { element: list.element, title: t("Workloads") };
}
