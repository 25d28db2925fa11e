import { connect } from "node:http2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { echoRequest } from "../support/echo-request.ts";
import { type AccessGateway, startAccessGateway } from "./access-gateway.ts";

let gateway: AccessGateway;
beforeAll(async () => {
  gateway = await startAccessGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

/** What a refused call is told in headers. */
interface Refusal {
  readonly status: number;
  readonly challenge: string | undefined;
  readonly retryAfter: string | undefined;
}

type Ask = (url: string, authorization: string | undefined) => Promise<Refusal>;

function fetching(method: string, headers: Readonly<Record<string, string>>): Ask {
  return async (url, authorization) => {
    const response = await fetch(`${url}/livellm.v1.AgentService/${method}`, {
      method: "POST",
      headers: { ...headers, ...(authorization && { authorization }) },
      body: headers["content-type"] === "application/proto" ? "" : JSON.stringify(echoRequest("Hello!")),
    });
    await response.arrayBuffer();
    return refusalOf(response.status, (name) => response.headers.get(name) ?? undefined);
  };
}

function refusalOf(status: number, header: (name: string) => string | undefined): Refusal {
  return { status, challenge: header("www-authenticate"), retryAfter: header("retry-after") };
}

const json = { "content-type": "application/json" };

const faces: Readonly<Record<string, Ask>> = {
  JSON: fetching("Run", json),
  SSE: fetching("RunStream", { ...json, accept: "text/event-stream" }),
  NDJSON: fetching("RunStream", { ...json, accept: "application/x-ndjson" }),
  "Connect over HTTP/1.1": fetching("Run", { "content-type": "application/proto", "connect-protocol-version": "1" }),
  "Connect over HTTP/2": async (url, authorization) => {
    const session = connect(url);
    const headers = {
      ...json,
      ":method": "POST",
      ":path": "/livellm.v1.AgentService/Run",
      ...(authorization && { authorization }),
    };
    const stream = session.request(headers);
    stream.end(JSON.stringify(echoRequest("Hello!")));
    const answer = await new Promise<Readonly<Record<string, unknown>>>((resolve) => stream.once("response", resolve));
    session.destroy();
    return refusalOf(Number(answer[":status"]), (name) => answer[name]?.toString());
  },
};

describe.each(Object.entries(faces))("over %s", (_, ask) => {
  test("401 says how to say who one is, and asks no browser for a password", async () => {
    expect(await ask(gateway.url, undefined)).toMatchObject({ status: 401, challenge: 'Bearer realm="livellm"' });
  });

  test("429 says when to come again", async () => {
    const { secret } = await gateway.createToken({ requestsPerMinute: 1 });
    await ask(gateway.url, `Bearer ${secret}`);
    const { status, retryAfter } = await ask(gateway.url, `Bearer ${secret}`);
    expect(status).toBe(429);
    expect(Number(retryAfter)).toBeGreaterThan(0);
    expect(Number(retryAfter)).toBeLessThanOrEqual(61);
  });
});
