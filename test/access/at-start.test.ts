import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { createApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { isLoopback } from "../../src/core/loopback.ts";
import { adminToken, startAccessGateway } from "./access-gateway.ts";

const memory = { PORT: "0", DATABASE_URL: "sqlite::memory:" };

describe("without any token", () => {
  test.each(["0.0.0.0", "::", "192.0.2.1", "gateway.example.com", ""])("HOST=%s is refused", async (HOST) => {
    const config = { ...readConfig(memory), host: HOST };
    const starting = createApp(config, pino({ level: "silent" }));
    await expect(starting).rejects.toMatchObject({ code: "failed_precondition" });
    await expect(starting).rejects.toThrow(
      /LIVELLM_ADMIN_TOKEN .*, or HOST=127\.0\.0\.1, or, .*LIVELLM_ALLOW_ANONYMOUS=1/,
    );
  });

  test("LIVELLM_ALLOW_ANONYMOUS=1 serves everybody", async () => {
    await using gateway = await startAccessGateway({ HOST: "0.0.0.0", LIVELLM_ALLOW_ANONYMOUS: "1" });
    expect(await gateway.call("ProvidersService/ListProviders", {}, undefined)).toMatchObject({ status: 200 });
  });
});

test("with the administrator's token any address is served, to those who have a token", async () => {
  await using gateway = await startAccessGateway({ HOST: "0.0.0.0", LIVELLM_ADMIN_TOKEN: adminToken });
  expect(await gateway.call("ProvidersService/ListProviders", {}, undefined)).toMatchObject({ status: 401 });
  expect(await gateway.call("ProvidersService/ListProviders", {})).toMatchObject({ status: 200 });
});

test("LIVELLM_ALLOW_ANONYMOUS does not open a server that has a token", async () => {
  await using gateway = await startAccessGateway({ LIVELLM_ALLOW_ANONYMOUS: "1", LIVELLM_ADMIN_TOKEN: adminToken });
  expect(await gateway.call("ProvidersService/ListProviderKinds", {}, undefined)).toMatchObject({ status: 401 });
});

test.each([
  ["LIVELLM_ADMIN_TOKEN", "fifteen-letters"],
  ["LIVELLM_ADMIN_TOKEN", "with white space in it"],
  ["LIVELLM_ADMIN_TOKEN", "ümläüts-ümläüts-ümläüts"],
  ["LIVELLM_ALLOW_ANONYMOUS", "yes"],
])("%s=%s is refused without being repeated", (name, value) => {
  const reading = () => readConfig({ [name]: value });
  expect(reading).toThrow(name);
  expect(reading).not.toThrow(value);
});

test.each([
  ["127.0.0.1", true],
  ["127.1.2.3", true],
  ["localhost", true],
  ["LOCALHOST", true],
  ["::1", true],
  ["[::1]", true],
  ["::ffff:127.0.0.1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["", false],
  ["10.0.0.1", false],
  ["127.example.com", false],
  ["127.0.0.1.example.com", false],
  ["localhost.example.com", false],
])("%s is loopback: %s", (host, loopback) => expect(isLoopback(host)).toBe(loopback));
