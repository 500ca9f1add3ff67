// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { actionButtons, showActions } from "./actions.js";
import { h, set, setText } from "./dom.js";
import { logView } from "./log-view.js";
import { formatTime, t } from "./messages.js";
import { reason, showState, stateBadge } from "./state.js";
import { terminalView } from "./terminal-view.js";
import { whyView } from "./why-view.js";

const PANES = { logs: ["Logs", logView], terminal: ["Terminal", terminalView], details: ["Details", whyView] };

function tabs(id, chosen) {
  return h("nav", { class: "tabs", "aria-label": t("Views of this workload") }, Object.entries(PANES).map(([name, [label]]) =>
    h("a", { href: `#/workloads/${id}/${name}`, "aria-current": name === chosen ? "page" : null }, t(label))));
}

function gone() {
  return h("main", { id: "main", tabindex: "-1" }, h("div", { class: "empty" }, h("h1", {}, t("No such workload")),
    h("p", {}, t("It may have been removed.")), h("p", {}, h("a", { href: "#/" }, t("All workloads")))));
}

class Head {
  constructor(workloads) {
    this.name = h("h1");
    this.badge = stateBadge();
    this.reason = h("p", { class: "reason" });
    this.facts = h("p", { class: "facts" });
    this.buttons = actionButtons(() => this.workload, workloads);
    this.element = h("header", { class: "heading" },
      h("nav", { class: "crumbs", "aria-label": t("Breadcrumb") }, h("a", { href: "#/" }, t("Workloads"))),
      h("div", { class: "line" }, this.name, this.badge,
        h("div", { class: "actions", role: "group", "aria-label": t("Actions") }, this.buttons)),
      this.facts, this.reason);
  }

  show(workload) {
    const since = (workload.state === "running" && workload.started_at) || workload.updated_at;

    this.workload = workload;
    setText(this.name, workload.name);
    setText(this.reason, reason(workload));
    setText(this.facts, [workload.spec?.image || "–", workload.backend, t("since %s", formatTime(since))].join("  ·  "));
    showState(this.badge, workload);
    showActions(this.buttons, workload);
  }
}

// word: logs, terminal or details; rest: what follows in the address.
export function workloadView(context, signal, id, word, rest = "") {
  const { workloads } = context;
  const element = h("div", { class: "stack" });
  const pane = word in PANES ? word : "logs";
  const [label, makePane] = PANES[pane];
  let head = null;

  function begin(workload) {
    const inner = makePane({ ...context, workload, current: () => workloads.find(id) ?? workload }, signal, rest);

    head = new Head(workloads);
    set(inner, "class", `pane ${inner.className}`);
    element.replaceChildren(h("main", { id: "main", tabindex: "-1", class: "workload", "data-pane": pane }, head.element, tabs(workload.id, pane), inner));
  }
  function show() {
    const workload = workloads.find(id);

    if (workload && head === null)
      begin(workload);
    if (workload)
      head.show(workload);
    else if (workloads.loaded)
      element.replaceChildren(gone());
  }
  workloads.addEventListener("change", show, { signal });
  show();
  return { element, title: `${workloads.find(id)?.name ?? id} – ${t(label)}` };
}
