// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { h } from "./dom.js";
import { t } from "./messages.js";
import { isDark, onTheme } from "./theme.js";

const LIGHT = {
  background: "#ffffff", foreground: "#1b2430", cursor: "#0f766e", cursorAccent: "#ffffff", selectionBackground: "#b6dcd8",
  black: "#1b2430", red: "#b42318", green: "#15703a", yellow: "#8a5a00", blue: "#1d4ed8", magenta: "#8b2fa8", cyan: "#0e7490",
  white: "#6b7685", brightBlack: "#556070", brightRed: "#c4320a", brightGreen: "#15803d", brightYellow: "#9a6700",
  brightBlue: "#2563eb", brightMagenta: "#a21caf", brightCyan: "#0e7490", brightWhite: "#39424e",
};
const DARK = {
  background: "#0b1016", foreground: "#dbe3ec", cursor: "#2dd4bf", cursorAccent: "#0b1016", selectionBackground: "#24535a",
  black: "#18202a", red: "#ff8a7a", green: "#4ade80", yellow: "#fbbf4d", blue: "#7db0ff", magenta: "#d6a2ff", cyan: "#5eead4",
  white: "#c7d2de", brightBlack: "#7a899c", brightRed: "#ffa99c", brightGreen: "#86efac", brightYellow: "#fcd34d",
  brightBlue: "#a5c8ff", brightMagenta: "#e4c1ff", brightCyan: "#99f6e4", brightWhite: "#ffffff",
};
const SCROLLBACK = 10000;
const DISPOSE_PAUSE = 1000;

let loading = null;

function script(source) {
  return new Promise((resolve, reject) => {
    document.head.append(h("script", { src: source, onload: resolve,
                                       onerror: () => reject(new Error(t("The terminal cannot be loaded."))) }));
  });
}

// The terminal is large, and most pages need none.
function load() {
  loading ??= (async () => {
    document.head.append(h("link", { rel: "stylesheet", href: "/assets/vendor/xterm.css" }));
    await script("/assets/vendor/xterm.js");
    await script("/assets/vendor/addon-fit.js");
  })();
  return loading;
}

// A terminal that fills its box. onkeys gets bytes, onsize (rows, cols), onleave: the keyboard wants to go on to the next control.
export async function makeScreen(box, { onkeys, onsize, onleave, reader }, signal) {
  await load();
  const terminal = new window.Terminal({
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--mono"), fontSize: 14, cursorBlink: true,
    scrollback: SCROLLBACK, theme: isDark() ? DARK : LIGHT, minimumContrastRatio: 4.5, screenReaderMode: reader,
  });
  const fit = new window.FitAddon.FitAddon();
  const encoder = new TextEncoder();
  const paint = () => {
    terminal.options.theme = isDark() ? DARK : LIGHT;
    box.style.setProperty("--screen", terminal.options.theme.background);
  };
  let frame = null;
  let own = true;   // its size is ours to say
  const adapt = () => {
    frame ??= requestAnimationFrame(() => {
      frame = null;
      const size = signal.aborted || !own ? null : fit.proposeDimensions();

      if (!size || !(size.rows > 0) || !(size.cols > 1))
        return;
      terminal.resize(size.cols, size.rows);
      onsize(size.rows, size.cols);
    });
  };

  terminal.loadAddon(fit);
  terminal.open(box);
  terminal.onData(text => onkeys(encoder.encode(text)));
  terminal.onBinary(text => onkeys(Uint8Array.from(text, c => c.charCodeAt(0) & 255)));
  // every other key belongs to the program
  terminal.attachCustomKeyEventHandler(event => {
    if (event.key !== "F6" || !event.shiftKey)
      return true;
    event.preventDefault();
    if (event.type === "keydown")
      onleave();
    return false;
  });
  terminal.textarea.setAttribute("aria-label", t("Terminal"));
  terminal.textarea.setAttribute("aria-describedby", "terminal-keys");
  onTheme(paint, signal);
  paint();
  const observer = new ResizeObserver(adapt);

  observer.observe(box);
  signal.addEventListener("abort", () => {
    observer.disconnect();
    // it still has timers of its own under way, which do not look whether it is gone
    setTimeout(() => terminal.dispose(), DISPOSE_PAUSE);
  });
  adapt();
  return {
    terminal,
    adapt,
    // somebody else says how large it is
    follow(rows, cols) {
      if (!own)
        terminal.resize(cols, rows);
    },
    setOwn(yes) {
      own = yes;
      if (yes)
        adapt();
    },
  };
}
