import type { LiveSession } from "./live-vendors.ts";

/** One way in which a live session goes wrong. */
export interface LiveFault {
  readonly name: string;
  /** What is done to the vendor's session when it has heard half; undefined: nothing. */
  readonly strike?: (session: LiveSession) => void;
  /** An address that is no vendor's. */
  readonly address?: string;
  /** The handshake is answered with this status. */
  readonly refusal?: number;
  /** The handshake is taken, and nothing is ever said. */
  readonly mute?: boolean;
  /** The rate of the client's audio, where it is not the usual one: no vendor takes it as it is. */
  readonly sampleRateHertz?: number;
  /** The codes that would be true when there is no other target; none: the whole text has to come. */
  readonly errors: readonly string[];
  /** Whether the client's audio comes with empty pieces in between. */
  readonly emptyPieces?: boolean;
}

const brokenOff = ["unavailable", "internal"];

/** The part of the catalogue that is about live sessions. */
export const liveFaults: readonly LiveFault[] = [
  { name: "none", errors: [] },
  { name: "connection refused", address: "http://127.0.0.1:1", errors: ["unavailable"] },
  { name: "name not found", address: "http://vendor.invalid", errors: ["unavailable"] },
  { name: "handshake refused with 401", refusal: 401, errors: ["failed_precondition"] },
  { name: "handshake refused with 429", refusal: 429, errors: ["resource_exhausted"] },
  { name: "handshake refused with 503", refusal: 503, errors: ["unavailable"] },
  { name: "mute after the handshake", mute: true, errors: ["unavailable"] },
  { name: "audio at an unexpected rate", sampleRateHertz: 11_025, errors: [] },
  { name: "audio at 48 kHz", sampleRateHertz: 48_000, errors: [] },
  { name: "WebSocket closed 1000 mid-utterance", strike: (session) => session.close(1000), errors: brokenOff },
  { name: "WebSocket closed 1011", strike: (session) => session.close(1011, "server error"), errors: brokenOff },
  { name: "WebSocket cut", strike: (session) => session.cut(), errors: brokenOff },
  { name: "zero-length audio", emptyPieces: true, errors: [] },
];
