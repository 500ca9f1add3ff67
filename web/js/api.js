// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { t } from "./messages.js";
import { csrfToken, forgetSignIn, isSignedIn, keepSignIn } from "./sign-in.js";

// What the daemon answers when it does not do it (RFC 9457), or that it did not answer: status 0.
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail || body.title || t("The daemon answered %s.", status));
    this.status = status;
    this.code = body.code ?? "";
    this.oldest = body.oldest;
    this.errors = body.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const pause = Number(response.headers.get("Retry-After")) || 0;

  return new Problem(response.status, body, pause);
}

async function ask(method, path, { body, headers = {}, signal, token }) {
  const head = { Accept: "application/json", ...headers };

  if (token)
    head.Authorization = `Bearer ${token}`;
  else if (method !== "GET" && csrfToken())
    head["X-CSRF-Token"] = csrfToken();
  if (body !== undefined)
    head["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method, headers: head, signal, cache: "no-store", credentials: "same-origin",
                               body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError")
      throw error;
    throw new Problem(0, { detail: t("The daemon cannot be reached.") });
  }
}

// Another tab has renewed the sign-in, and our token with it: is there a new one?
async function learnToken() {
  const before = csrfToken();
  const response = await ask("GET", "/v1/me", {});

  if (!response.ok)
    return false;
  keepSignIn(await response.json());
  return csrfToken() !== before;
}

// One request; gives the response once it is known to be good. A sign-in that has ended leads to the sign-in page.
// token: a credential for this request alone.
export async function request(method, path, options = {}) {
  const signedIn = isSignedIn() && !options.token;
  let response = await ask(method, path, options);

  if (response.status === 403 && signedIn && method !== "GET" && await learnToken())
    response = await ask(method, path, options);
  if (response.ok)
    return response;
  if (response.status === 401 && signedIn)
    forgetSignIn(t("Your sign-in has ended. Please sign in again."));
  throw await problemOf(response);
}

export async function get(path, options) {
  return (await request("GET", path, options)).json();
}

// A command: the same key again acts once, so a lost answer can be asked for again.
export async function send(method, path, body, options = {}) {
  const headers = method === "POST" ? { "Idempotency-Key": crypto.randomUUID?.() ?? randomKey() } : {};
  const response = await request(method, path, { ...options, body, headers });

  return response.status === 204 ? null : response.json();
}

// randomUUID is only there on pages from https and localhost
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("");
}

// The lines of a streamed body, in batches as they arrive.
export async function* batches(response, onBytes = () => {}) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";

  try {
    for (;;) {
      const { value, done } = await reader.read();

      if (done)
        return;
      onBytes();
      const lines = (rest + value).split("\n");

      rest = lines.pop();
      if (lines.length > 0)
        yield lines;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
