import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { AudioService, SpeakRequestSchema } from "../../gen/livellm/v1/audio_service_pb.ts";

// Runs in the browser. The test calls it through `livellmVoice`.

/** The voice services as a page uses them. Requests and events in their JSON form. */
export interface PageVoice {
  /** Has each text spoken, and sends what is spoken, with a pause after each, to a live session in frames of 20 ms. */
  speakAndHear(call: SpeakAndHear): Promise<readonly JsonObject[]>;
}

export interface SpeakAndHear {
  readonly url: string;
  readonly speech: object;
  readonly hearing: object;
  readonly texts: readonly string[];
}

/** µ-law at 8,000 Hz. */
const format = { mimeType: "audio/ulaw", sampleRateHertz: 8000 };
const frameBytes = 160;
const pause = new Uint8Array(8000 * 1.8).fill(0xff);

const pageVoice: PageVoice = {
  async speakAndHear({ url, speech, hearing, texts }) {
    const client = createClient(AudioService, createConnectTransport({ baseUrl: url }));
    const session = openSession(url);
    await session.send({ start: { route: hearing, format, finalOnly: true } });
    for (const text of texts) {
      const request = fromJson(SpeakRequestSchema, { route: speech, text, config: { format } } as JsonValue);
      const { audio } = await client.speak(request);
      for (const piece of [audio, pause]) {
        for (let at = 0; at < piece.length; at += frameBytes) {
          await session.send({ audio: { data: base64(piece.subarray(at, at + frameBytes)) } });
        }
      }
    }
    await session.send({ end: {} });
    return await session.events;
  },
};

function openSession(url: string) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/livellm.v1.TranscriptionService/TranscribeStream`);
  const opened = new Promise((resolve) => socket.addEventListener("open", resolve));
  const events: JsonObject[] = [];
  socket.addEventListener("message", ({ data }: { readonly data: string }) => void events.push(JSON.parse(data)));
  return {
    async send(message: object): Promise<void> {
      await opened;
      socket.send(JSON.stringify(message));
    },
    events: new Promise<readonly JsonObject[]>((resolve) => {
      socket.addEventListener("close", () => resolve(events.filter(({ heartbeat }) => heartbeat === undefined)));
    }),
  };
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

Object.assign(globalThis, { livellmVoice: pageVoice });
