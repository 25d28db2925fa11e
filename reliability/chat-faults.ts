import type { ModelTurn } from "../test/support/agent-dialects.ts";
import { injectDrip, injectGzip, injectSlowBytes, injectSplitCodePoints } from "./byte-faults.ts";
import type { ChatWire } from "./chat-wires.ts";
import { brokenOff, type Injection, nothing, plain, type Truth, typeOf, whole, wholeAnswer } from "./injection.ts";
import type { Random } from "./random.ts";
import type { VendorReply } from "./vendor-reply.ts";

export interface ChatFault {
  readonly name: string;
  /** Undefined where this wire cannot have this fault. */
  inject(wire: ChatWire, random: Random): Injection | undefined;
}

const impatientMs = 600;
const anyError = [
  "unavailable",
  "internal",
  "invalid_argument",
  "failed_precondition",
  "resource_exhausted",
  "not_found",
] as const;
const either: Truth = { answer: true, errors: brokenOff, nothingSent: false };
const json = { "content-type": "application/json" };
const usageField = /,"(usage|usageMetadata)":\{[^{}]*\}|,"(prompt_eval_count|eval_count)":\d+/g;
const emptyArguments = /"(arguments|partial_json)":"\{\}"/g;
const twoCalls = [
  { name: "look", args: { at: "the sky" } },
  { name: "listen", args: { to: "the sea" } },
];

/** The fault catalogue of the goals, as far as it is about chat over HTTP. */
export const chatFaults: readonly ChatFault[] = [
  elsewhere("connection refused", () => "http://127.0.0.1:1"),
  elsewhere("name not found", () => "http://vendor.invalid"),
  elsewhere("TLS failure", (port) => `https://127.0.0.1:${port}`),
  status(401, "failed_precondition"),
  status(403, "failed_precondition"),
  status(429, "resource_exhausted"),
  status(429, "resource_exhausted", { "retry-after": "3" }),
  contextTooLong(),
  ...[500, 502, 503, 529].map((code) => status(code, "unavailable")),
  before("200 with an error body", (wire) => ({ headers: json, chunks: [wire.refusal("No such thing")] }), anyError),
  before("200 with a page", () => ({ headers: { "content-type": "text/html" }, chunks: ["<html>Hello</html>\n"] })),
  before("200 with nothing", (wire) => ({ headers: typeOf(wire), chunks: [] })),
  before("200 with garbage", (wire, random) => ({ headers: typeOf(wire), chunks: [random.bytes(3_000)] })),
  before("error as first event", (wire) => ({ headers: typeOf(wire), chunks: [wire.errorFirst] }), anyError),
  silence("no headers", () => ({ head: false })),
  silence("headers then silence", (wire) => ({ headers: typeOf(wire) })),
  silence("an endless flood of pings", (wire) => ({
    headers: typeOf(wire),
    chunks: Array.from({ length: 300 }, () => wire.noise),
    everyMs: 20,
  })),
  before("reset before the head", () => ({ head: false, ending: "reset" })),
  before("reset after the head", (wire) => ({ headers: typeOf(wire), ending: "reset" })),
  firstPartThenSilence(),
  ...(["end", "close", "reset"] as const).flatMap((ending) => [cutInside(ending), cutBetween(ending)]),
  { name: "clean end without the terminal event", inject: (wire) => injectCut(wire, bytesBeforeTerminal(wire), "end") },
  terminalWithoutReason(),
  changed("finish without usage", (text) => text.replace(usageField, ""), whole),
  { name: "usage after finish", inject: injectAfterglow },
  toolCalls("duplicate tool index", twoCalls, sameIndex, either),
  toolCalls("tool arguments split inside an escape", [{ name: "look", args: { '\n\u{1f600}"': "\\ü\n" } }]),
  toolCalls("empty arguments", [{ name: "look", args: {} }], (text) => text.replace(emptyArguments, '"$1":""')),
  { name: "comment and ping flood", inject: injectFlood },
  changed("CRLF", (text) => text.replaceAll("\n", "\r\n"), whole),
  changed(
    "lone CR",
    (text) => text.replaceAll("\n", "\r"),
    whole,
    (wire) => wire.isEventStream,
  ),
  changed("BOM", (text) => `\ufeff${text}`, whole),
  { name: "code point split across reads", inject: injectSplitCodePoints },
  { name: "one 2 MB line", inject: (wire) => wholeAnswer(wire, { text: "x".repeat(2_000_000) }) },
  { name: "truncated gzip", inject: (wire, random) => injectGzip(wire, random.whole(60) / 100 + 0.1) },
  { name: "whole gzip", inject: (wire) => injectGzip(wire, 1) },
  { name: "one byte per second", inject: injectDrip },
  { name: "one byte at a time", inject: injectSlowBytes },
  { name: "clock jump", inject: (wire) => ({ ...wholeAnswer(wire, plain, { everyMs: 3 }), jumpsClock: true }) },
];

function elsewhere(name: string, address: (port: number) => string): ChatFault {
  return { name, inject: () => ({ turn: plain, truth: nothing("unavailable"), address }) };
}

function status(code: number, error: string, headers: Readonly<Record<string, string>> = {}): ChatFault {
  return {
    name: headers["retry-after"] ? `${code} with Retry-After` : String(code),
    inject: (wire) => ({
      turn: plain,
      truth: { ...nothing(error), ...(headers["retry-after"] && { retryAfter: `${headers["retry-after"]}s` }) },
      reply: { status: code, headers: { ...json, ...headers }, chunks: [wire.refusal("That is not possible")] },
    }),
  };
}

