import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { McpServer as McpServer1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createMcpHandler, inputRequired, McpServer as McpServer2 } from "@modelcontextprotocol/server";
import { z } from "zod";

/** One HTTP exchange with an MCP server. */
export interface McpExchange {
  readonly method: string;
  readonly headers: http.IncomingHttpHeaders;
  /** The JSON-RPC method, such as `tools/call`; empty without a body. */
  readonly rpc: string;
  /** The port of the client's side: the same for requests over one connection. */
  readonly clientPort: number | undefined;
  /** Resolves with `performance.now()` when the exchange is over, and whether it was complete. */
  readonly closed: Promise<{ readonly at: number; readonly complete: boolean }>;
}

/** A real MCP server of an official package, on a port of its own. */
export interface TestMcpServer extends AsyncDisposable {
  readonly url: string;
  readonly exchanges: readonly McpExchange[];
  /** Exchanges of one JSON-RPC method. */
  of(rpc: string): readonly McpExchange[];
  /** Resolves with the next `slow` call that has reached the tool. */
  nextSlowCall(): Promise<SlowCall>;
  /** Every call that ran to its tool, by name. */
  readonly ran: readonly string[];
  /** Ends every connection, as a crash does, and takes no more. */
  crash(): void;
}

/** A call of the tool `slow`, which returns when the test says so. */
export interface SlowCall {
  finish(text: string): void;
}

interface Inside {
  readonly ran: string[];
  slow(signal: AbortSignal): Promise<string>;
}

/** 1×1 PNG. */
export const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const whoSchema = { type: "object" as const, properties: { name: { type: "string" as const } } };

/** The protocol of 2026-07-28, stateless. */
export function startServer2(): Promise<TestMcpServer> {
  return startServer((inside) => {
    const handler = createMcpHandler(() => {
      const server = new McpServer2({ name: "two", version: "1.0.0" });
      addTools(server as unknown as ToolHolder, inside);
      server.registerTool("ask", { description: "Asks the user." }, () =>
        inputRequired({
          inputRequests: { name: inputRequired.elicit({ message: "Who?", requestedSchema: whoSchema }) },
        }),
      );
      return server;
    });
    const node = toNodeHandler(handler);
    return { handle: (request, response, body) => node(request, response, body) };
  });
}

/** The package of the protocol until 2025-11-25, with sessions. */
function startServer1(): Promise<TestMcpServer> {
  return startServer((inside) => {
    const sessions = new Map<string, StreamableHTTPServerTransport>();
    return {
      async handle(request, response, body) {
        const known = sessions.get(String(request.headers["mcp-session-id"]));
        if (known) return await known.handleRequest(request, response, body);
        const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
          sessionIdGenerator: () => crypto.randomUUID(),
          onsessioninitialized: (id) => void sessions.set(id, transport),
          onsessionclosed: (id) => void sessions.delete(id),
        });
        const server = new McpServer1({ name: "one", version: "1.0.0" });
        addTools(server as unknown as ToolHolder, inside);
        server.registerTool("ask", { description: "Asks the user." }, async () => {
          const { action } = await server.server.elicitInput({ message: "Who?", requestedSchema: whoSchema });
          return { content: [{ type: "text", text: action }] };
        });
        await server.connect(transport);
        await transport.handleRequest(request, response, body);
      },
    };
  });
}

export const servers = [
  { version: "v1", start: startServer1 },
  { version: "v2", start: startServer2 },
] as const;

interface McpHttp {
  handle(request: http.IncomingMessage, response: http.ServerResponse, body: unknown): unknown;
}

