import { once } from "node:events";
import http from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { answered, post } from "./http-call.ts";

const token = "admin-token-of-at-least-32-characters";
const basic = { authorization: `Basic ${Buffer.from(`anyone:${token}`).toString("base64")}` };

let gateway: CompatGateway;
beforeAll(async () => {
  gateway = await startCompatGateway(["livellm", "v1", "chat", "apc"], [], {}, token);
});
afterAll(() => gateway[Symbol.asyncDispose]());

const routes: readonly (readonly [method: string, path: string])[] = [
  ["GET", "/livellm/providers/configs"],
  ["POST", "/livellm/providers/config"],
  ["DELETE", "/livellm/providers/config/x"],
  ["POST", "/livellm/agent/run"],
  ["POST", "/livellm/agent/run_stream"],
  ["POST", "/livellm/audio/speak"],
  ["POST", "/livellm/audio/speak_stream"],
  ["POST", "/livellm/audio/transcribe"],
  ["POST", "/livellm/audio/transcribe_json"],
  ["POST", "/chat/gpt"],
  ["GET", "/health/gpt"],
  ["GET", "/sentry-debug"],
  ["POST", "/api/chat/completions"],
  ["GET", "/api/models"],
];

describe("with tokens on", () => {
  test.each(routes)("%s %s needs one", async (method, path) => {
    const { status, headers } = await answered(`${gateway.url}${path}`, { method });
    expect([status, headers.get("www-authenticate")]).toEqual([401, "Bearer, Basic"]);
  });

  test.each(routes)("%s %s takes the one in the base URL", async (method, path) => {
    const { status } = await answered(`${gateway.url}${path}`, { method, headers: basic });
    expect(status).not.toBe(401);
  });

  test("v1 needs one beside the provider's key", async () => {
    const headers = { "x-provider": "openai", "x-api-key": "k" };
    expect(await post(`${gateway.url}/agent/run`, {}, headers)).toMatchObject({ status: 401 });
    expect(await post(`${gateway.url}/agent/run`, {}, { ...headers, ...basic })).toMatchObject({ status: 422 });
  });

  test.each(["/ping", "/livellm/ping", "/livellm/openapi.json", "/health", "/api/health", "/"])(
    "%s needs none",
    async (path) => {
      expect(await answered(`${gateway.url}${path}`)).toMatchObject({ status: 200 });
    },
  );

  test("whoever has none is refused before the body is there", async () => {
    const headers = { "content-type": "application/json", "content-length": "1000000" };
    const request = http.request(`${gateway.url}/livellm/agent/run`, { method: "POST", headers });
    request.write("{");
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    expect(response.statusCode).toBe(401);
    request.destroy();
  });

  test.each(["/livellm/ws", "/livellm/ws/transcription"])("%s needs one at the handshake", async (path) => {
    const url = gateway.url.replace("http", "ws") + path;
    const [error] = (await once(new WebSocket(url), "error")) as [Error];
    expect(error.message).toContain("401");
    const socket = new WebSocket(url, { headers: basic });
    await once(socket, "open");
    socket.terminate();
  });
});
