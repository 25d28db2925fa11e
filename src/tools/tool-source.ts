import type { Secret } from "../core/secret.ts";
import type { ModelTool } from "../core/tools.ts";

/** An MCP server reached over streamable HTTP, as the caller described it. */
export interface McpServer {
  readonly type: "mcp-server";
  readonly url: string;
  /** For every request to it. */
  readonly headers: Readonly<Record<string, Secret>>;
  /** Goes before the name of each of its tools. */
  readonly prefix: string;
  /** How long connecting and listing, or one call, may take. */
  readonly timeoutMs: number;
  /** By their own names; all when empty. */
  readonly allowedTools: readonly string[];
}

/** One entry of `config.tools`: a tool as models take it, or a server with tools. */
export type ToolSource = ModelTool | McpServer;
