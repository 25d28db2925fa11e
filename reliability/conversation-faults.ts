import type { FakeSession, Message } from "../test/support/fake-sessions.ts";
import type { ConversationWire } from "./conversation-wires.ts";

/** A session of the vendor's at the moment in which it goes wrong. */
export interface Struck {
  readonly session: FakeSession;
  readonly wire: ConversationWire;
  /** What it would have said, and the end of that; nothing before it has accepted the conversation. */
  readonly pieces: readonly Message[];
  readonly end: readonly Message[];
}

/** One way in which a conversation goes wrong. */
export interface ConversationFault {
  readonly name: string;
  /** An address that is no vendor's. */
  readonly address?: string;
  /** The handshake is answered with this status. */
  readonly refusal?: number;
  /** The handshake is taken, and nothing is ever said. */
  readonly mute?: boolean;
  /** What is done in place of accepting the conversation. */
  readonly atOpening?: (struck: Struck) => void;
  /** What is done in place of one of the answers. */
  readonly inAnswer?: (struck: Struck) => void;
  /** The codes that would be true; none: everything has to come. */
  readonly errors: readonly string[];
  /** Whether this wire has it. */
  readonly fits?: (wire: ConversationWire) => boolean;
}

const brokenOff = ["unavailable", "internal"];
/** What has been accepted is nobody else's any more, whatever it breaks off with. */
const afterAcceptance = ["unavailable"];
const megabytes = 2 * 2 ** 20;

function say(session: FakeSession, messages: readonly (Message | string)[]): void {
  for (const message of messages) session.send(message);
}

function half(pieces: readonly Message[]): readonly Message[] {
  return pieces.slice(0, Math.ceil(pieces.length / 2));
}

type Blow = (struck: Struck) => void;

const blows: readonly (readonly [name: string, blow: Blow, errors: readonly string[]])[] = [
  ["WebSocket closed 1000", ({ session }) => session.close(1000), brokenOff],
  ["WebSocket closed 1011", ({ session }) => session.close(1011, "server error"), brokenOff],
  ["WebSocket cut", ({ session }) => session.cut(), brokenOff],
  ["an error", ({ session, wire }) => session.send(wire.failure), brokenOff],
  ["an error of too many requests", ({ session, wire }) => session.send(wire.tooMany), ["resource_exhausted"]],
  ["a message cut inside its JSON", ({ session, wire }) => session.send(cutShort(wire.failure)), ["internal"]],
  ["a message that is a list", ({ session }) => session.send("[]"), ["internal"]],
];

function cutShort(message: Message): string {
  const text = JSON.stringify(message);
  return text.slice(0, text.length / 2);
}

/** Where an answer is hit: how much of it has been said before. */
const places: readonly (readonly [name: string, before: (struck: Struck) => readonly Message[]])[] = [
  ["before an answer", () => []],
  ["in the middle of an answer", ({ pieces }) => half(pieces)],
  ["before the end of an answer", ({ pieces }) => pieces],
];

/** The part of the catalogue that is about conversations. */
export const conversationFaults: readonly ConversationFault[] = [
  { name: "none", errors: [] },
  { name: "connection refused", address: "http://127.0.0.1:1", errors: ["unavailable"] },
  { name: "name not found", address: "http://vendor.invalid", errors: ["unavailable"] },
  { name: "handshake refused with 401", refusal: 401, errors: ["failed_precondition"] },
  { name: "handshake refused with 404", refusal: 404, errors: ["not_found"] },
  { name: "handshake refused with 429", refusal: 429, errors: ["resource_exhausted"] },
  { name: "handshake refused with 503", refusal: 503, errors: ["unavailable"] },
  { name: "mute after the handshake", mute: true, errors: ["unavailable"] },
  ...blows.map(([name, atOpening, errors]) => ({ name: `${name} in place of the opening`, atOpening, errors })),
  ...places.flatMap(([place, before]) =>
    blows.map(([name, blow]) => ({
      name: `${name} ${place}`,
      errors: afterAcceptance,
      inAnswer: (struck: Struck) => {
        say(struck.session, before(struck));
        blow(struck);
      },
    })),
  ),
  ...places.map(([place, before]) => ({
    name: `silence ${place}`,
    errors: afterAcceptance,
    inAnswer: (struck: Struck) => say(struck.session, before(struck)),
  })),
  {
    name: "a flood of what means nothing",
    errors: [],
    inAnswer: ({ session, wire, pieces, end }) =>
      say(session, [
        ...half(pieces),
        ...Array<Message>(5_000).fill(wire.unknown),
        ...pieces.slice(half(pieces).length),
        ...end,
      ]),
  },
  {
    name: "messages of 2 MB",
    errors: [],
    inAnswer: ({ session, pieces, end }) => {
      const padding = "x".repeat(megabytes);
      say(session, [...pieces.map((piece, i) => (i === 2 ? { ...piece, padding } : piece)), ...end]);
    },
  },
  {
    name: "an end without usage",
    errors: [],
    inAnswer: ({ session, wire, pieces }) => say(session, [...pieces, ...wire.end(false)]),
  },
  {
    name: "the socket let go of between answers",
    errors: [],
    fits: ({ movesOn }) => movesOn !== undefined,
    inAnswer: ({ session, wire, pieces, end }) => {
      say(session, [...pieces, ...end, ...(wire.movesOn ?? [])]);
      session.close(1000);
    },
  },
];
