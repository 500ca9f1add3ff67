// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { chinese } from "./chinese.js";
import { german } from "./german.js";

const TABLES = { de: german, zh: chinese };
const wanted = (navigator.language || "en").toLowerCase().split("-")[0];
const language = wanted in TABLES ? wanted : "en";
const table = TABLES[language] ?? {};

document.documentElement.lang = language === "zh" ? "zh-CN" : language;

// The text in the language of the reader; each %s takes the next value.
export function t(text, ...values) {
  const own = table[text] ?? text;
  let next = 0;

  return own.replace(/%s/g, () => String(values[next++]));
}

export function formatTime(time) {
  return time ? new Date(time).toLocaleString(language, { dateStyle: "medium", timeStyle: "medium" }) : "–";
}

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

export function formatAge(time) {
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) ?? UNITS[3];

  return relative.format(-Math.floor(seconds / size), unit);
}
