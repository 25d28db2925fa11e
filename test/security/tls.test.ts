import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { request } from "node:https";
import tls from "node:tls";
import { type Client, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { echoRequest } from "../support/echo-request.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type Gateway, runGateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { type Certificate, makeAuthority, makeCertificate, openssl, replaceFile } from "./certificates.ts";

interface Trust {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

const transports = {
  gRPC: (baseUrl: string, nodeOptions: Trust) => createGrpcTransport({ baseUrl, nodeOptions }),
  "gRPC-Web": (baseUrl: string, nodeOptions: Trust) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions }),
  "Connect over HTTP/1.1": (baseUrl: string, nodeOptions: Trust) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions }),
  "Connect over HTTP/2": (baseUrl: string, nodeOptions: Trust) =>
    createConnectTransport({ baseUrl, httpVersion: "2", nodeOptions }),
};

const names = Object.keys(transports) as (keyof typeof transports)[];

function clientOf(name: keyof typeof transports, url: string, trust: Trust): Client<typeof AgentService> {
  return createClient(AgentService, transports[name](url, trust));
}

const ask = { route: { targets: [{ provider: "local", model: "echo" }] }, messages: [{ text: "Hello!" }] };

describeWith(openssl, "TLS", () => {
  const folder = temporaryFolder();
  let authority: Certificate;
  let inUse: Certificate;
  let gateway: Gateway;
  let trust: Trust;

  beforeAll(async () => {
    authority = makeAuthority(folder, "authority");
    inUse = makeCertificate(authority, "in-use", "server");
    trust = { ca: authority.cert };
    gateway = await startGateway({ env: { LIVELLM_TLS_CERT: inUse.certFile, LIVELLM_TLS_KEY: inUse.keyFile } });
  });

  afterAll(async () => {
    await gateway.stop();
    rmSync(folder, { recursive: true });
  });

  test.each(names)("serves %s", async (name) => {
    expect(gateway.url).toMatch(/^https:/);
    const client = clientOf(name, gateway.url, trust);
    const events = await Array.fromAsync(client.runStream(ask));
    expect(events.at(-1)?.event.case).toBe("finished");
  });

  test("serves JSON and a WebSocket", async () => {
    expect(await postJson(gateway.url, trust)).toMatchObject({ status: 200 });
    const socket = new WebSocket(`${gateway.url.replace("https", "wss")}/livellm.v1.AgentService/RunStream`, trust);
    socket.on("open", () => socket.send(JSON.stringify(echoRequest("Hello!"))));
    const frames: string[] = [];
    socket.on("message", (data) => frames.push(String(data)));
    await once(socket, "close");
    expect(JSON.parse(frames.at(-1) ?? "")).toEqual({ status: { code: "ok" } });
  });

  test.each([
    [["h2", "http/1.1"], "h2"],
    [["http/1.1"], "http/1.1"],
    [["h2"], "h2"],
    [undefined, false],
  ])("agrees by ALPN with a client that offers %j on %j", async (ALPNProtocols, agreed) => {
    const socket = await handshake(gateway, { ...trust, ALPNProtocols });
    expect(socket.alpnProtocol).toBe(agreed);
    socket.destroy();
  });

  test("speaks 1.2 and 1.3, and nothing older", async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = await handshake(gateway, { ...trust, minVersion: version, maxVersion: version });
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
    const old = { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await expect(handshake(gateway, { ...trust, ...old })).rejects.toThrow(/alert|version/i);
  });

  test("answers nothing that is not encrypted", async () => {
    await expect(fetch(gateway.url.replace("https", "http"))).rejects.toThrow();
    await clientOf("gRPC", gateway.url, trust).run(ask);
  });

  test("takes over a new certificate for new connections, and keeps it when a bad one comes", async () => {
    const files = makeCertificate(authority, "renewed", "server", 20);
    const served = makeCertificate(authority, "served", "server");
    const env = { LIVELLM_TLS_CERT: served.certFile, LIVELLM_TLS_KEY: served.keyFile };
    await using own = await startGateway({ env });
    const old = clientOf("gRPC", own.url, trust);
    const stream = old.runStream({ ...ask, messages: [{ text: "a b c d" }] })[Symbol.asyncIterator]();
    await stream.next();

    replaceFile(served.keyFile, files.keyFile);
    replaceFile(served.certFile, files.certFile);
    await own.logged("TLS certificate replaced");
    expect(await commonNameOf(own, trust)).toBe("renewed");
    await drainStream(stream);
    const endsAt = new X509Certificate(files.cert).validToDate.getTime() / 1000;
    expect(await metricOf(own, trust, "livellm_tls_certificate_not_after_seconds")).toBe(endsAt);

    replaceFile(served.keyFile, authority.keyFile);
    expect(await own.logged("TLS files not taken; the certificate in use stays")).toMatchObject({
      reason: expect.stringContaining("cannot be used"),
    });
    expect(await commonNameOf(own, trust)).toBe("renewed");
    expect(own.output()).not.toContain("PRIVATE KEY");
  });

  test("lets a stream under way finish after SIGTERM", async () => {
    const env = { LIVELLM_TLS_CERT: inUse.certFile, LIVELLM_TLS_KEY: inUse.keyFile };
    const own = await startGateway({ env });
    const words = Array.from({ length: 20 }, (_, i) => `word-${i}`).join(" ");
    const target = { provider: "local", model: "echo", options: { pace_ms: 20 } };
    for (const name of ["gRPC", "Connect over HTTP/1.1"] as const) {
      const stream = clientOf(name, own.url, trust).runStream({
        route: { targets: [target] },
        messages: [{ text: words }],
      });
      const iterator = stream[Symbol.asyncIterator]();
      await iterator.next();
      if (name === "gRPC") {
        await drainStream(iterator);
        continue;
      }
      own.kill("SIGTERM");
      await own.logged("draining");
      await drainStream(iterator);
    }
    expect(await own.ended).toBe(0);
  });

  test("ends at once after SIGTERM where connections have said nothing, or are gone", async () => {
    const env = { LIVELLM_TLS_CERT: inUse.certFile, LIVELLM_TLS_KEY: inUse.keyFile };
    const own = await startGateway({ env });
    const silent = await Promise.all(
      [["h2"], ["http/1.1"], undefined].map((ALPNProtocols) => handshake(own, { ...trust, ALPNProtocols })),
    );
    const gone = await handshake(own, { ...trust });
    gone.destroy();
    for (const socket of silent) socket.on("error", () => undefined);
    own.kill("SIGTERM");
    expect(await own.ended).toBe(0); // the grace period is longer than this test may take
  });

  test("what cannot be used ends it with one line that says so", async () => {
    const other = makeCertificate(authority, "other", "server");
    const cases = [
      [{ LIVELLM_TLS_CERT: inUse.certFile }, "LIVELLM_TLS_KEY"],
      [{ LIVELLM_TLS_CERT: inUse.certFile, LIVELLM_TLS_KEY: other.keyFile }, "cannot be used"],
      [{ LIVELLM_TLS_CERT: `${folder}/none.pem`, LIVELLM_TLS_KEY: other.keyFile }, "none.pem"],
    ] as const;
    for (const [env, said] of cases) {
      const { code, stdout, stderr } = await runGateway(env);
      expect(code).toBe(1);
      expect((stdout + stderr).trim().split("\n").at(-1)).toContain(said);
    }
  });
});

