// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { send } from "./api.js";
import { button, h } from "./dom.js";
import { makeForm } from "./form.js";
import { t } from "./messages.js";
import { keepSignIn } from "./sign-in.js";
import { themeSwitch } from "./theme.js";

const EMAIL = { name: "email", label: t("E-mail address"), type: "email", autocomplete: "username" };
const PASSWORD = { name: "password", label: t("Password"), type: "password", autocomplete: "current-password" };
const TOKEN = { name: "token", label: t("Token"), type: "password", autocomplete: "off" };

async function byToken({ token }) {
  keepSignIn(await send("POST", "/v1/auth/cookie", undefined, { token: token.trim() }));
}

async function byPassword(values) {
  keepSignIn(await send("POST", "/v1/auth/login", { ...values, cookie: true }));
}

async function bySetup(values) {
  keepSignIn(await send("POST", "/v1/auth/setup", { ...values, cookie: true }));
}

const WAYS = {
  password: { label: "Password", fields: [EMAIL, PASSWORD], submit: "Sign in", run: byPassword, hint: "" },
  token: { label: "Token", fields: [TOKEN], submit: "Sign in", run: byToken,
           hint: "An API key, or while there is no user the bootstrap token from the daemon's state folder." },
  setup: { label: "First user", fields: [{ ...TOKEN, label: t("Set-up token") }, EMAIL, { ...PASSWORD, autocomplete: "new-password" }],
           submit: "Create and sign in", run: bySetup,
           hint: "While there is no user the daemon prints a set-up token when it starts." },
};

function card(way, done) {
  const { fields, submit, run, hint } = WAYS[way];
  const form = makeForm(fields, t(submit), async values => {
    await run(values);
    done();
  });

  return [form, hint && h("p", { class: "hint" }, t(hint))];
}

// done is called when somebody is signed in. why: what ended the sign-in before.
export function signinView(root, why, done) {
  const ways = Object.keys(WAYS);
  const place = h("div");
  const tabs = ways.map(way => button(t(WAYS[way].label), () => show(way), { "data-way": way }));

  function show(way) {
    for (const tab of tabs)
      tab.setAttribute("aria-pressed", tab.dataset.way === way);
    place.replaceChildren(...card(way, done).filter(Boolean));
    place.querySelector("input").focus();
  }
  root.replaceChildren(
    h("main", { class: "signin", id: "main" },
      h("img", { src: "/assets/icon.svg", alt: "", width: 48, height: 48 }),
      h("h1", {}, t("Sign in to Thole")),
      why && h("p", { class: "why", role: "alert" }, why),
      h("div", { class: "card" },
        h("div", { class: "ways", role: "group", "aria-label": t("Sign in with") }, tabs), place),
      h("p", { class: "foot" }, themeSwitch())));
  document.title = `${t("Sign in")} – Thole`;
  show(ways[0]);
}
