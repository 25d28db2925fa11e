import { afterAll, beforeAll, expect, test } from "vitest";
import { post, requestOf, runPath, startTestServer, type TestServer } from "./test-server.ts";

let server: TestServer;
let open: TestServer;

beforeAll(async () => {
  server = await startTestServer({ allowedOrigins: ["https://app.example.com"] });
  open = await startTestServer({ allowedOrigins: ["*"] });
});
afterAll(() => Promise.all([server.close(0), open.close(0)]));

function preflight(url: string, origin: string): Promise<Response> {
  return fetch(url + runPath, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,x-app",
    },
  });
}

test("a page of a listed origin may ask, and read what is answered", async () => {
  const asked = await preflight(server.url, "https://app.example.com");
  expect(asked.status).toBe(204);
  expect(asked.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
  expect(asked.headers.get("access-control-allow-methods")).toBe("POST, GET");
  expect(asked.headers.get("vary")).toBe("Origin");
  const allowed = asked.headers.get("access-control-allow-headers")?.toLowerCase().split(", ");
  expect(allowed).toEqual(
    expect.arrayContaining([
      ...["authorization", "content-type", "x-request-id", "x-timeout-ms", "x-session-id", "x-user-id", "x-app"],
      ...[
        "x-client-id",
        "x-device",
        "connect-protocol-version",
        "connect-timeout-ms",
        "grpc-timeout",
        "x-grpc-web",
        "x-user-agent",
      ],
    ]),
  );
  const answered = await post(server.url + runPath, requestOf("hi"), { origin: "https://app.example.com" });
  expect(answered.headers.get("access-control-allow-origin")).toBe("https://app.example.com");
  const exposed = answered.headers.get("access-control-expose-headers")?.toLowerCase();
  for (const name of ["x-request-id", "grpc-status", "grpc-message", "grpc-status-details-bin", "retry-after"])
    expect(exposed).toContain(name);
});

test("errors can be read by the page too", async () => {
  const refused = await post(server.url + runPath, {}, { origin: "https://app.example.com" });
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([
    400,
    "https://app.example.com",
  ]);
});

test("a page of another origin is refused", async () => {
  for (const origin of [
    "https://evil.example",
    "https://app.example.com.evil.example",
    "http://app.example.com",
    "null",
  ]) {
    const asked = await preflight(server.url, origin);
    expect(asked.status).toBe(403);
    expect(asked.headers.get("access-control-allow-origin")).toBeNull();
    const answered = await post(server.url + runPath, requestOf("hi"), { origin });
    expect(answered.headers.get("access-control-allow-origin")).toBeNull();
  }
});

test("* is every origin", async () => {
  const asked = await preflight(open.url, "https://anyone.example");
  expect([asked.status, asked.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
  expect(asked.headers.get("vary")).toBeNull();
});

test("an OPTIONS request that is no preflight is not one", async () => {
  expect((await fetch(server.url + runPath, { method: "OPTIONS" })).status).toBe(405);
});