describeWith(openssl, "mTLS", () => {
  const folder = temporaryFolder();
  let gateway: Gateway;
  let trust: Trust;
  let known: Certificate;
  let stranger: Certificate;

  beforeAll(async () => {
    const authority = makeAuthority(folder, "authority");
    const server = makeCertificate(authority, "server", "server");
    const clients = makeAuthority(folder, "clients");
    known = makeCertificate(clients, "known", "client");
    stranger = makeCertificate(makeAuthority(folder, "elsewhere"), "stranger", "client");
    trust = { ca: authority.cert };
    gateway = await startGateway({
      env: {
        LIVELLM_TLS_CERT: server.certFile,
        LIVELLM_TLS_KEY: server.keyFile,
        LIVELLM_TLS_CLIENT_CA: clients.certFile,
      },
    });
  });

  afterAll(async () => {
    await gateway.stop();
    rmSync(folder, { recursive: true });
  });

  test.each(names)("serves a client with a certificate over %s", async (name) => {
    const client = clientOf(name, gateway.url, { ...trust, cert: known.cert, key: known.key });
    expect((await client.run(ask)).finishReason).toBeGreaterThan(0);
  });

  test.each(names)("nobody else gets in over %s", async (name) => {
    const nobody = clientOf(name, gateway.url, trust);
    await expect(nobody.run(ask)).rejects.toSatisfy(isConnectionFailure);
    const foreign = clientOf(name, gateway.url, { ...trust, cert: stranger.cert, key: stranger.key });
    await expect(foreign.run(ask)).rejects.toSatisfy(isConnectionFailure);
  });

  test("nor over JSON or a WebSocket", async () => {
    await expect(postJson(gateway.url, trust)).rejects.toThrow();
    const socket = new WebSocket(`${gateway.url.replace("https", "wss")}/livellm.v1.AgentService/RunStream`, trust);
    const opened = new Promise((resolve, reject) => socket.on("open", resolve).on("error", reject));
    await expect(opened).rejects.toThrow();
  });
});

/** Whatever the client makes of a connection that is cut: not a status that this server has sent, which has details. */
function isConnectionFailure(error: unknown): boolean {
  return error instanceof ConnectError && error.details.length === 0;
}

/** Resolves once the server has taken the connection; with TLS 1.3 a client learns of a refusal only then. */
async function handshake(gateway: Gateway, options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: "127.0.0.1", port: Number(new URL(gateway.url).port), ...options });
  await once(socket, "secureConnect");
  return socket;
}

async function commonNameOf(gateway: Gateway, trust: Trust): Promise<unknown> {
  const socket = await handshake(gateway, { ...trust });
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

async function drainStream(stream: AsyncIterator<{ readonly event: { readonly case?: string } }>): Promise<void> {
  let last: string | undefined;
  for (let next = await stream.next(); !next.done; next = await stream.next()) last = next.value.event.case;
  expect(last).toBe("finished");
}

/** A metric without labels. */
function metricOf({ url }: Gateway, trust: Trust, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(`${url}/metrics`, trust, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      resolve(Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]));
    });
    call.on("error", reject).end();
  });
}

function postJson(url: string, trust: Trust): Promise<{ readonly status: number | undefined }> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers: { "content-type": "application/json" }, ...trust };
    const call = request(`${url}/livellm.v1.AgentService/Run`, options, (response) => {
      response.resume().on("end", () => resolve({ status: response.statusCode }));
    });
    call.on("error", reject);
    call.end(JSON.stringify(ask));
  });
}
