import { once } from "node:events";
import { WebSocket } from "ws";

/** For nobody but whom they are sent to. Made so that nothing but knowing them would hide them. */
export const secrets = {
  administrator: "canary-administrator-token-7d20",
  strangersToken: "canary-strangers-token-e881",
  configuredKey: "canary-configured-key-51c2",
  liveKey: "canary-live-key-2fd0",
  environmentKey: "canary-environment-key-3b07",
  headerKey: "canary-x-api-key-a9f4",
  addressPassword: "canary-address-password-0c66",
  toolHeader: "canary-tool-header-c402",
  redisPassword: "canary-redis-password-b7d1",
};

/** What callers say and hear. */
export const content = {
  prompt: "canary-prompt-19e7",
  systemPrompt: "canary-system-prompt-5fa0",
  answer: "canary-answer-e2b8",
  speech: "canary-speech-0d3c",
  transcript: "canary-transcript-8e15",
  audio: "canary-audio-6b95-",
};

/** Something that an old client does; resolves with all that it was told. */
export interface OldCall {
  readonly what: string;
  /** Whether a vendor that answers well makes it succeed. */
  readonly succeeds: boolean;
  make(): Promise<string>;
}

const basic = `Basic ${Buffer.from(`anyone:${secrets.administrator}`).toString("base64")}`;
const audio = Buffer.from(content.audio.repeat(200));
const messages = [{ role: "user", content: content.prompt }];

/** Every call of the four surfaces, as their clients make it. `vendorUrl` is OpenAI's protocol's. */
export function oldCalls(url: string, vendorUrl: string): readonly OldCall[] {
  return [...livellmCalls(url), ...v1Calls(url, vendorUrl), ...chatCalls(url), ...apcCalls(url)];
}

/** Whatever refuses a WebSocket is a refusal, whose words are handed on, whatever they are. */
export const handshakeRefused = "livellm: a live transcription that is refused";

function livellmCalls(url: string): readonly OldCall[] {
  const ask = { provider_uid: "kept", model: "m-1", messages };
  const fallback = { requests: [{ ...ask, provider_uid: "closed" }, ask], strategy: "sequential" };
  const speak = { provider_uid: "kept", model: "m-1", text: content.speech, voice: "v", ...pcm };
  const file = ["a.pcm", audio.toString("base64"), "audio/pcm"];
  const write = { provider_uid: "kept", model: "m-1", file };
  const at = (path: string) => `${url}/livellm${path}`;
  return [
    post("livellm: a run", at("/agent/run"), ask),
    post("livellm: a run with history", at("/agent/run"), { ...ask, include_history: true }),
    post("livellm: a stream", at("/agent/run_stream"), ask),
    post("livellm: a stream of deltas", at("/agent/run_stream?delta=1"), ask),
    post("livellm: fallback", at("/agent/run"), fallback),
    post("livellm: a stream with fallback", at("/agent/run_stream"), fallback),
    post("livellm: speech", at("/audio/speak"), speak),
    post("livellm: a stream of speech", at("/audio/speak_stream"), speak),
    post("livellm: a recording in JSON", at("/audio/transcribe_json"), write),
    form("livellm: a recording", at("/audio/transcribe"), { provider_uid: "kept", model: "m-1" }),
    multiplexed(`${url}/livellm/ws`, {
      agent_run: ask,
      agent_run_stream: ask,
      audio_speak: speak,
      audio_transcribe: write,
    }),
    liveTranscription(`${url}/livellm/ws/transcription`, "kept"),
    {
      ...failing(liveTranscription(`${url}/livellm/ws/transcription`, "refusing")),
      what: handshakeRefused,
    },
    failing(post("livellm: a tool's server", at("/agent/run"), { ...ask, tools: [toolAt(`${url}/nowhere`)] })),
  ];
}

const pcm = { mime_type: "audio/pcm", sample_rate: 24_000 };
const toolHeaders = { authorization: `Bearer ${secrets.toolHeader}` };
const toolAt = (url: string) => ({ kind: "mcp_streamable_server", url, kwargs: { headers: toolHeaders } });

const closedPort = `http://user:${secrets.addressPassword}@127.0.0.1:1/v1`;

