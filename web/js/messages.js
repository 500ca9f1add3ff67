// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { german } from "./german.js";

const language = (navigator.language || "en").toLowerCase().startsWith("de") ? "de" : "en";

document.documentElement.lang = language;

// The text in the language of the reader; each %s takes the next value.
export function t(text, ...values) {
  const own = language === "de" ? german[text] ?? text : text;
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
