import type { HttpResponse } from "./http.ts";
import { sendBytes, sendStream } from "./respond.ts";
import type { SpokenAudio } from "./speech.ts";

/** Audio as the body; clients look for the rate in a header. */
export function sendAudio(response: HttpResponse, { audio, mimeType, sampleRate }: SpokenAudio): void {
  response.setHeader("x-sample-rate", sampleRate);
  sendBytes(response, 200, mimeType, audio);
}

/** Audio as it is made. A failure in the middle cuts the body off: bytes of audio have no room for a word. */
export async function sendAudioStream(response: HttpResponse, pieces: AsyncGenerator<SpokenAudio>): Promise<void> {
  const first = await pieces.next();
  if (first.done) throw new RangeError("speech has at least one piece");
  const { mimeType, sampleRate } = first.value;
  const headers = { "content-type": mimeType, "x-sample-rate": String(sampleRate), "cache-control": "no-cache" };
  await sendStream(response, withFirst(first.value, pieces), { headers, item: ({ audio }) => audio });
}

async function* withFirst<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined).catch(() => undefined);
  }
}