function v1Calls(url: string, vendorUrl: string): readonly OldCall[] {
  const headers = { "x-provider": "openai", "x-api-key": secrets.headerKey, "x-base-url": vendorUrl };
  const ask = { model: "m-1", messages };
  const speak = { model: "m-1", text: content.speech, voice: "v", output_format: "pcm" };
  const withPassword = vendorUrl.replace("://", `://user:${secrets.addressPassword}@`);
  return [
    post("v1: a run", `${url}/agent/run`, ask, headers),
    post("v1: a stream", `${url}/agent/run_stream`, ask, headers),
    post("v1: speech", `${url}/audio/speak`, speak, headers),
    post("v1: a stream of speech", `${url}/audio/speak_stream`, speak, headers),
    form("v1: a recording", `${url}/audio/transcribe`, { model: "m-1" }, headers),
    failing(post("v1: a closed port", `${url}/agent/run`, ask, { ...headers, "x-base-url": closedPort })),
    failing(post("v1: metadata", `${url}/agent/run`, ask, { ...headers, "x-base-url": "http://169.254.169.254/v1" })),
    failing(post("v1: a password in the address", `${url}/agent/run`, ask, { ...headers, "x-base-url": withPassword })),
  ];
}

function chatCalls(url: string): readonly OldCall[] {
  return [
    post("chat: a stream", `${url}/chat/groq`, { messages }),
    get("chat: its provider's health", `${url}/health/groq`),
    get("chat: health", `${url}/health`),
    failing(get("chat: a failure that was asked for", `${url}/sentry-debug`)),
  ];
}

function apcCalls(url: string): readonly OldCall[] {
  const ask = { model: "kept/m-1", messages, system_instruction: content.systemPrompt };
  return [
    post("apc: a completion", `${url}/api/chat/completions`, ask),
    post("apc: a stream", `${url}/api/chat/completions`, { ...ask, stream: true }),
    get("apc: models", `${url}/api/models`),
    live(`${url}/api/gemini/ws`),
  ];
}

const failing = (call: OldCall): OldCall => ({ ...call, succeeds: false });

function post(what: string, url: string, body: object, headers: Readonly<Record<string, string>> = {}): OldCall {
  const all = { "content-type": "application/json", authorization: basic, ...headers };
  return { what, succeeds: true, make: () => told(url, { method: "POST", headers: all, body: JSON.stringify(body) }) };
}

function get(what: string, url: string): OldCall {
  return { what, succeeds: true, make: () => told(url, { headers: { authorization: basic } }) };
}

function form(what: string, url: string, fields: object, headers: Readonly<Record<string, string>> = {}): OldCall {
  const body = () => {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, String(value));
    data.append("file", new Blob([audio], { type: "audio/pcm" }), "a.pcm");
    return data;
  };
  const all = { authorization: basic, ...headers };
  return { what, succeeds: true, make: () => told(url, { method: "POST", headers: all, body: body() }) };
}

/** The status, the headers and the body of an answer; a body that is cut off counts as far as it came. */
export async function told(url: string, init: RequestInit): Promise<string> {
  const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(10_000), ...init });
  const head = `${response.status} ${JSON.stringify([...response.headers])}\n`;
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
  } catch {
    chunks.push(Buffer.from("\n(cut off)"));
  }
  return head + Buffer.concat(chunks).toString("latin1");
}

/** All its actions on one socket, each a session of its own. */
function multiplexed(url: string, actions: Readonly<Record<string, object>>): OldCall {
  const sessions = Object.entries(actions).map(([action, payload]) => ({ session_id: action, action, payload }));
  const terminal = /"status":"(success|error)"/;
  return {
    what: "livellm: the multiplexed socket",
    succeeds: true,
    make: () =>
      conversation(url, sessions, (replies) => replies.filter((one) => terminal.test(one)).length >= sessions.length),
  };
}

function liveTranscription(url: string, provider_uid: string): OldCall {
  const start = { provider_uid, model: "m-1", input_sample_rate: 16_000 };
  const sent = [start, { audio: audio.toString("base64") }, { end: true }];
  return { what: "livellm: a live transcription", succeeds: true, make: () => conversation(url, sent, () => false) };
}

/** Ends when the answer has been told, or with the error. */
function live(url: string): OldCall {
  const config = { type: "config", data: { system_instruction: content.systemPrompt, events: true } };
  const sent = [config, { type: "text", data: content.prompt }];
  const isOver = (replies: readonly string[]) => replies.some((one) => one.includes('"turn_complete"'));
  return { what: "apc: a live session", succeeds: true, make: () => conversation(url, sent, isOver) };
}

/** Says all at once; what was said back until it is over, or the server has closed, with the close's reason. */
async function conversation(
  url: string,
  sent: readonly object[],
  isOver: (replies: readonly string[]) => boolean,
): Promise<string> {
  // The token where these clients have it: in the address.
  const socket = new WebSocket(url.replace("http://", `ws://anyone:${secrets.administrator}@`));
  const replies: string[] = [];
  const closed = new Promise<string>((resolve) => socket.once("close", (_, reason) => resolve(String(reason))));
  socket.on("message", (data) => {
    replies.push(String(data));
    if (isOver(replies)) socket.terminate();
  });
  await once(socket, "open");
  for (const message of sent) socket.send(JSON.stringify(message));
  replies.push(await closed);
  return replies.join("\n");
}
