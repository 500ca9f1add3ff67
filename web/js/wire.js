// SPDX-FileCopyrightText: The Thole authors
// SPDX-License-Identifier: LGPL-2.1-or-later
import { request, send } from "./api.js";
import { t } from "./messages.js";
import { Retry } from "./retry.js";

const HEAD = 9;              // of a binary frame: channel u8, seq u64be
const ACK_BYTES = 65536;
const ACK_PAUSE = 200;
const MOST_INPUT = 1 << 20;  // bytes that wait for a connection
const SHORT_CUT = 60000;     // after which control is still ours

// ends after which there is nothing to come back to
const FINAL = {
  1000: "The program has ended.",
  4410: "The session was removed.",
  4409: "The workload has stopped, and its sessions with it.",
  4403: "You may not attach to this session.",
  4404: "There is no such session.",
  4429: "Too many viewers watch this session.",
  4501: "This workload has no sessions.",
};

function join(parts) {
  const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;

  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function reasonOf(event) {
  try {
    return JSON.parse(event.reason).detail ?? "";
  } catch {
    return event.reason;
  }
}

// One viewer of one session in the dialect thole.v1. It comes back by itself and goes on at the byte, in both directions.
//   handlers: output(bytes, done), screen(bytes), gap(from, to), exit(code, signal), resized(rows, cols), control(held),
//             state("connecting" | "open" | "waiting" | "closed", text)
export class Wire {
  #handlers;
  #path;
  #stop = new AbortController();
  #socket = null;
  #held = null;       // output bytes that were shown; null: nothing yet
  #acked = 0;
  #ackTimer = null;
  #input = [];        // what the program has not taken, and the number of its first byte
  #inputAt = null;
  #inputSize = 0;
  #ready = false;     // what is typed counts
  #control = null;    // and did so when the connection broke
  #cutAt = 0;
  #size = null;

  constructor(id, handlers) {
    this.#path = `/v1/sessions/${id}/attach`;
    this.#handlers = handlers;
    this.#run();
  }

  close() {
    this.#stop.abort();
    clearTimeout(this.#ackTimer);
    this.#socket?.close(1000);
  }

  // FALSE: too much waits already
  input(bytes) {
    if (this.#inputSize + bytes.length > MOST_INPUT)
      return false;
    this.#input.push(bytes);
    this.#inputSize += bytes.length;
    if (this.#ready)
      this.#sendInput(bytes);
    return true;
  }

  resize(rows, cols) {
    this.#size = { rows, cols };
    if (this.#ready)
      this.#say("resize", this.#size);
  }

  take() {
    this.#say("take", {});
  }

  async #run() {
    const retry = new Retry();
    const { signal } = this.#stop;

    while (!signal.aborted) {
      let text;
      let pause = 0;

      this.#handlers.state("connecting", t("Connecting…"));
      try {
        text = await this.#once(retry);
        if (text === null)
          return;
      } catch (problem) {
        if (signal.aborted || this.#isFinal(problem))
          return;
        text = problem.message;
        pause = problem.retryAfter ?? 0;
      }
      if (signal.aborted)
        return;
      this.#handlers.state("waiting", text ? t("Interrupted: %s", text) : t("Interrupted. Connecting again…"));
      await retry.wait(signal, pause);
    }
  }

  #isFinal(problem) {
    if (problem.status !== 403 && problem.status !== 404 && problem.status !== 401)
      return false;
    this.#handlers.state("closed", problem.message);
    return true;
  }

  // One connection to its end: what to tell while it is tried again, or null when it is over for good.
  async #once(retry) {
    // a browser cannot send its credential with a WebSocket
    const { ticket } = await send("POST", "/v1/tickets", { path: this.#path }, { signal: this.#stop.signal });
    const place = location.origin.replace(/^http/, "ws") + this.#path;
    // the daemon may not know yet that our last connection broke
    const take = this.#control && Date.now() - this.#cutAt < SHORT_CUT ? "take=true&" : "";
    const socket = new WebSocket(`${place}?${take}ticket=${encodeURIComponent(ticket)}`, ["thole.v1"]);

    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    return new Promise(resolve => {
      socket.onopen = () => this.#say("resume", this.#held === null ? { from: "snapshot" } : { from_seq: this.#held });
      socket.onmessage = ({ data }) => typeof data === "string" ? this.#text(JSON.parse(data), retry) : this.#output(data);
      socket.onclose = event => {
        this.#ready = false;
        this.#cutAt ||= Date.now();
        resolve(this.#closed(event));
      };
    });
  }

  #closed(event) {
    const detail = reasonOf(event);
    const final = FINAL[event.code];

    if (final === undefined)
      return detail;
    this.#handlers.state("closed", detail && event.code !== 1000 ? `${t(final)} (${detail})` : t(final));
    return null;
  }

  #say(type, members) {
    if (this.#socket?.readyState === WebSocket.OPEN)
      this.#socket.send(JSON.stringify({ schema_version: "1", type, ...members }));
  }

  #sendInput(bytes) {
    this.#socket.send(join([Uint8Array.of(0), bytes]));
  }

  #text(message, retry) {
    switch (message.type) {
    case "resumed":
      retry.reset();
      this.#resumed(message);
      break;
    case "screen":
      this.#held = message.seq;
      this.#handlers.screen(message.data_base64 !== undefined ? Uint8Array.from(atob(message.data_base64), c => c.charCodeAt(0))
                                                              : new TextEncoder().encode(message.data));
      break;
    case "gap":
      this.#held = message.to;
      this.#handlers.gap(message.from, message.to);
      break;
    case "ack":
      this.#taken(message.stdin);
      break;
    case "exit":
      this.#handlers.exit(message.code, message.signal);
      break;
    case "resized":
      this.#handlers.resized(message.rows, message.cols);
      break;
    case "control":
      this.#controlled(message.held);
      break;
    default:
      break;
    }
  }

  // What the program has not taken before the cut is sent once more, from the very byte.
  #resumed({ seq, stdin }) {
    this.#held ??= seq;
    this.#acked = Math.max(this.#acked, seq);
    this.#inputAt ??= stdin;
    this.#taken(stdin);
    this.#inputAt = stdin;
    this.#cutAt = 0;
    this.#handlers.state("open", t("Connected"));
  }

  #controlled(held) {
    const first = held && !this.#ready;

    this.#ready = this.#control = held;
    if (!held) {
      // it is passed over; better now than when nobody expects it any more
      this.#input = [];
      this.#inputSize = 0;
    }
    if (first && this.#inputSize > 0)
      this.#sendInput(join(this.#input));
    if (first && this.#size)
      this.#say("resize", this.#size);
    this.#handlers.control(held);
  }

  #taken(stdin) {
    let left = this.#inputAt === null ? 0 : Math.max(0, stdin - this.#inputAt);

    while (left > 0 && this.#input.length > 0) {
      const first = this.#input[0];
      const part = Math.min(left, first.length);

      this.#inputSize -= part;
      left -= part;
      if (part === first.length)
        this.#input.shift();
      else
        this.#input[0] = first.subarray(part);
    }
    this.#inputAt = this.#inputAt === null ? null : Math.max(this.#inputAt, stdin);
  }

  #output(data) {
    const seq = Number(new DataView(data).getBigUint64(1));
    const bytes = new Uint8Array(data, HEAD);
    const end = seq + bytes.length;

    // what is held already is not shown twice
    if (this.#held !== null && end <= this.#held)
      return;
    const fresh = this.#held !== null && seq < this.#held ? bytes.subarray(this.#held - seq) : bytes;

    this.#held = end;
    // only what is on the screen is acknowledged: a page that cannot follow slows nobody but itself
    this.#handlers.output(fresh, () => this.#ack(end));
  }

  #ack(seq) {
    const tell = () => {
      clearTimeout(this.#ackTimer);
      this.#ackTimer = null;
      this.#say("ack", { seq: this.#shown });
      this.#acked = this.#shown;
    };

    this.#shown = seq;
    if (seq - this.#acked >= ACK_BYTES)
      tell();
    else
      this.#ackTimer ??= setTimeout(tell, ACK_PAUSE);
  }

  #shown = 0;
}

// Ends the program of a session and forgets it.
export function endSession(id) {
  return request("DELETE", `/v1/sessions/${id}`);
}
