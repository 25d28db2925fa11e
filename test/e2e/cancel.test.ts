import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ChatVendor, chunk, startChatVendor, type VendorCall } from "../support/chat-vendor.ts";
import { requestTo } from "../support/echo-request.ts";
import { curl, describeWith } from "../support/foreign-tools.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient, type GrpcClient } from "../support/grpc-client.ts";
import { createProvider } from "../support/json-call.ts";
import { start } from "../support/process.ts";

const limitMs = 100;

let gateway: Gateway;
let vendor: ChatVendor;
let client: GrpcClient;

beforeAll(async () => {
  gateway = await startGateway();
  vendor = await startChatVendor();
  client = createGrpcClient(gateway.url);
  await createProvider(gateway.url, { id: "vendor", kind: "openai-compatible", baseUrl: vendor.baseUrl });
});

afterAll(async () => {
  client[Symbol.dispose]();
  await vendor[Symbol.asyncDispose]();
  await gateway.stop();
});

const request = requestTo([{ provider: "vendor", model: "m-1" }]);
const path = "/livellm.v1.AgentService/RunStream";

/** A call under way: how to leave it, and when its first bytes of text have come. */
interface OpenCall {
  readonly textCame: Promise<unknown>;
  /** Leaves, and says when. */
  leave(): number;
}

const leavers: readonly (readonly [name: string, open: () => OpenCall])[] = [
  ["a gRPC cancel", openGrpc],
  ["an aborted fetch of server-sent events", () => openFetch("text/event-stream")],
  ["an aborted fetch of JSON lines", () => openFetch("application/x-ndjson")],
];

/** Brings the vendor's side to a phase; resolves when the gateway is in it for sure. */
const phases: readonly (readonly [name: string, reach: (call: VendorCall, open: OpenCall) => Promise<unknown>])[] = [
  ["before the vendor's headers", async () => undefined],
  ["before its first part", async (call) => call.begin()],
  [
    "in the middle of its stream",
    (call, open) => {
      call.begin();
      call.send(chunk({ content: "Hello" }));
      return open.textCame;
    },
  ],
];

describe.each(leavers)(`after %s the vendor's socket is closed within ${limitMs} ms`, (_, open) => {
  test.each(phases)("%s", async (_, reach) => {
    const times: number[] = [];
    for (let i = 0; i < 50; i++) times.push(await timeToClose(open, reach));
    expectWithinLimit(times);
  });
});

async function timeToClose(open: () => OpenCall, reach: (call: VendorCall, open: OpenCall) => Promise<unknown>) {
  const opened = open();
  const call = await vendor.nextCall();
  await reach(call, opened);
  const left = opened.leave();
  return (await call.closed) - left;
}

/** All of them were closed; half of them in time. The tail is the machine's, and is measured by reliability/cancels.ts. */
function expectWithinLimit(times: readonly number[]): void {
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  expect(median, `times: ${sorted.map((time) => time.toFixed(1)).join(" ")}`).toBeLessThan(limitMs);
}

describe(`at a deadline the vendor's socket is closed within ${limitMs} ms`, () => {
  const deadlineMs = 400;
  const atOnce = 10;

  test.each(phases)("%s", async (_, reach) => {
    const times: number[] = [];
    for (let round = 0; round < 5; round++) times.push(...(await timesAfterDeadline(reach)));
    expect(Math.min(...times)).toBeGreaterThan(-deadlineMs / 2);
    expectWithinLimit(times);
  });

  async function timesAfterDeadline(reach: (call: VendorCall, open: OpenCall) => Promise<unknown>) {
    const began = performance.now();
    const deadline = new Date(Date.now() + deadlineMs);
    const opened = Array.from({ length: atOnce }, () => openGrpc(deadline));
    return Promise.all(
      opened.map(async (open) => {
        const call = await vendor.nextCall();
        // Which of the ten calls this is cannot be told: the middle of a stream is reached when all have their text.
        await reach(call, { ...open, textCame: Promise.resolve() });
        return (await call.closed) - began - deadlineMs;
      }),
    );
  }
});

describeWith(curl, `after curl is killed the vendor's socket is closed within ${limitMs} ms`, () => {
  const versions = ["--http1.1", "--http2-prior-knowledge"];
  test.each(versions.flatMap((version) => phases.map(([name, reach]) => [version, name, reach] as const)))(
    "%s, %s",
    async (version, _, reach) => {
      const times: number[] = [];
      for (let i = 0; i < 10; i++) times.push(await timeToClose(() => openCurl(version), reach));
      expectWithinLimit(times);
    },
  );
});

function openGrpc(deadline?: Date): OpenCall {
  const stream = client.stream("AgentService/RunStream", request, deadline && { deadline });
  const textCame = new Promise((resolve) =>
    stream.on("data", ({ event }) => event === "textDelta" && resolve(undefined)),
  );
  stream.on("error", () => undefined); // the cancel itself
  return {
    textCame,
    leave() {
      stream.cancel();
      return performance.now();
    },
  };
}

function openFetch(accept: string): OpenCall {
  const controller = new AbortController();
  const headers = { "content-type": "application/json", accept };
  const body = JSON.stringify(request);
  const response = fetch(gateway.url + path, { method: "POST", headers, body, signal: controller.signal });
  return {
    textCame: response.then(untilText, () => undefined),
    leave() {
      controller.abort();
      return performance.now();
    },
  };
}

/** Reads no further than needed, and leaves the rest of the body open. */
async function untilText(response: Response): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let seen = ""; !seen.includes("textDelta"); ) {
    const piece = await reader?.read();
    if (!piece || piece.done) throw new Error(`the body ended after ${seen}`);
    seen += piece.value;
  }
}

function openCurl(version: string): OpenCall {
  const headers = ["-H", "content-type: application/json", "-H", "accept: text/event-stream"];
  const child = start("curl", ["-sN", version, ...headers, "-d", JSON.stringify(request), gateway.url + path]);
  const textCame = new Promise((resolve) =>
    child.stdout.on("data", (piece: Buffer) => piece.includes("textDelta") && resolve(undefined)),
  );
  return {
    textCame,
    leave() {
      child.kill("SIGKILL");
      return performance.now();
    },
  };
}
