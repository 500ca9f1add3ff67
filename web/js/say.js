// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { button, h } from "./dom.js";
import { t } from "./messages.js";

const QUIET = 1000;
const SHOWN = 8000;
const MOST_NOTES = 4;

const polite = h("div", { class: "hidden-text", role: "status", "aria-live": "polite", id: "spoken" });
const notes = h("div", { class: "notes", role: "region", "aria-label": t("Messages") });
let waiting = new Map();
let timer = null;

export function sayRegions() {
  return [polite, notes];
}

// For those who listen. What comes in a burst is told in one go, of each subject only the last.
export function say(text, subject = text) {
  waiting.set(subject, text);
  timer ??= setTimeout(() => {
    polite.textContent = waiting.size > 3 ? t("%s changes", waiting.size) : [...waiting.values()].join(". ");
    waiting = new Map();
    timer = null;
  }, QUIET);
}

// A message that stays for a while and can be put away.
export function note(text, kind = "info") {
  const element = h("div", { class: "note", "data-kind": kind, role: kind === "error" ? "alert" : "status" }, h("p", {}, text));
  const close = button("×", () => element.remove(), { class: "quiet", "aria-label": t("Close message") });

  element.append(close);
  notes.append(element);
  while (notes.children.length > MOST_NOTES)
    notes.firstChild.remove();
  // an error waits for somebody to read it
  if (kind !== "error")
    setTimeout(() => element.remove(), SHOWN);
}

export function complain(problem) {
  if (problem.name !== "AbortError" && problem.status !== 401)
    note(problem.message, "error");
}
