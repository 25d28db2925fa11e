import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

/** One request that the gateway has made, and its answer, which the test gives step by step. */
export interface VendorCall {
  readonly path: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  /** Sends the head of a stream of events. */
  begin(): void;
  /** Sends one event; false when the connection takes no more for now. */
  send(event: object | "[DONE]"): boolean;
  /** Ends the answer as it should end. */
  end(): void;
  /** Breaks the connection off. */
  cut(): void;
  /** Answers with a status and a JSON body. */
  reply(status: number, body: object): void;
  /** Resolves when the connection takes more again, or is closed. */
  drained(): Promise<void>;
  /** Resolves, with `performance.now()`, when the exchange is over: answered in full, or its connection closed. */
  readonly closed: Promise<number>;
}

/** A real HTTP server in the shape of a vendor of chat completions. */
export interface ChatVendor extends AsyncDisposable {
  /** For `base_url`: with `/v1`. */
  readonly baseUrl: string;
  /** Every call so far. */
  readonly calls: readonly VendorCall[];
  /** Resolves with the next call that no one has taken yet; rejects when none comes within five seconds. */
  nextCall(): Promise<VendorCall>;
}

/**
 * Starts a vendor. With `answer` it answers by itself; without, every call waits for the test. When the gateway asks which
 * models there are, as it does of itself, the vendor lists `models`: that is no call.
 */
export async function startChatVendor(
  answer?: (call: VendorCall) => void,
  models: readonly string[] = [],
): Promise<ChatVendor> {
  const calls: VendorCall[] = [];
  const untaken: VendorCall[] = [];
  const waiting: ((call: VendorCall) => void)[] = [];
  const server = http.createServer(async (request, response) => {
    const call = vendorCall(request, response, await bodyOf(request));
    if (request.method === "GET") {
      call.reply(200, { object: "list", data: models.map((id) => ({ id, object: "model" })) });
      return;
    }
    calls.push(call);
    if (answer) return answer(call);
    const next = waiting.shift();
    if (next) next(call);
    else untaken.push(call);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    nextCall: () => {
      const call = untaken.shift();
      return call
        ? Promise.resolve(call)
        : new Promise((resolve, reject) => waiting.push(withinFiveSeconds(resolve, reject)));
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function withinFiveSeconds<T>(resolve: (value: T) => void, reject: (reason: Error) => void): (value: T) => void {
  const timer = setTimeout(() => reject(new Error("the gateway has not called the vendor")), 5_000);
  return (value) => {
    clearTimeout(timer);
    resolve(value);
  };
}

async function bodyOf(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function vendorCall(request: http.IncomingMessage, response: http.ServerResponse, body: string): VendorCall {
  const { socket } = request;
  return {
    path: request.url ?? "",
    headers: request.headers,
    body,
    begin: () => {
      response.writeHead(200, { "content-type": "text/event-stream", "x-request-id": "vendor-request-1" });
      response.flushHeaders();
    },
    send: (event) => response.write(`data: ${event === "[DONE]" ? event : JSON.stringify(event)}\n\n`),
    end: () => void response.end(),
    cut: () => void socket.destroy(),
    reply: (status, answer) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(answer));
    },
    drained: () => drained(response),
    closed: new Promise((resolve) => response.once("close", () => resolve(performance.now()))),
  };
}

function drained(response: http.ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

/** One chunk of a chat completion: a delta, and the reason at the end. */
export function chunk(delta: object, finishReason: string | null = null): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "vendor-model-1",
    choices: [{ index: 0, delta, finish_reason: finishReason }],
  };
}

/** The chunk with the counts, which comes last. */
const usageChunk = {
  ...chunk({}),
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};

/** A whole answer, in the form that the request asks for: streamed, a chunk for each word, or in one piece. */
export function answerWith(...words: readonly string[]): (call: VendorCall) => void {
  return (call) => {
    if (isStreamed(call)) stream(call, words);
    else call.reply(200, completion(words.join("")));
  };
}

function isStreamed({ body }: VendorCall): boolean {
  return (JSON.parse(body) as { readonly stream?: boolean }).stream === true;
}

function stream(call: VendorCall, words: readonly string[]): void {
  call.begin();
  call.send(chunk({ role: "assistant", content: "" }));
  for (const content of words) call.send(chunk({ content }));
  call.send(chunk({}, "stop"));
  call.send(usageChunk);
  call.send("[DONE]");
  call.end();
}

function completion(content: string): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "vendor-model-1",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  };
}
