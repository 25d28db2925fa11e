import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { makeAuthority, makeCertificate, openssl } from "../security/certificates.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { startGateway, temporaryFolder } from "../support/gateway.ts";
import { livellm } from "../support/livellm.ts";

test("ends with 0 and without a word while the gateway serves, by PORT alone; with 3 when it is gone", async () => {
  const gateway = await startGateway({ env: { LIVELLM_ADMIN_TOKEN: "an-administrators-token" } });
  const env = { PORT: new URL(gateway.url).port };
  expect(await livellm(["healthcheck"], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
  await gateway.stop();
  expect((await livellm(["healthcheck"], { env })).code).toBe(3);
});

describeWith(openssl, "with TLS", () => {
  const folder = temporaryFolder();
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const authority = () => makeAuthority(folder, "authority");

  test("knows the gateway by its own certificate, and no other; chat by its authority", async () => {
    const ca = authority();
    const [served, other] = ["served", "other"].map((name) => makeCertificate(ca, name, "server"));
    const tls = { LIVELLM_TLS_CERT: served?.certFile ?? "", LIVELLM_TLS_KEY: served?.keyFile ?? "" };
    await using gateway = await startGateway({ env: tls });
    const env = { PORT: new URL(gateway.url).port, ...tls };
    expect(await livellm(["healthcheck"], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
    const stranger = await livellm(["healthcheck"], { env: { ...env, LIVELLM_TLS_CERT: other?.certFile ?? "" } });
    expect(stranger.code).not.toBe(0);
    const chat = ["chat", "-p", "local", "hi", "--url", `https://localhost:${env.PORT}`];
    expect((await livellm([...chat, "--ca", ca.certFile])).stdout).toBe("hi\n");
    expect((await livellm(chat)).code).toBe(3);
  });

  test("shows its certificate to a gateway that asks for one", async () => {
    const ca = authority();
    const [served, client] = [makeCertificate(ca, "served", "server"), makeCertificate(ca, "client", "client")];
    const tls = { LIVELLM_TLS_CERT: served.certFile, LIVELLM_TLS_KEY: served.keyFile };
    await using gateway = await startGateway({ env: { ...tls, LIVELLM_TLS_CLIENT_CA: ca.certFile } });
    const env = { PORT: new URL(gateway.url).port, ...tls };
    expect((await livellm(["healthcheck"], { env })).code).not.toBe(0);
    const shown = { LIVELLM_CLIENT_CERT: client.certFile, LIVELLM_CLIENT_KEY: client.keyFile };
    expect(await livellm(["healthcheck"], { env: { ...env, ...shown } })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect((await livellm(["healthcheck", "--cert", client.certFile], { env })).code).toBe(2);
  });
});
