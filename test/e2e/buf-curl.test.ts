import path from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import { answerWith, type ChatVendor, startChatVendor } from "../support/chat-vendor.ts";
import { echoRequest, requestTo } from "../support/echo-request.ts";
import { type Gateway, projectRoot, startGateway, temporaryFolder } from "../support/gateway.ts";
import { createProvider } from "../support/json-call.ts";
import { run } from "../support/process.ts";

let gateway: Gateway;
let vendor: ChatVendor;
/** Outside the project, so that buf has no schema but the one that reflection gives it. */
const elsewhere = temporaryFolder();

beforeAll(async () => {
  gateway = await startGateway();
  vendor = await startChatVendor(answerWith("Good ", "morning"));
  await createProvider(gateway.url, { id: "vendor", kind: "openai-compatible", baseUrl: vendor.baseUrl });
});

afterAll(async () => {
  await vendor[Symbol.asyncDispose]();
  await gateway.stop();
});

const bufProgram = path.join(projectRoot, "node_modules/.bin/buf");

async function buf(protocol: string, method: string, request: object, ...flags: readonly string[]) {
  const args = ["curl", "--protocol", protocol, "--http2-prior-knowledge", "-d", JSON.stringify(request), ...flags];
  const { code, stdout, stderr } = await run(bufProgram, [...args, `${gateway.url}/${method}`], { cwd: elsewhere });
  return { code, stderr, messages: messagesOf(stdout) };
}

/** buf prints JSON documents one after the other. */
function messagesOf(text: string): readonly Record<string, unknown>[] {
  return text
    .split(/^(?=\{)/m)
    .filter((document) => document.trim() !== "")
    .map((document) => JSON.parse(document) as Record<string, unknown>);
}

describe.each(["grpc", "grpcweb", "connect"])("buf curl over %s, by reflection alone,", (protocol) => {
  test("streams the model echo", async () => {
    const { code, messages } = await buf(
      protocol,
      "livellm.v1.AgentService/RunStream",
      echoRequest("Hello brave world"),
    );
    expect(code).toBe(0);
    expect(messages.flatMap((message) => Object.keys(message))).toEqual([
      "started",
      "stepStarted",
      "partStarted",
      "textDelta",
      "textDelta",
      "textDelta",
      "partFinished",
      "stepFinished",
      "finished",
    ]);
    expect(messages.at(-1)).toMatchObject({ finished: { text: "Hello brave world" } });
  });

  test("streams a vendor of chat completions", async () => {
    const request = requestTo([{ provider: "vendor", model: "m-1" }]);
    const { code, messages } = await buf(protocol, "livellm.v1.AgentService/RunStream", request);
    expect(code).toBe(0);
    expect(messages.at(-1)).toMatchObject({ finished: { text: "Good morning" } });
  });

  test("calls a unary RPC", async () => {
    const { messages } = await buf(protocol, "livellm.v1.ProvidersService/GetProvider", { id: "vendor" });
    expect(messages).toMatchObject([{ provider: { id: "vendor", kind: "openai-compatible" } }]);
  });

  test("shows an error with its details", async () => {
    const { code, stderr } = await buf(protocol, "livellm.v1.AgentService/Run", { messages: [{ text: "a" }] });
    expect(code).not.toBe(0);
    const error = JSON.parse(stderr);
    expect(error).toMatchObject({
      code: "invalid_argument",
      details: [{ type: "livellm.v1.ErrorDetail" }, { type: "google.rpc.BadRequest" }],
    });
    const detail = fromBinary(ErrorDetailSchema, Buffer.from(error.details[0].value, "base64"));
    expect(detail.fieldViolations).toMatchObject([{ field: "route", reason: "REQUIRED" }]);
  });

  test("asks for health", async () => {
    expect((await buf(protocol, "grpc.health.v1.Health/Check", {})).messages).toEqual([{ status: "SERVING" }]);
    const { messages } = await buf(protocol, "grpc.health.v1.Health/List", {});
    expect(messages[0]?.statuses).toMatchObject({ "livellm.v1.AgentService": { status: "SERVING" } });
  });
});

test.each(["grpc-v1", "grpc-v1alpha"])("reflection %s lists the services", async (reflection) => {
  const flags = ["--http2-prior-knowledge", "--reflect-protocol", reflection, "--list-services"];
  const { code, stdout } = await run(bufProgram, ["curl", ...flags, gateway.url], { cwd: elsewhere });
  expect(code).toBe(0);
  expect(stdout.split("\n")).toEqual(expect.arrayContaining(["livellm.v1.AgentService", "grpc.health.v1.Health"]));
});
