// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { get, send } from "./api.js";
import { isSignedIn, keepSignIn, onSignInKept, onSignInLost, signInEnds } from "./sign-in.js";

const LONGEST = 86400000; // a timer cannot hold a month
const AGAIN = 60000;
let timer = null;

// Another tab may have done it already; they share the cookie.
async function renew(ends) {
  const now = await get("/v1/me");

  keepSignIn(now.expires_at === ends ? await send("POST", "/v1/auth/refresh", {}) : now);
}

function plan(pause) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const ends = signInEnds();

    if (isSignedIn() && pause < LONGEST)
      // a 401 has ended the sign-in by itself
      renew(ends).catch(() => isSignedIn() && plan(AGAIN));
    else if (isSignedIn())
      planHalf();
  }, pause);
}

function planHalf() {
  const left = Date.parse(signInEnds()) - Date.now();

  if (left > 0)
    plan(Math.min(left / 2, LONGEST));
}

// While the page is open its sign-in is renewed when half of it has passed.
export function keepRenewing() {
  onSignInKept(planHalf);
  onSignInLost(() => clearTimeout(timer));
}
