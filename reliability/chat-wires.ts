import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type AgentDialect, agentDialects, type ModelTurn } from "../test/support/agent-dialects.ts";

/** How a kind of provider answers, as far as it takes to break it. */
export interface ChatWire {
  readonly kind: string;
  readonly basePath: string;
  /** The path of a streamed call. */
  readonly path: RegExp;
  readonly contentType: string;
  /** A whole streamed answer, event by event. */
  pieces(turn: ModelTurn): readonly string[];
  /** Whether this event says that the answer is whole. */
  isTerminal(piece: string): boolean;
  /** The body of an HTTP error. */
  refusal(message: string): string;
  /** A stream that begins with an error, as the vendor sends it. */
  readonly errorFirst: Buffer;
  /** Something without meaning between two events: a comment, a ping or an empty line. */
  readonly noise: string;
  readonly isEventStream: boolean;
}

/** By kind: what ends an answer. `[DONE]` alone ends nothing (contract, "Settled once"). */
const terminals: Readonly<Record<string, RegExp>> = {
  openai: /"type":"response\.completed"/,
  anthropic: /"type":"message_stop"/,
  google: /"finishReason":"/,
  ollama: /"done":true/,
};

/** A finish reason that is not null. */
const completionTerminal = /"finish_reason":"/;

/** Every kind that chats over HTTP. */
export const chatWires: readonly ChatWire[] = Object.entries(agentDialects).map(([kind, dialect]) =>
  createWire(kind, dialect),
);

function createWire(kind: string, dialect: AgentDialect): ChatWire {
  const terminal = terminals[kind] ?? completionTerminal;
  const isEventStream = dialect.contentType === "text/event-stream";
  return {
    kind,
    basePath: dialect.basePath,
    path: dialect.path,
    contentType: dialect.contentType,
    pieces: (turn) => [...dialect.answer(turn, 1)],
    isTerminal: (piece) => terminal.test(piece),
    refusal: (message) => JSON.stringify(dialect.error(message)),
    errorFirst: readErrorFirst(kind),
    noise: isEventStream ? noiseOf(kind) : "\n",
    isEventStream,
  };
}

function noiseOf(kind: string): string {
  return kind === "anthropic" ? 'event: ping\ndata: {"type":"ping"}\n\n' : ": keep-alive\n\n";
}

function readErrorFirst(kind: string): Buffer {
  const folder = path.join(import.meta.dirname, "../test/fixtures", kind);
  const name = readdirSync(folder).find((file) => file.startsWith("error-first."));
  if (!name) throw new Error(`there is no error-first fixture of ${kind}`);
  return readFileSync(path.join(folder, name));
}
