// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { button, h } from "./dom.js";
import { t } from "./messages.js";

let number = 0;

// Asks; gives true for yes. The browser's own dialog keeps the focus inside and gives it back.
export function ask(title, text, yes) {
  const id = `dialog-${number++}`;
  const dialog = h("dialog", { "aria-labelledby": id, "aria-describedby": `${id}-text` });

  return new Promise(resolve => {
    dialog.append(
      h("h2", { id }, title),
      h("p", { id: `${id}-text` }, text),
      h("div", { class: "buttons" },
        button(t("Cancel"), () => dialog.close()),
        button(yes, () => dialog.close("yes"), { class: "danger" })));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
