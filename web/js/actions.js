// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { send } from "./api.js";
import { ask } from "./dialog.js";
import { button, enable } from "./dom.js";
import { t } from "./messages.js";
import { complain, say } from "./say.js";
import { allows } from "./state.js";

const VERBS = ["start", "stop", "restart", "remove"];
const LABELS = { start: "Start", stop: "Stop", restart: "Restart", remove: "Remove" };
const SPOKEN = { start: "Starting %s", stop: "Stopping %s", restart: "Restarting %s", remove: "Removing %s" };

async function remove(workload) {
  const sure = await ask(t("Remove %s?", workload.name),
                         t("Its program is ended and everything that it wrote inside is deleted. This cannot be undone."),
                         t("Remove"));

  if (!sure)
    return;
  say(t(SPOKEN.remove, workload.name), workload.id);
  await send("DELETE", `/v1/workloads/${workload.id}?force=true`);
}

// Does it; gives the workload as it is now.
async function act(verb, workload, workloads) {
  try {
    if (verb === "remove") {
      await remove(workload);
      return;
    }
    say(t(SPOKEN[verb], workload.name), workload.id);
    const changed = await send("POST", `/v1/workloads/${workload.id}/${verb}`);

    if (changed)
      workloads.take(changed);
  } catch (problem) {
    complain(problem);
    workloads.touch(workload.id);
  }
}

// The buttons for one workload; `current` gives it as it is.
export function actionButtons(current, workloads) {
  return VERBS.map(verb => button(t(LABELS[verb]), () => act(verb, current(), workloads),
                                  { class: verb === "remove" ? "quiet danger" : "quiet", "data-verb": verb }));
}

export function showActions(buttons, workload) {
  for (const element of buttons) {
    const verb = element.dataset.verb;
    const label = `${t(LABELS[verb])} ${workload.name}`;

    enable(element, allows(workload, verb));
    if (element.getAttribute("aria-label") !== label)
      element.setAttribute("aria-label", label);
  }
}
