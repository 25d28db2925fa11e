import { type FakeServer, type FakeSession, type Message, startFakeServer } from "../support/fake-sessions.ts";
import { startVendor, type VendorAnswer, type VendorServer } from "../support/vendor-server.ts";
import { content } from "./old-surface-calls.ts";

type Call = VendorServer["calls"][number];
type Answer = (call: Call) => VendorAnswer;

const jsonType = { "content-type": "application/json" };
const json = (status: number, value: object): VendorAnswer => ({
  status,
  headers: jsonType,
  body: [JSON.stringify(value)],
});

/** What vendors do with what they are sent. The words of a refusal are handed on, so it repeats the secrets alone. */
export const behaviours = {
  "answers well": answerWell,
  "repeats the key in a 401": ({ headers }) => json(401, { error: { message: `bad key ${headers.authorization}` } }),
  "repeats every header in a 500": ({ headers }) => json(500, { error: { message: JSON.stringify(headers) } }),
  "repeats everything in place of JSON": (call) => ({ headers: jsonType, body: [everythingSaid(call)] }),
  "repeats everything in an event": (call) => ({ body: [`data: ${everythingSaid(call)}\n\n`] }),
  "breaks off in the middle": () => ({ body: [chunk({ content: content.answer }, null)], ending: "reset" }),
  "hangs up at once": () => ({ ending: "reset" }),
} satisfies Readonly<Record<string, Answer>>;

export type Behaviour = keyof typeof behaviours;

/** Begins with what must not be seen: some errors quote where a text begins. */
function everythingSaid({ headers, body }: Call): string {
  return `${content.prompt} ${JSON.stringify(headers)} ${body}`;
}

function answerWell({ path, body }: Call): VendorAnswer {
  if (path.endsWith("/models")) return json(200, { data: [{ id: "m-1" }] });
  if (path.endsWith("/audio/speech")) return { headers: { "content-type": "audio/pcm" }, body: [Buffer.alloc(4_800)] };
  if (path.endsWith("/audio/transcriptions")) return json(200, { text: content.transcript, language: "english" });
  if (body.includes('"stream":true')) {
    return { body: [chunk({ content: content.answer }, null), chunk({}, "stop"), "data: [DONE]\n\n"] };
  }
  const message = { role: "assistant", content: content.answer };
  return json(200, { id: "c", model: "m-1", choices: [{ index: 0, message, finish_reason: "stop" }] });
}

function chunk(delta: object, finish_reason: string | null): string {
  return `data: ${JSON.stringify({ id: "c", model: "m-1", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
}

/** Vendors of HTTP and of Gemini's live sessions, which behave alike. */
export interface Vendors extends AsyncDisposable {
  readonly http: VendorServer;
  readonly live: FakeServer;
  behave(behaviour: Behaviour): void;
}

export async function startVendors(): Promise<Vendors> {
  const http = await startVendor();
  let current: Behaviour = "answers well";
  const live = await startFakeServer({
    refuse: (url, headers) => {
      if (current === "answers well" || current === "breaks off in the middle") return undefined;
      return { status: 401, body: JSON.stringify({ error: { message: `bad key ${url} ${JSON.stringify(headers)}` } }) };
    },
    serve: (session) => (message) => converse(session, message, current === "answers well"),
  });
  return {
    http,
    live,
    behave(behaviour) {
      current = behaviour;
      http.answerWith(behaviours[behaviour]);
    },
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]();
      await live[Symbol.asyncDispose]();
    },
  };
}

/** Answers the first text, or closes with the key in its reason. */
function converse(session: FakeSession, message: Message, isWell: boolean): void {
  const { setup, clientContent } = message;
  if (setup !== undefined) session.send({ setupComplete: {} });
  else if (clientContent !== undefined && isWell) {
    session.send({ serverContent: { modelTurn: { parts: [{ text: content.answer }] } } });
    session.send({ serverContent: { turnComplete: true } });
  } else if (clientContent !== undefined) {
    session.close(1008, `bad key ${String(session.headers["x-goog-api-key"] ?? session.url.search)}`);
  }
}
