// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What lets this tab in. It lives as long as the tab: a reload keeps it, closing the tab forgets it.
const KEY = "thole.credential";
const changes = new EventTarget();
let held = sessionStorage.getItem(KEY);

export function credential() {
  return held;
}

export function keepCredential(value) {
  held = value;
  sessionStorage.setItem(KEY, value);
}

// why: a sentence for the sign-in page.
export function forgetCredential(why) {
  const had = held !== null;

  held = null;
  sessionStorage.removeItem(KEY);
  if (had)
    changes.dispatchEvent(new CustomEvent("lost", { detail: why }));
}

export function onCredentialLost(listener) {
  changes.addEventListener("lost", event => listener(event.detail));
}
