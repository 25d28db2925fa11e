import http from "node:http";
import { gzipSync } from "node:zlib";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ErrorDetailSchema } from "../../gen/livellm/v1/error_pb.ts";
import { ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import { answerOf, post, requestOf, runPath, startTestServer, type TestServer, until } from "./test-server.ts";

let server: TestServer;
let seen: { signal?: AbortSignal } = {};

beforeAll(async () => {
  server = await startTestServer({
    maxMessageBytes: 100_000,
    agent: {
      async run(request, context) {
        const text = request.messages[0]?.text ?? "";
        if (text === "fail") throw new LivellmError("not_found", "not_found", "no such provider");
        if (text === "bug") throw new TypeError("secret detail");
        if (text === "surrogate") throw new LivellmError("unavailable", "network", "broken \ud800 half");
        if (text === "trailer") context.responseTrailer.set("x-cost", "3");
        if (text === "deadline?") return { text: String(context.timeoutMs()) };
        if (text === "watched") seen.signal = context.signal;
        if (text === "wait") {
          seen.signal = context.signal;
          await new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(new Error("other"))));
        }
        return { text: `echo: ${text}`, providerMetadata: { face: context.protocolName } };
      },
    },
  });
});
afterAll(() => server.close(0));

const call = (body: unknown, headers?: Record<string, string>) => post(server.url + runPath, body, headers);

describe("a unary call", () => {
  test("is JSON in and JSON out", async () => {
    const response = await call(requestOf("hi"));
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await answerOf(response)).toEqual({ text: "echo: hi", providerMetadata: { face: "json" } });
  });

  test("takes field names in snake_case", async () => {
    const body = { ...requestOf("hi"), config: { generation: { max_output_tokens: 5, top_p: 0.5 } } };
    expect((await call(body)).status).toBe(200);
  });

  test("takes a charset of UTF-8", async () => {
    expect((await call(requestOf("hi"), { "content-type": "application/json; charset=UTF-8" })).status).toBe(200);
  });

  test("has its id in the response, whether given or made up", async () => {
    expect((await call(requestOf("hi"), { "x-request-id": "mine-1" })).headers.get("x-request-id")).toBe("mine-1");
    const madeUp = (await call(requestOf("hi"))).headers.get("x-request-id");
    expect(madeUp).toMatch(/^[0-9a-f-]{36}$/);
    const refused = (await call(requestOf("hi"), { "x-request-id": "x".repeat(129) })).headers.get("x-request-id");
    expect(refused).toMatch(/^[0-9a-f-]{36}$/);
    const inMessage = await call({ ...requestOf("hi"), caller: { requestId: "theirs" } }, { "x-request-id": "mine" });
    expect(inMessage.headers.get("x-request-id")).toBe("theirs");
  });

  test("that fails has the status and the error object of Connect", async () => {
    const response = await call(requestOf("fail"), { "x-request-id": "r1" });
    expect(response.status).toBe(404);
    const body = await answerOf(response);
    expect(body).toMatchObject({
      code: "not_found",
      message: "no such provider",
      details: [{ type: "livellm.v1.ErrorDetail", debug: { reason: "REASON_NOT_FOUND", requestId: "r1" } }],
    });
    expect(body.details[0]?.value).toMatch(/^[A-Za-z0-9+/]+$/);
  });

  test("that fails for reasons nobody foresaw says nothing of them, and logs them once", async () => {
    const response = await call(requestOf("bug"), { "x-request-id": "bug-1" });
    expect(response.status).toBe(500);
    const body = JSON.stringify(await answerOf(response));
    expect(body).toContain("internal error; see the server's log for request bug-1");
    expect(body).not.toContain("secret detail");
    const logged = server.log.filter((line) => JSON.stringify(line).includes("secret detail"));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toMatchObject({ level: 50, requestId: "bug-1" });
  });

  test("that fails with half a surrogate pair still answers", async () => {
    expect(await (await call(requestOf("surrogate"))).json()).toMatchObject({
      code: "unavailable",
      message: "broken � half",
    });
  });

  test.each(["x-timeout-ms", "connect-timeout-ms"])("ends at the deadline of %s", async (name) => {
    const response = await call(requestOf("wait"), { [name]: "30" });
    expect(response.status).toBe(504);
    expect(await answerOf(response)).toMatchObject({
      code: "deadline_exceeded",
      details: [{ debug: { reason: "REASON_TIMEOUT" } }],
    });
  });

  test("has no deadline where the given one is longer than a timer runs", async () => {
    const deadline = async (ms: string) => (await answerOf(call(requestOf("deadline?"), { "x-timeout-ms": ms }))).text;
    expect(await deadline("9999999999")).toBe("undefined");
    expect(Number(await deadline("2147483647"))).toBeGreaterThan(2_000_000_000);
  });

  test("refuses a deadline that is no number", async () => {
    const response = await call(requestOf("hi"), { "x-timeout-ms": "20s" });
    expect(response.status).toBe(400);
    expect((await answerOf(response)).message).toContain("x-timeout-ms");
  });

  test("tells what still listens when it is over", async () => {
    await call(requestOf("watched"));
    await until(() => seen.signal?.aborted === true, 100);
  });

  test("is aborted within 100 ms when the client leaves", async () => {
    seen = {};
    const controller = new AbortController();
    const answer = post(server.url + runPath, requestOf("wait"), {}, controller.signal);
    await until(() => seen.signal !== undefined);
    controller.abort();
    await expect(answer).rejects.toThrow();
    await until(() => seen.signal?.aborted === true, 100);
    expect(seen.signal?.reason).toMatchObject({ name: "LivellmError", code: "canceled" });
    await until(() => server.log.some(({ code }) => code === "canceled"));
  });
});

