import { create, createFileRegistry, type DescService, type Message } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, file_google_protobuf_wrappers, StringValueSchema } from "@bufbuild/protobuf/wkt";
import type { Interceptor } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { createDispatcher } from "../../src/transport/dispatch.ts";
import type { ServiceRoute } from "../../src/transport/service-route.ts";

/** A service with a method of each kind; the contract has none that streams to the server alone. */
function serviceOfAllKinds(): DescService {
  const method = (name: string, clientStreaming: boolean, serverStreaming: boolean) => ({
    ...{ name, clientStreaming, serverStreaming },
    inputType: ".google.protobuf.StringValue",
    outputType: ".google.protobuf.StringValue",
  });
  const file = create(FileDescriptorProtoSchema, {
    name: "kinds.proto",
    package: "test",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto"],
    service: [
      {
        name: "Kinds",
        method: [
          method("Unary", false, false),
          method("Down", false, true),
          method("Up", true, false),
          method("Both", true, true),
        ],
      },
    ],
  });
  const service = createFileRegistry(file, () => file_google_protobuf_wrappers).getService("test.Kinds");
  if (!service) throw new Error("no service");
  return service;
}

interface Text {
  readonly value: string;
}

const implementation = {
  unary: ({ value }: Text) => ({ value: `unary ${value}` }),
  async *down({ value }: Text) {
    yield { value: `down ${value}` };
    yield { value: "more" };
  },
  async up(requests: AsyncIterable<Text>) {
    const all = await Array.fromAsync(requests);
    return { value: `up ${all.map(({ value }) => value).join()}` };
  },
  async *both(requests: AsyncIterable<Text>) {
    for await (const { value } of requests) yield { value: `both ${value}` };
  },
};

const route = { service: serviceOfAllKinds(), implementation } as unknown as ServiceRoute;

async function* texts(...values: string[]): AsyncGenerator<Message> {
  for (const value of values) yield create(StringValueSchema, { value });
}

function call(path: string, interceptors: Interceptor[], ...values: string[]) {
  const method = createDispatcher([route], interceptors).find(path);
  const started = method?.start({
    origin: { requestId: "r", remoteAddress: "", face: "json" },
    httpMethod: "POST",
    url: path,
    headers: new Headers({ "x-in": "1" }),
    signal: new AbortController().signal,
  });
  if (!started) throw new Error(`nothing at ${path}`);
  return { context: started.context, answers: started.answers(texts(...values)) };
}

async function answersOf(path: string, interceptors: Interceptor[], ...values: string[]): Promise<string[]> {
  const answers = await Array.fromAsync(call(path, interceptors, ...values).answers);
  return answers.map((answer) => (answer as Message & Text).value);
}

/** Notes the order, and answers with metadata of its own. */
function marking(name: string, order: string[]): Interceptor {
  return (next) => async (request) => {
    order.push(name);
    const response = await next(request);
    return { ...response, header: new Headers({ "x-head": name }), trailer: new Headers({ "x-trail": name }) };
  };
}

describe("a method of each kind", () => {
  test.each([
    ["/test.Kinds/Unary", ["a"], ["unary a"]],
    ["/test.Kinds/Down", ["a"], ["down a", "more"]],
    ["/test.Kinds/Up", ["a", "b"], ["up a,b"]],
    ["/test.Kinds/Both", ["a", "b"], ["both a", "both b"]],
  ])("%s", async (path, input, output) => {
    const order: string[] = [];
    expect(await answersOf(path, [marking("outer", order), marking("inner", order)], ...input)).toEqual(output);
    expect(order).toEqual(["outer", "inner"]);
  });

  test("has the metadata that the interceptors leave", async () => {
    for (const path of ["/test.Kinds/Unary", "/test.Kinds/Down"]) {
      const { context, answers } = call(path, [marking("outer", []), marking("inner", [])], "a");
      await Array.fromAsync(answers);
      expect([context.responseHeader.get("x-head"), context.responseTrailer.get("x-trail")]).toEqual([
        "outer",
        "outer",
      ]);
    }
  });

  test.each([[[]], [["a", "b"]]])("that takes one message refuses %j", async (values) => {
    for (const path of ["/test.Kinds/Unary", "/test.Kinds/Down"]) {
      await expect(answersOf(path, [], ...values)).rejects.toMatchObject({ code: "unimplemented" });
    }
  });
});

test("nothing runs before the first answer is asked for", async () => {
  const order: string[] = [];
  const { answers } = call("/test.Kinds/Unary", [marking("ran", order)], "a");
  expect(order).toEqual([]);
  await answers.next();
  expect(order).toEqual(["ran"]);
});

test("a missing implementation is found when the server is built", () => {
  const { unary: _, ...rest } = implementation;
  const routes = [{ ...route, implementation: rest }] as unknown as ServiceRoute[];
  expect(() => createDispatcher(routes, [])).toThrow("test.Kinds has no implementation of Unary");
});