async function startServer(create: (inside: Inside) => McpHttp): Promise<TestMcpServer> {
  const exchanges: McpExchange[] = [];
  const slow = new SlowTool();
  const ran: string[] = [];
  const mcp = create({ ran, slow: (signal) => slow.run(signal) });
  const server = http.createServer(async (request, response) => {
    const body = await bodyOf(request);
    exchanges.push(exchangeOf(request, response, body));
    await mcp.handle(request, response, body);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const crash = () => {
    server.close();
    server.closeAllConnections();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    exchanges,
    of: (rpc) => exchanges.filter((exchange) => exchange.rpc === rpc),
    nextSlowCall: () => slow.next(),
    ran,
    crash,
    [Symbol.asyncDispose]: async () => crash(),
  };
}

async function bodyOf(request: http.IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = await request.toArray();
  const text = Buffer.concat(chunks).toString("utf8");
  return text === "" ? undefined : JSON.parse(text);
}

function exchangeOf(request: http.IncomingMessage, response: http.ServerResponse, body: unknown): McpExchange {
  const { method = "" } = (body ?? {}) as { method?: string };
  return {
    method: request.method ?? "",
    headers: request.headers,
    rpc: method,
    clientPort: request.socket.remotePort,
    closed: new Promise((resolve) =>
      response.once("close", () => resolve({ at: performance.now(), complete: response.writableFinished })),
    ),
  };
}

class SlowTool {
  readonly #untaken: SlowCall[] = [];
  readonly #waiting: ((call: SlowCall) => void)[] = [];

  run(signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      const call = { finish: resolve };
      const next = this.#waiting.shift();
      if (next) next(call);
      else this.#untaken.push(call);
    });
  }

  next(): Promise<SlowCall> {
    const call = this.#untaken.shift();
    return call ? Promise.resolve(call) : new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** What both packages' servers have alike. */
interface ToolHolder {
  registerTool(
    name: string,
    options: { description: string; inputSchema?: unknown; outputSchema?: unknown },
    call: (input: never, context: unknown) => unknown,
  ): unknown;
}

function signalOf(context: unknown): AbortSignal {
  const { signal, mcpReq } = context as { signal?: AbortSignal; mcpReq?: { signal: AbortSignal } };
  const found = signal ?? mcpReq?.signal;
  if (!found) throw new Error("the package gives no signal");
  return found;
}

/** A notification makes either package begin its answer. */
async function tellProgress(context: unknown): Promise<void> {
  const { sendNotification, mcpReq } = context as {
    sendNotification?: Notify;
    mcpReq?: { notify: Notify };
  };
  const params = { progressToken: 1, progress: 1 };
  await (sendNotification ?? mcpReq?.notify)?.({ method: "notifications/progress", params });
}

type Notify = (notification: object) => Promise<void>;

const text = (value: string) => ({ content: [{ type: "text", text: value }] });

function addTools(server: ToolHolder, { ran, slow }: Inside): void {
  server.registerTool(
    "add",
    {
      description: "Adds two numbers.",
      inputSchema: z.object({ a: z.number(), b: z.number() }),
      outputSchema: z.object({ sum: z.number() }),
    },
    ({ a, b }: { a: number; b: number }) => {
      ran.push("add");
      return { ...text(String(a + b)), structuredContent: { sum: a + b } };
    },
  );
  server.registerTool("picture", { description: "A picture." }, () => ({
    content: [
      { type: "text", text: "one pixel" },
      { type: "image", data: pixel, mimeType: "image/png" },
      { type: "resource", resource: { uri: "file:///notes.txt", text: "embedded notes" } },
      { type: "resource", resource: { uri: "file:///a/b.bin", blob: "AAEC", mimeType: "application/x-bin" } },
      { type: "resource_link", name: "more", uri: "https://example.com/more" },
    ],
  }));
  server.registerTool("fail", { description: "Fails." }, () => {
    throw new Error("the disk is full");
  });
  server.registerTool("slow", { description: "Takes its time." }, async (...given: unknown[]) => {
    ran.push("slow");
    return text(await slow(signalOf(given.at(-1))));
  });
  server.registerTool("chatter", { description: "Tells of its progress first." }, async (...given: unknown[]) => {
    await tellProgress(given.at(-1));
    return text(await slow(signalOf(given.at(-1))));
  });
  server.registerTool("large", { description: "A long text." }, () => text("x".repeat(400_000)));
  server.registerTool("look.up/the thing", { description: "Has a name that vendors refuse." }, () => text("found"));
}
