import { mkdtempSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { RunRequestSchema, RunStreamRequestSchema } from "../gen/livellm/v1/agent_service_pb.ts";
import { createGrpcClient, createHttp1Client, type LoadClient } from "./load-clients.ts";
import { portkeyHeaders, startPortkey } from "./peers.ts";
import { type PinnedProcess, startPinned } from "./pinned-process.ts";

/** Cores: what is measured has one of its own. */
export const gatewayCore = 0;
export const loadCore = 1;

/** A relay in front of the mock vendor, and how it is called. */
export interface Relay {
  readonly name: string;
  readonly process: PinnedProcess;
  /** `model` is what the mock is asked for, see mock-vendor.ts. */
  client(model: string): LoadClient;
}

export type RelayName = "livellm gRPC" | "livellm JSON" | "Portkey" | "raw relay" | "direct";

/** Where the product was built to. */
export const distFolder = path.join(import.meta.dirname, ".dist");

export function startVendor(): Promise<PinnedProcess> {
  return startPinned({ core: loadCore, args: [path.join(import.meta.dirname, "mock-vendor.ts")] });
}

/** The product as `npm start` runs it, with a store in memory and every default on. */
export function startLivellm(env: Readonly<Record<string, string>> = {}): Promise<PinnedProcess> {
  return startPinned({
    core: gatewayCore,
    args: ["--max-semi-space-size=32", ...profilerOptions(), path.join(distFolder, "src/main.js")],
    env: { PORT: "0", DATABASE_URL: `sqlite:${temporaryFile()}`, ...env },
    listens: /"url":"http:\/\/127\.0\.0\.1:(\d+)"/,
  });
}

/** Further options of node for the product alone, such as `--cpu-prof`, or what loads a profiler. */
function profilerOptions(): readonly string[] {
  return process.env.BENCH_NODE_OPTIONS?.split(" ") ?? [];
}

function temporaryFile(): string {
  return path.join(mkdtempSync(path.join(os.tmpdir(), "livellm-bench-db-")), "livellm.db");
}

/** Starts one relay, ready to be called. */
export async function startRelay(name: RelayName, vendor: PinnedProcess): Promise<Relay> {
  switch (name) {
    case "livellm gRPC": {
      const process = await startConfigured(vendor);
      return { name, process, client: (model) => livellmGrpc(process, model) };
    }
    case "livellm JSON": {
      const process = await startConfigured(vendor);
      return { name, process, client: (model) => livellmJson(process, model) };
    }
    case "Portkey": {
      const process = await startPortkey(gatewayCore);
      return { name, process, client: (model) => chatClient(process, model, portkeyHeaders(vendor)) };
    }
    case "raw relay": {
      const process = await startPinned({
        core: gatewayCore,
        args: [path.join(import.meta.dirname, "raw-relay.ts")],
        env: { VENDOR: urlOf(vendor) },
      });
      return { name, process, client: (model) => chatClient(process, model) };
    }
    case "direct":
      return { name, process: vendor, client: (model) => chatClient(vendor, model) };
  }
}

export function urlOf({ port }: PinnedProcess): string {
  return `http://127.0.0.1:${port}`;
}

async function startConfigured(vendor: PinnedProcess): Promise<PinnedProcess> {
  const gateway = await startLivellm();
  const provider = { id: "mock", kind: "openai-compatible", baseUrl: `${urlOf(vendor)}/v1` };
  const response = await fetch(`${urlOf(gateway)}/livellm.v1.ProvidersService/CreateProvider`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ provider }),
  });
  if (!response.ok) throw new Error(`the provider was not created: ${await response.text()}`);
  return gateway;
}

function chatClient(to: PinnedProcess, model: string, headers: Readonly<Record<string, string>> = {}): LoadClient {
  const body = JSON.stringify({
    model,
    messages: [{ role: "user", content: "Hello!" }],
    ...(model !== "unary" && { stream: true }),
  });
  return createHttp1Client({ url: `${urlOf(to)}/v1/chat/completions`, headers, body });
}

function livellmJson(gateway: PinnedProcess, model: string): LoadClient {
  return createHttp1Client({
    url: `${urlOf(gateway)}/livellm.v1.AgentService/${model === "unary" ? "Run" : "RunStream"}`,
    headers: model === "unary" ? {} : { accept: "text/event-stream" },
    body: JSON.stringify(runRequest(model)),
  });
}

function livellmGrpc(gateway: PinnedProcess, model: string): LoadClient {
  const url = urlOf(gateway);
  if (model === "unary") {
    const message = toBinary(RunRequestSchema, create(RunRequestSchema, runRequest(model)));
    return createGrpcClient({ url, path: "/livellm.v1.AgentService/Run", message });
  }
  const message = toBinary(RunStreamRequestSchema, create(RunStreamRequestSchema, runRequest(model)));
  return createGrpcClient({ url, path: "/livellm.v1.AgentService/RunStream", message });
}

function runRequest(model: string) {
  return { route: { targets: [{ provider: "mock", model }] }, messages: [{ text: "Hello!" }] };
}
