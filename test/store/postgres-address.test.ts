import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { openStore } from "../../src/store/open-store.ts";
import { postgresAddress } from "../../src/store/postgres-address.ts";
import { createSealer } from "../../src/store/sealing.ts";
import { temporaryFolder } from "../support/gateway.ts";

const folder = temporaryFolder();
const authority = path.join(folder, "authority.crt");
writeFileSync(authority, "");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([
  ["postgres://livellm:hunter2@db:5432/livellm", "postgres://livellm@db:5432/livellm"],
  ["postgresql://livellm:hunter2@db/livellm?sslmode=require", "postgres://livellm@db/livellm"],
  ["postgres://db/livellm?user=u%40x&password=hunter2", "postgres://u@x@db/livellm"],
  ["postgres://livellm:hunter2@%2Frun%2Fpostgresql/livellm", "postgres://livellm@/run/postgresql/livellm"],
  ["postgres:///livellm?host=/run/postgresql&user=u", "postgres://u@/run/postgresql/livellm"],
  ["postgres://livellm@[::1]:5433/live%20llm", "postgres://livellm@[::1]:5433/live llm"],
])("%s is called %s", (url, name) => {
  expect(postgresAddress(url).name).toBe(name);
});

it.each([
  ["postgres://livellm:hunter2@db:port/livellm", /it is not an address/],
  ["postgres://livellm:hunter2@db", /names no database/],
  ["postgres://livellm:hunter2@db/livellm?sslmode=prefer", /sslmode must be one of disable, require/],
  ["postgres://livellm:hunter2@db/livellm?sslmode=verify-ca", /needs sslrootcert=FILE/],
  ["postgres://livellm:hunter2@db/livellm?sslrootcert=/not/here.crt", /sslrootcert cannot be read: \/not\/here\.crt/],
])("%s is refused, with why, and without its password", async (url, words) => {
  const error: unknown = await openStore(url, createSealer(new Uint8Array(32))).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ name: "LivellmError", code: "failed_precondition" });
  expect(String(error)).toMatch(words);
  expect(String(error)).not.toContain("hunter2");
});

it("has libpq's modes of TLS", () => {
  const url = `postgres://livellm@db/livellm?sslrootcert=${authority}&sslmode=verify-full`;
  expect(postgresAddress(url).connectionString).toBe(`${url}&uselibpqcompat=true`);
  expect(postgresAddress("postgres://db/livellm").connectionString).toBe("postgres://db/livellm");
});
