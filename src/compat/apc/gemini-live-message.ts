import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";

/** What a client of the live session says, checked. */
export type LiveMessage =
  | { readonly type: "config"; readonly fields: JsonObject }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "audio"; readonly data: Uint8Array; readonly sampleRateHertz: number }
  | { readonly type: "end-turn" | "interrupt" }
  /** In the old system's words. */
  | { readonly type: "unusable"; readonly kind: "system" | "error"; readonly why: string }
  /** Of a type that this system does not know: passed over, as it was. */
  | { readonly type: "unknown" };

/** What Gemini hears, where a client says no rate. */
export const usualRateHertz = 16_000;

const notBase64 = "Invalid base64 audio payload";
const noBase64 = "Invalid audio payload: expected base64 data";
const notPcm = "Audio requires PCM format - WebM conversion not yet implemented";

/** Reads a message. Never throws: what cannot be used says why. */
export function readLiveMessage(message: string | Uint8Array): LiveMessage {
  const value = parsed(message);
  if (!value) return error("Invalid message: expected a JSON object with a type");
  switch (value.type) {
    case "config":
      return { type: "config", fields: isJsonObject(value.data) ? value.data : value };
    case "text":
    case "message":
      return textIn(value);
    case "audio":
      return audioIn(value.data);
    case "end_turn":
      return { type: "end-turn" };
    case "interrupt":
      return { type: "interrupt" };
    default:
      return typeof value.type === "string" ? { type: "unknown" } : error("Invalid message: expected a type");
  }
}

function parsed(message: string | Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(typeof message === "string" ? message : Buffer.from(message).toString("utf8"));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The text stands in `data`, in its `text`, or, as some documents have it, beside the type. */
function textIn({ data, text }: JsonObject): LiveMessage {
  const found = isJsonObject(data) ? data.text : (data ?? text);
  if (typeof found === "string" && found !== "") return { type: "text", text: found };
  return error("Invalid text payload: expected text");
}

function audioIn(data: JsonValue | undefined): LiveMessage {
  const facts: JsonObject = isJsonObject(data) ? data : { data: data ?? null };
  const base64 = [facts.base64, facts.data, facts.b64].find((one) => typeof one === "string");
  if (!isPcm(facts)) return { type: "unusable", kind: "system", why: notPcm };
  if (typeof base64 !== "string" || base64 === "") return error(noBase64);
  const bytes = decoded(base64);
  return bytes ? { type: "audio", data: bytes, sampleRateHertz: rateOf(facts) } : error(notBase64);
}

/** A `data:` address brings its own type. What says none is taken for PCM. */
function isPcm({ mime_type, mimeType, format, codec, data }: JsonObject): boolean {
  const inAddress = /^data:([^;,]+)/.exec(textOf(data))?.[1];
  const said = textOf(mime_type) || textOf(mimeType) || textOf(format) || textOf(codec) || inAddress || "pcm";
  return /^(audio\/)?(x-|l)?(pcm|16)(16|_?s16(le)?)?(_\d+)?\s*(;.*)?$/i.test(said.trim());
}

/** As `rate=24000` behind the type has it, else as a field says. */
function rateOf({ mime_type, mimeType, sampleRate, sample_rate }: JsonObject): number {
  const inType = /;\s*rate=(\d+)/i.exec(textOf(mime_type) || textOf(mimeType))?.[1];
  const rate = Number(inType ?? sampleRate ?? sample_rate ?? usualRateHertz);
  return Number.isInteger(rate) && rate >= 8000 && rate <= 48_000 ? rate : usualRateHertz;
}

/** Base64 as its standards have it, and nothing else. */
function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  const base64 = text.replace(/^data:[^,]*,/, "").replace(/\s+/g, "");
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(base64) ? new Uint8Array(Buffer.from(base64, "base64")) : undefined;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function error(why: string): LiveMessage {
  return { type: "unusable", kind: "error", why };
}
