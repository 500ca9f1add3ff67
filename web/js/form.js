// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { h, setText } from "./dom.js";
import { t } from "./messages.js";

let number = 0;

function field({ name, label, ...attributes }) {
  const id = `field-${number++}`;
  const input = h("input", { id, name, required: true, "aria-describedby": `${id}-error`, spellcheck: "false",
                             autocapitalize: "none", ...attributes });

  return h("div", { class: "field" }, h("label", { for: id }, label), input, h("p", { class: "error", id: `${id}-error` }));
}

function showErrors(form, problem) {
  const left = [];

  for (const input of form.querySelectorAll("input")) {
    const found = problem?.errors?.filter(error => error.pointer === `/${input.name}`) ?? [];

    setText(input.nextElementSibling, found.map(error => error.detail).join("; "));
    input.toggleAttribute("aria-invalid", found.length > 0);
    left.push(...found);
  }
  setText(form.querySelector(".problem"), problem && left.length === 0 ? problem.message : "");
  form.querySelector("[aria-invalid], input")?.focus();
}

// A form whose fields show what the daemon says of them. onsubmit gets { name: value } and may fail with a Problem.
export function makeForm(fields, label, onsubmit) {
  const submit = h("button", { type: "submit", class: "primary" }, label);
  const form = h("form", { novalidate: true }, fields.map(field), h("p", { class: "problem", role: "alert" }), submit);

  form.addEventListener("submit", async event => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    const empty = fields.filter(entry => !values[entry.name]);

    if (empty.length > 0) {
      showErrors(form, { errors: empty.map(entry => ({ pointer: `/${entry.name}`, detail: t("Please fill this in.") })) });
      return;
    }
    submit.setAttribute("aria-busy", "true");
    try {
      await onsubmit(values);
    } catch (problem) {
      showErrors(form, problem);
    }
    submit.removeAttribute("aria-busy");
  });
  return form;
}