describe("Connect's own unary JSON", () => {
  const client = (options: { useHttpGet?: boolean; httpVersion?: "1.1" | "2" } = {}) =>
    createConnectTransport({ baseUrl: server.url, httpVersion: "1.1", ...options });

  test("works for its client, with trailers in headers", async () => {
    let trailer: string | null = null;
    const { text } = await createClient(AgentService, client()).run(requestOf("trailer"), {
      onTrailer: (trailers) => {
        trailer = trailers.get("x-cost");
      },
    });
    expect(text).toBe("echo: trailer");
    expect(trailer).toBe("3");
  });

  test("gives its client the details of an error", async () => {
    const error = await createClient(AgentService, client()).run(requestOf("fail")).catch(ConnectError.from);
    expect(error).toBeInstanceOf(ConnectError);
    const status = error as ConnectError;
    expect(status.code).toBe(Code.NotFound);
    expect(status.findDetails(ErrorDetailSchema)[0]?.requestId).toMatch(/./);
    expect(status.metadata.get("x-request-id")).toBe(status.findDetails(ErrorDetailSchema)[0]?.requestId);
  });

  test.each(["1.1", "2"] as const)("can be a GET for what has no side effects, over HTTP/%s", async (httpVersion) => {
    const providers = createClient(ProvidersService, client({ useHttpGet: true, httpVersion }));
    expect((await providers.listProviders({ kind: "k ü" })).providers[0]?.kind).toBe("k ü");
  });

  test("can be a GET by hand", async () => {
    const path = `${server.url}/livellm.v1.ProvidersService/ListProviders`;
    const encoded = Buffer.from('{"kind":"x"}').toString("base64url");
    for (const query of [
      `?connect=v1&encoding=json&base64=1&message=${encoded}`,
      `?connect=v1&encoding=json&message=${encodeURIComponent('{"kind":"x"}')}`,
    ]) {
      expect(await (await fetch(path + query)).json()).toEqual({ providers: [{ id: "a", kind: "x" }] });
    }
    expect(await (await fetch(path)).json()).toEqual({ providers: [{ id: "a" }] });
    expect((await fetch(`${path}?encoding=xml`)).status).toBe(415);
    expect((await fetch(`${path}?base64=1&message=***`)).status).toBe(400);
  });

  test("may be compressed", async () => {
    const response = await fetch(server.url + runPath, {
      method: "POST",
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
      body: gzipSync(JSON.stringify(requestOf("packed"))),
    });
    expect((await answerOf(response)).text).toBe("echo: packed");
  });
});

describe("a request that cannot be served", () => {
  test("GET of what has side effects is 405", async () => {
    const response = await fetch(server.url + runPath);
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
    expect((await answerOf(response)).message).toContain("POST");
  });

  test("an unknown path is 404 with an error as JSON", async () => {
    const response = await post(`${server.url}/livellm.v1.AgentService/Rum`, {});
    expect(response.status).toBe(404);
    expect(await answerOf(response)).toMatchObject({ code: "unimplemented", message: expect.stringContaining("Rum") });
    expect((await fetch(`${server.url}/favicon.ico`)).status).toBe(404);
  });

  test("a wrong content type is 415 and says which are right", async () => {
    const response = await call(requestOf("hi"), { "content-type": "application/x-www-form-urlencoded" });
    expect(response.status).toBe(415);
    expect((await answerOf(response)).message).toMatch(/application\/json.*application\/grpc/);
  });

  test("malformed JSON is 400 and says where, without the text", async () => {
    const response = await call('{"route": {"targets": []},\n "messages": [nonsense]}');
    expect(response.status).toBe(400);
    const { code, message } = await answerOf(response);
    expect(code).toBe("invalid_argument");
    expect(message).toContain("position 41 (line 2, column 15)");
    expect(message).not.toContain("nonsense");
  });

  test("a body that is not UTF-8 is 400", async () => {
    const response = await fetch(server.url + runPath, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: Buffer.from([0x7b, 0xff, 0x7d]),
    });
    expect(response.status).toBe(400);
    expect((await answerOf(response)).message).toContain("UTF-8");
  });

  test("a body over the limit is 413, whether its length is announced or not", async () => {
    const announced = await call(requestOf("x".repeat(200_000)));
    expect(announced.status).toBe(413);
    expect(await answerOf(announced)).toMatchObject({ code: "resource_exhausted" });
    const status = await new Promise((resolve, reject) => {
      const request = http.request(server.url + runPath, {
        method: "POST",
        headers: { "content-type": "application/json", "transfer-encoding": "chunked" },
      });
      request.on("response", (response) => resolve(response.resume().statusCode));
      request.on("error", reject);
      // Never ended: the answer has to come while the body is still on its way.
      for (let i = 0; i < 4; i++) request.write("x".repeat(50_000));
    });
    expect(status).toBe(413);
  });

  test("a client's stream has no form here, and is told which do", async () => {
    const response = await post(`${server.url}/livellm.v1.TranscriptionService/TranscribeStream`, {});
    expect(response.status).toBe(501);
    expect((await answerOf(response)).message).toMatch(/gRPC.*WebSocket/);
  });

  test("a host that is no host does not take the server down", async () => {
    for (const host of ["[", "a b", ""]) {
      await new Promise<void>((resolve) => {
        const request = http.request(server.url + runPath, {
          method: "POST",
          headers: { "content-type": "application/proto", host },
        });
        request.on("response", (response) => response.resume().on("end", resolve));
        request.on("error", () => resolve());
        request.end();
      });
    }
    expect((await call(requestOf("still here"))).status).toBe(200);
  });
});

test("/ping answers", async () => {
  const response = await fetch(`${server.url}/ping`);
  expect([response.status, await response.text()]).toEqual([200, '{"status":"ok"}']);
});
