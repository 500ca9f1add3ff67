// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { h, set, setText } from "./dom.js";
import { t } from "./messages.js";

// Each state: its tone (colour), and what may be asked for.
const STATES = {
  provisioning: ["busy", "stop"],
  installing: ["busy", "stop"],
  starting: ["busy", "stop"],
  running: ["good", "stop", "restart"],
  paused: ["calm", "stop", "restart"],
  stopping: ["busy"],
  stopped: ["idle", "start", "restart"],
  crashed: ["bad", "start", "restart"],
  error: ["bad", "start", "restart"],
  suspended: ["calm"],
  transferring: ["busy"],
  deleting: ["busy"],
};

export function tone(state) {
  return STATES[state]?.[0] ?? "idle";
}

export function allows(workload, verb) {
  if (verb === "remove")
    return workload.state !== "deleting" && !workload.protected;
  return STATES[workload.state]?.includes(verb, 1) ?? false;
}

// Does a process run that people may attach to?
export function isAlive(workload) {
  return workload.state === "running";
}

export function stateBadge() {
  return h("span", { class: "badge" }, h("span", { class: "dot", "aria-hidden": "true" }), h("span"));
}

export function showState(badge, workload) {
  const unwell = workload.state === "running" && workload.health === "unhealthy";

  set(badge, "data-tone", unwell ? "bad" : tone(workload.state));
  setText(badge.lastChild, unwell ? t("running, unhealthy") : t(workload.state));
}

// Why it is so, in a few words: "exit: ended with 3" becomes "ended with 3".
export function reason(workload) {
  const text = workload.state_reason ?? "";

  return text.includes(": ") ? text.slice(text.indexOf(": ") + 2) : text;
}
