import type { errorObject } from "./refusal.ts";

/** How the messages of a server stream are put into an HTTP body. */
export interface StreamFraming {
  readonly face: "sse" | "ndjson";
  readonly contentType: string;
  message(json: string): string;
  /** The record that ends every stream; what comes after it, or instead of it, is a broken stream. */
  status(error?: ReturnType<typeof errorObject>): string;
}

/** Server-sent events (HTML living standard, 9.2) for whoever asks for them, else one JSON text a line. */
export function chooseFraming(accept: string | undefined): StreamFraming {
  return accept?.toLowerCase().includes("text/event-stream") ? serverSentEvents : jsonLines;
}

const serverSentEvents: StreamFraming = {
  face: "sse",
  contentType: "text/event-stream",
  message: (json) => `data: ${oneLine(json)}\n\n`,
  status: (error) => `event: status\ndata: ${statusRecord(error)}\n\n`,
};

const jsonLines: StreamFraming = {
  face: "ndjson",
  contentType: "application/x-ndjson",
  message: (json) => `${oneLine(json)}\n`,
  status: (error) => `${statusRecord(error)}\n`,
};

function statusRecord(error: ReturnType<typeof errorObject> | undefined): string {
  return oneLine(JSON.stringify({ status: error ?? { code: "ok" } }));
}

/** JSON allows these raw in strings, but many readers of lines (Python's splitlines among them) split there. */
const lineBreaks = /[\u0085\u2028\u2029]/g;

function oneLine(json: string): string {
  return json.replace(lineBreaks, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
