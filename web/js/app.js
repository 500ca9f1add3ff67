// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { get, send } from "./api.js";
import { button, h, setText } from "./dom.js";
import { listView } from "./list-view.js";
import { Live } from "./live.js";
import { t } from "./messages.js";
import { keepRenewing } from "./renew.js";
import { complain, say, sayRegions } from "./say.js";
import { forgetSignIn, keepSignIn, onSignInLost } from "./sign-in.js";
import { signinView } from "./signin-view.js";
import { themeSwitch } from "./theme.js";
import { Workloads } from "./workloads.js";
import { workloadView } from "./workload-view.js";

const STATE_TEXTS = { connecting: "Connecting…", live: "Live", paused: "Paused" };
const root = h("div", { id: "root" });

function liveMark(live) {
  const text = h("span", {}, t("Connecting…"));
  const mark = h("p", { class: "live", "data-state": "connecting", role: "status" }, h("span", { class: "dot", "aria-hidden": "true" }), text);

  live.addEventListener("state", ({ detail }) => {
    mark.dataset.state = detail;
    setText(text, t(STATE_TEXTS[detail]));
  });
  return mark;
}

// What changed is told to those who listen, by its name.
function speak(live, context) {
  live.addEventListener("event", ({ detail }) => {
    const name = context.workloads.items.get(detail.subject)?.name;

    if (detail.type === "workload.state" && name)
      say(t("%s is %s", name, t(detail.data.state)), detail.subject);
    else if (detail.type === "workload.deleted" && name)
      say(t("%s is gone", name), detail.subject);
  });
}

async function showWho(place) {
  const me = await get("/v1/me").catch(() => null);

  setText(place, me?.user?.email ?? me?.name ?? "");
}

async function signOut() {
  // only the daemon can make the browser forget
  try {
    await send("POST", "/v1/auth/logout");
  } catch (problem) {
    if (problem.status !== 401)
      complain(problem);
    return;
  }
  forgetSignIn("");
}

function shell(live) {
  const who = h("span", { class: "who" });
  const place = h("div", { id: "place" });

  showWho(who);
  root.replaceChildren(
    h("a", { class: "skip", href: "#main", onclick: event => {
      event.preventDefault();
      document.getElementById("main")?.focus();
    } }, t("Skip to the content")),
    h("header", { class: "bar" },
      h("a", { class: "brand", href: "#/" }, h("img", { src: "/assets/icon.svg", alt: "", width: 28, height: 28 }), "Thole"),
      liveMark(live), who, themeSwitch(), button(t("Sign out"), signOut, { class: "quiet" })),
    place);
  return place;
}

// What the address says: #/ or #/workloads/ID/PANE/REST
function route(context, signal) {
  const [, kind, id, pane, ...rest] = location.hash.split("/").map(decodeURIComponent);

  return kind === "workloads" && id ? workloadView(context, signal, id, pane, rest.join("/")) : listView(context, signal);
}

class Session {
  #view = null;
  #ended = new AbortController();

  constructor() {
    const live = new Live();

    // who speaks still knows the name of what then goes
    this.context = { live };
    speak(live, this.context);
    this.context.workloads = new Workloads(live);
    this.live = live;
    this.place = shell(live);
    window.addEventListener("hashchange", () => this.show(true), { signal: this.#ended.signal });
    this.show(false);
    live.start();
  }

  show(moved) {
    this.#view?.abort();
    this.#view = new AbortController();
    const { element, title } = route(this.context, this.#view.signal);

    this.place.replaceChildren(element);
    document.title = `${title} – Thole`;
    // those who use a keyboard or listen begin at the new page
    if (moved)
      document.getElementById("main")?.focus({ preventScroll: true });
  }

  end() {
    this.#view?.abort();
    this.#ended.abort();
    this.live.stop();
  }
}

let session = null;

function begin() {
  session = new Session();
}

// After a reload the cookie is still there.
async function start() {
  try {
    keepSignIn(await get("/v1/me"));
  } catch (problem) {
    signinView(root, problem.status === 401 ? "" : problem.message, begin);
    return;
  }
  begin();
}

onSignInLost(why => {
  session?.end();
  session = null;
  signinView(root, why, begin);
});

document.body.append(root, ...sayRegions());
keepRenewing();
start();