function contextTooLong(): ChatFault {
  const message = "This model's maximum context length is 8192 tokens: prompt is too long";
  return {
    name: "400 context too long",
    inject: (wire) => ({
      turn: plain,
      truth: nothing("invalid_argument"),
      reply: { status: 400, headers: json, chunks: [wire.refusal(message)] },
    }),
  };
}

/** A fault that leaves nothing of an answer. */
function before(
  name: string,
  reply: (wire: ChatWire, random: Random) => VendorReply,
  errors: readonly string[] = brokenOff,
): ChatFault {
  return {
    name,
    inject: (wire, random) => ({ turn: plain, truth: nothing(...errors), reply: reply(wire, random) }),
  };
}

function silence(name: string, reply: (wire: ChatWire) => VendorReply): ChatFault {
  return {
    name,
    inject: (wire) => ({
      turn: plain,
      truth: nothing("unavailable"),
      reply: { ...reply(wire), ending: "hang" },
      patienceMs: impatientMs,
    }),
  };
}

function firstPartThenSilence(): ChatFault {
  return {
    name: "first part then silence",
    inject: (wire) => {
      const pieces = wire.pieces(plain);
      const chunks = pieces.slice(
        0,
        pieces.findIndex((piece) => piece.includes("word1")),
      );
      const reply = { headers: typeOf(wire), chunks, ending: "hang" as const };
      return { turn: plain, truth: cutTruth(wire, chunks.join("").length), reply, patienceMs: impatientMs };
    },
  };
}

function cutInside(ending: "end" | "close" | "reset"): ChatFault {
  return {
    name: `cut inside JSON by ${ending}`,
    inject: (wire, random) => injectCut(wire, 1 + random.whole(wire.pieces(plain).join("").length - 2), ending),
  };
}

function cutBetween(ending: "end" | "close" | "reset"): ChatFault {
  return {
    name: `cut between events by ${ending}`,
    inject: (wire, random) => {
      const pieces = wire.pieces(plain);
      return injectCut(wire, pieces.slice(0, random.whole(pieces.length)).join("").length, ending);
    },
  };
}

function bytesBeforeTerminal(wire: ChatWire): number {
  const pieces = wire.pieces(plain);
  return pieces.slice(0, pieces.findIndex(wire.isTerminal)).join("").length;
}

function injectCut(wire: ChatWire, length: number, ending: "end" | "close" | "reset"): Injection {
  const sent = wire.pieces(plain).join("").slice(0, length);
  const middle = Math.floor(sent.length / 2);
  const chunks = [sent.slice(0, middle), sent.slice(middle)].filter((chunk) => chunk !== "");
  // A reset overtakes what was written just before it: with a pause the gateway has read that.
  const everyMs = ending === "reset" ? 10 : 0;
  return { turn: plain, truth: cutTruth(wire, length), reply: { headers: typeOf(wire), chunks, ending, everyMs } };
}

/** What is true after so many characters of the plain answer; an event counts as sent without its last line ends. */
function cutTruth(wire: ChatWire, length: number): Truth {
  let at = 0;
  let [output, terminal] = [false, false];
  for (const piece of wire.pieces(plain)) {
    if (at + piece.trimEnd().length > length) break;
    at += piece.length;
    output ||= piece.includes("word0");
    terminal ||= wire.isTerminal(piece);
  }
  return { answer: terminal, errors: brokenOff, nothingSent: !output };
}

function changed(
  name: string,
  change: (text: string, wire: ChatWire) => string,
  truth: Truth,
  fits: (wire: ChatWire) => boolean = () => true,
): ChatFault {
  return {
    name,
    inject: (wire) => {
      if (!fits(wire)) return undefined;
      const text = change(wire.pieces(plain).join(""), wire);
      return { turn: plain, truth, reply: { headers: typeOf(wire), chunks: [text] } };
    },
  };
}

/** By kind: whether an answer is whole without its reason is the protocol's to say. */
function terminalWithoutReason(): ChatFault {
  const reason = /"(finish_reason|stop_reason)":"\w+"|,"(finishReason|done_reason)":"\w+"/g;
  const without = (text: string) => text.replace(reason, (_, nulled) => (nulled ? `"${nulled}":null` : ""));
  return {
    name: "terminal event without a finish reason",
    inject: (wire) => {
      const text = without(wire.pieces(plain).join(""));
      const isProven = /message_stop|response\.completed|"done":true/.test(text);
      const truth = { ...either, answer: isProven };
      return { turn: plain, truth, reply: { headers: typeOf(wire), chunks: [text] } };
    },
  };
}

/** The event with the counts comes again after the end. */
function injectAfterglow(wire: ChatWire): Injection {
  const pieces = wire.pieces(plain);
  const again = pieces.findLast((piece) => /usage|eval_count/i.test(piece)) ?? "";
  return wholeAnswer(wire, plain, { chunks: [...pieces, again] });
}

/** The second call says that it is the first. */
function sameIndex(text: string): string {
  return text.replace(/("tool_calls":\[\{"index"|"output_index"|"function":\{"index"|"index"):1/g, "$1:0");
}

function toolCalls(
  name: string,
  calls: NonNullable<ModelTurn["calls"]>,
  change: (text: string) => string = (text) => text,
  truth: Truth = whole,
): ChatFault {
  const turn = { calls };
  return {
    name,
    inject: (wire) => {
      const text = change(wire.pieces(turn).join(""));
      return { turn, truth, reply: { headers: typeOf(wire), chunks: [text] } };
    },
  };
}

function injectFlood(wire: ChatWire): Injection {
  const flood = wire.noise.repeat(500);
  return wholeAnswer(wire, plain, { chunks: wire.pieces(plain).map((piece) => flood + piece) });
}
