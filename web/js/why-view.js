// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { get } from "./api.js";
import { h } from "./dom.js";
import { formatTime, t } from "./messages.js";

function row(name, value) {
  return value === "" || value === null || value === undefined ? [] : [h("dt", {}, t(name)), h("dd", {}, String(value))];
}

function facts(workload) {
  const { spec = {} } = workload;
  const command = [...(spec.command ?? []), ...(spec.args ?? [])].join(" ");
  const ports = (workload.ports ?? []).map(port => `${port.host ?? ""} → ${port.container}/${port.protocol ?? "tcp"}`).join(", ");

  return h("dl", { class: "card list" },
    row("Id", workload.id), row("Image", spec.image), row("Command", command), row("Backend", workload.backend),
    row("Owner", workload.owner), row("Addresses", (workload.addresses ?? []).join(", ")), row("Ports", ports),
    row("Restart policy", spec.restart?.policy), row("Restarts", workload.restarts), row("Health", t(workload.health ?? "none")),
    row("Exit code", workload.exit_code), row("Signal", workload.exit_signal), row("Created", formatTime(workload.created_at)),
    row("Started", workload.started_at && formatTime(workload.started_at)),
    row("Ended", workload.stopped_at && formatTime(workload.stopped_at)),
    row("Labels", Object.entries(workload.labels ?? {}).map(pair => pair.join("=")).join(", ")));
}

async function chain(workload) {
  const why = await get(`/v1/workloads/${workload.id}/why`);
  const links = why.because;

  return h("ol", { class: "chain" }, links.map(link =>
    h("li", {}, h("time", { datetime: link.time }, formatTime(link.time)), h("p", {}, link.text))));
}

// What is known of it, and the chain of requests and answers that led to its state.
export function whyView({ current, workloads }, signal) {
  const place = h("div");
  const story = h("div");
  let revision = -1;

  async function show() {
    const workload = current();

    if (workload.revision === revision)
      return;
    revision = workload.revision;
    place.replaceChildren(facts(workload));
    try {
      story.replaceChildren(await chain(workload));
    } catch (problem) {
      story.replaceChildren(h("p", { class: "error" }, problem.message));
    }
  }
  workloads.addEventListener("change", show, { signal });
  show();
  return h("div", { class: "details" },
    h("section", { "aria-labelledby": "facts" }, h("h2", { id: "facts" }, t("Details")), place),
    h("section", { "aria-labelledby": "why" }, h("h2", { id: "why" }, t("How it came to its state")), story));
}
