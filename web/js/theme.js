// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { h } from "./dom.js";
import { t } from "./messages.js";

const KEY = "thole.theme";
const CHOICES = [["", "System"], ["light", "Light"], ["dark", "Dark"]];
const preferred = matchMedia("(prefers-color-scheme: dark)");
const changes = new EventTarget();

function chosen() {
  return localStorage.getItem(KEY) ?? "";
}

function apply() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  changes.dispatchEvent(new Event("change"));
}

export function isDark() {
  return chosen() === "" ? preferred.matches : chosen() === "dark";
}

export function onTheme(listener, signal) {
  changes.addEventListener("change", listener, { signal });
}

export function themeSwitch() {
  const select = h("select", { id: "theme", "aria-label": t("Appearance"), title: t("Appearance") },
                   CHOICES.map(([value, text]) => h("option", { value, selected: value === chosen() }, t(text))));

  select.addEventListener("change", () => {
    localStorage.setItem(KEY, select.value);
    apply();
  });
  return select;
}

preferred.addEventListener("change", apply);
apply();
