// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// What lets this browser in is a cookie that no script can read. A page holds, in memory only, the token that shows that it is ours:
// it goes with whatever changes something.
const changes = new EventTarget();
let held = null; // csrf_token and expires_at

export function isSignedIn() {
  return held !== null;
}

export function csrfToken() {
  return held?.csrf_token ?? null;
}

export function signInEnds() {
  return held?.expires_at ?? null;
}

// answer: of a sign-in or of /v1/me, which tells the token again after a reload
export function keepSignIn({ csrf_token = null, expires_at = null }) {
  held = { csrf_token, expires_at };
  changes.dispatchEvent(new CustomEvent("kept"));
}

// why: a sentence for the sign-in page.
export function forgetSignIn(why) {
  const had = held !== null;

  held = null;
  if (had)
    changes.dispatchEvent(new CustomEvent("lost", { detail: why }));
}

export function onSignInKept(listener) {
  changes.addEventListener("kept", listener);
}

export function onSignInLost(listener) {
  changes.addEventListener("lost", event => listener(event.detail));
}
