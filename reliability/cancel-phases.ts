import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { agentDialects } from "../test/support/agent-dialects.ts";
import { takeLiveSession } from "./endless-session.ts";
import { answerMcp } from "./hanging-mcp.ts";

/** How far a call has come when its caller leaves. */
export type Phase =
  | "connecting"
  | "before the vendor's headers"
  | "before the first part"
  | "mid-stream"
  | "inside an MCP tool";

/** Something that was asked by the gateway, and when its connection was closed, as of `performance.now()`. */
export interface Arrival {
  readonly closed: Promise<number>;
}

/** A vendor of chat completions and of live transcription that never comes to an end, and notes when each of its callers is gone. */
export interface EndlessVendor extends AsyncDisposable {
  readonly url: string;
  /** Resolves when the call with this key has come in. */
  arrival(key: string): Promise<Arrival>;
  /** Exchanges that are not over. */
  open(): number;
}

/** The path says the phase, and the model's name is the key: `/mid-stream/v1/chat/completions`; of tools `/mcp/key`. */
export async function startEndlessVendor(): Promise<EndlessVendor> {
  const arrivals = new Map<string, PromiseWithResolvers<Arrival>>();
  let open = 0;
  const arrivalOf = (key: string) => {
    const known = arrivals.get(key) ?? Promise.withResolvers<Arrival>();
    arrivals.set(key, known);
    return known;
  };
  const server = http.createServer(async (request, response) => {
    open++;
    const closed = new Promise<number>((resolve) => response.once("close", () => resolve(performance.now())));
    void closed.then(() => open--);
    const [, phase = "", key = ""] = decodeURIComponent(request.url ?? "").split("/");
    const body = Buffer.concat(await request.toArray()).toString();
    if (phase === "mcp") {
      if (answerMcp(request, body, response) === "hangs") arrivalOf(key).resolve({ closed });
      return;
    }
    const { model, stream } = JSON.parse(body) as { readonly model: string; readonly stream?: boolean };
    begin(response, phase as Phase, stream ? streamed : whole);
    if (phase !== "inside an MCP tool") arrivalOf(model).resolve({ closed });
  });
  server.on("upgrade", (request, socket) => {
    open++;
    const closed = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now())));
    void closed.then(() => open--);
    arrivalOf(takeLiveSession(request, socket)).resolve({ closed });
  });
  await once(server.listen(0, "127.0.0.1", 4_096), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async arrival(key) {
      const arrival = await arrivalOf(key).promise;
      arrivals.delete(key);
      return arrival;
    },
    open: () => open,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An answer, as far as it comes. */
interface Answer {
  readonly contentType: string;
  readonly beginning: string;
  /** A call of the tool `slow`. */
  readonly toolCall: string;
}

function begin(response: http.ServerResponse, phase: Phase, { contentType, beginning, toolCall }: Answer): void {
  if (phase === "before the vendor's headers") return;
  response.writeHead(200, { "content-type": contentType }).flushHeaders();
  if (phase === "mid-stream") response.write(beginning);
  if (phase === "inside an MCP tool") response.end(toolCall);
}

const firstChunk = {
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  model: "m-1",
  choices: [{ index: 0, delta: { content: "Hello" }, finish_reason: null }],
};

const streamed: Answer = {
  contentType: "text/event-stream",
  beginning: `data: ${JSON.stringify(firstChunk)}\n\n`,
  toolCall: [...(agentDialects["openai-compatible"]?.answer({ calls: [{ name: "slow", args: {} }] }, 1) ?? [])].join(
    "",
  ),
};

const call = { id: "call_1", type: "function", function: { name: "slow", arguments: "{}" } };

const whole: Answer = {
  contentType: "application/json",
  beginning: '{"id": "chatcmpl-1", "choices": [{"message": {"content": "Hel',
  toolCall: JSON.stringify({
    id: "chatcmpl-1",
    model: "m-1",
    choices: [{ index: 0, message: { role: "assistant", tool_calls: [call] }, finish_reason: "tool_calls" }],
  }),
};

/** Takes one connection and says nothing, so that a TLS handshake with it never ends. */
export async function startMuteServer(): Promise<
  AsyncDisposable & { readonly url: string; arrival(): Promise<Arrival> }
> {
  const arrived = Promise.withResolvers<Arrival>();
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined); // `close` follows
    socket.resume();
    const closed = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now())));
    arrived.resolve({ closed });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrival: () => arrived.promise,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
