// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// An element: h("a", { href: "#/", onclick: f }, "text", element). Text is only ever text.
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);

  for (const [name, value] of Object.entries(attributes ?? {}))
    set(element, name, value);
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

export function set(element, name, value) {
  if (name.startsWith("on"))
    element.addEventListener(name.slice(2), value);
  else if (value === false || value === null || value === undefined)
    element.removeAttribute(name);
  else
    element.setAttribute(name, value === true ? "" : value);
}

// Changes the text only when it differs, so that nobody who reads or listens is disturbed.
export function setText(element, text) {
  if (element.textContent !== text)
    element.textContent = text;
}

// A button that stays where the focus is also while it cannot be used.
export function button(text, onclick, attributes) {
  return h("button", { type: "button", ...attributes, onclick: event => {
    if (event.currentTarget.getAttribute("aria-disabled") !== "true")
      onclick(event);
  } }, text);
}

export function enable(element, yes) {
  set(element, "aria-disabled", yes ? null : "true");
}
