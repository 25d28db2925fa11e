import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection as V1 } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as V1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { requestOf, startTestServer, type TestServer } from "./test-server.ts";

let server: TestServer;
const transport = () => createGrpcTransport({ baseUrl: server.url });

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close(0));

describe("health", () => {
  test("Check knows the server and its services, and nothing else", async () => {
    const health = createClient(Health, transport());
    expect((await health.check({})).status).toBe(Status.SERVING);
    expect((await health.check({ service: "livellm.v1.AgentService" })).status).toBe(Status.SERVING);
    await expect(health.check({ service: "no.such" })).rejects.toMatchObject({ code: Code.NotFound });
  });

  test("List names them all", async () => {
    const { statuses } = await createClient(Health, transport()).list({});
    expect(Object.keys(statuses)).toEqual(expect.arrayContaining(["", "livellm.v1.AgentService"]));
  });

  test("Watch tells of the drain, and ends", async () => {
    const health = createClient(Health, transport());
    const watch = health.watch({ service: "livellm.v1.AgentService" })[Symbol.asyncIterator]();
    const unknown = health.watch({ service: "no.such" })[Symbol.asyncIterator]();
    expect((await watch.next()).value).toMatchObject({ status: Status.SERVING });
    expect((await unknown.next()).value).toMatchObject({ status: Status.SERVICE_UNKNOWN });
    server.drain();
    expect((await watch.next()).value).toMatchObject({ status: Status.NOT_SERVING });
    expect(await watch.next()).toMatchObject({ done: true });
    expect(await unknown.next()).toMatchObject({ done: true });
    expect((await health.list({})).statuses[""]).toMatchObject({ status: Status.NOT_SERVING });
  });
});

describe.each([
  ["v1", V1],
  ["v1alpha", V1Alpha],
] as const)("reflection %s", (_, service) => {
  async function ask(messageRequest: object) {
    async function* requests() {
      yield { host: "h", messageRequest: messageRequest as never };
    }
    for await (const { messageResponse } of createClient(service, transport()).serverReflectionInfo(requests())) {
      return messageResponse;
    }
    throw new Error("no answer");
  }

  test("lists the services, itself among them", async () => {
    const answer = await ask({ case: "listServices", value: "" });
    const names = answer.case === "listServicesResponse" ? answer.value.service.map(({ name }) => name) : [];
    expect(names).toEqual(
      expect.arrayContaining(["livellm.v1.AgentService", "grpc.health.v1.Health", service.typeName]),
    );
  });

  test.each([
    ["fileContainingSymbol", "livellm.v1.AgentService"],
    ["fileContainingSymbol", "livellm.v1.AgentService.Run"],
    ["fileContainingSymbol", "livellm.v1.RunRequest.messages"],
    ["fileByFilename", "livellm/v1/agent_service.proto"],
  ])("%s %s gives files that are complete", async (query, value) => {
    const answer = await ask({ case: query, value });
    const files = answer.case === "fileDescriptorResponse" ? answer.value.fileDescriptorProto : [];
    const protos = files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
    const names = protos.map(({ name }) => name);
    expect(protos[0]?.service.map(({ name }) => name)).toEqual(["AgentService"]);
    expect(protos.flatMap(({ dependency }) => dependency).filter((name) => !names.includes(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
  });

  test("knows the details of errors, which no service imports", async () => {
    const answer = await ask({ case: "fileContainingSymbol", value: "livellm.v1.ErrorDetail" });
    const files = answer.case === "fileDescriptorResponse" ? answer.value.fileDescriptorProto : [];
    expect(files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name)).toEqual(
      expect.arrayContaining(["livellm/v1/error.proto", "livellm/v1/route.proto"]),
    );
  });

  test.each([
    { case: "fileContainingSymbol", value: "no.such.Thing" },
    { case: "fileByFilename", value: "no/such.proto" },
    { case: "allExtensionNumbersOfType", value: "no.such" },
    { case: "fileContainingExtension", value: { containingType: "livellm.v1.RunRequest", extensionNumber: 1 } },
  ])("says not found for $case of what is not there", async (query) => {
    expect(await ask(query)).toMatchObject({ case: "errorResponse", value: { errorCode: Code.NotFound } });
  });

  test("a message has no extensions", async () => {
    expect(await ask({ case: "allExtensionNumbersOfType", value: "livellm.v1.RunRequest" })).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { extensionNumber: [] },
    });
  });
});

test.each(["grpc", "grpcweb", "connect"])("buf curl calls over %s with nothing but reflection", async (protocol) => {
  const url = `${server.url}/livellm.v1.AgentService/RunStream`;
  const args = ["curl", "--http2-prior-knowledge", "--protocol", protocol, "-d", JSON.stringify(requestOf("a b")), url];
  const { stdout } = await promisify(execFile)("node_modules/.bin/buf", args);
  expect(stdout.replace(/\s/g, "")).toContain('{"textDelta":{"text":"b"}}');
});
