import type { LivellmError } from "../../core/error.ts";
import type { UpstreamHead } from "../../core/upstream.ts";
import { unreadableAnswer } from "./broken-stream.ts";

/** An answer whose body should be audio. */
export type AudioAnswer = UpstreamHead & { readonly bytes: AsyncIterable<Uint8Array> };

/**
 * Some servers, and the proxies before them, answer 200 with an error in it: text in place of audio is never handed out.
 * `read` gets the body, parsed where it is JSON, and says what error it is, if it can tell.
 */
export async function refuseOtherContent(
  answer: AudioAnswer,
  read: (said: unknown) => LivellmError | undefined,
): Promise<void> {
  const type = answer.headers["content-type"]?.toString() ?? "";
  if (!/^(application\/json|text\/)/i.test(type)) return;
  throw read(parse(await collectText(answer.bytes))) ?? unreadableAnswer(`${type} instead of audio`);
}

async function collectText(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) if (pieces.push(piece) >= 16) break;
  return Buffer.concat(pieces).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
