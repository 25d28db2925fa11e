import type { IncomingMessage, ServerResponse } from "node:http";

interface RpcRequest {
  readonly id?: number | string;
  readonly method: string;
  readonly params?: { readonly protocolVersion?: string };
}

/** An MCP server over HTTP with one tool, `slow`, whose calls are never answered. Source: MCP, "Streamable HTTP". */
export function answerMcp(request: IncomingMessage, body: string, response: ServerResponse): "answers" | "hangs" {
  if (request.method !== "POST") {
    response.writeHead(request.method === "DELETE" ? 200 : 405).end();
    return "answers";
  }
  const { id, method, params } = JSON.parse(body) as RpcRequest;
  if (method === "tools/call") return "hangs";
  if (id === undefined) response.writeHead(202).end();
  else {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result: resultOf(method, params?.protocolVersion) }));
  }
  return "answers";
}

function resultOf(method: string, protocolVersion = "2025-06-18"): object {
  if (method === "tools/list") return { tools: [{ name: "slow", inputSchema: { type: "object" } }] };
  if (method !== "initialize") return {};
  return { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "hangs", version: "1.0.0" } };
}
