// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later

const FIRST = 250;
const LONGEST = 8000;

// Pauses between attempts: they double, with chance, so that not all come back at once after a restart of the daemon.
export class Retry {
  constructor() {
    this.reset();
  }

  reset() {
    this.pause = FIRST;
  }

  // Ends early when the network comes back or somebody looks at the page again.
  wait(signal, atLeast = 0) {
    const length = Math.max(atLeast * 1000, this.pause * (0.5 + Math.random() / 2));

    this.pause = Math.min(LONGEST, this.pause * 2);
    return new Promise(resolve => {
      const timer = setTimeout(done, length);

      function done() {
        clearTimeout(timer);
        window.removeEventListener("online", done);
        document.removeEventListener("visibilitychange", seen);
        signal?.removeEventListener("abort", done);
        resolve();
      }
      function seen() {
        if (!document.hidden && atLeast === 0)
          done();
      }
      window.addEventListener("online", done);
      document.addEventListener("visibilitychange", seen);
      signal?.addEventListener("abort", done);
    });
  }
}
