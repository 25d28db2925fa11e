import { randomBytes } from "node:crypto";
import { chownSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { openStore } from "../../src/store/open-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import type { StoreLog } from "../../src/store/store-log.ts";
import { makeAuthority, makeCertificate, openssl } from "../security/certificates.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type PostgresServer, postgres, postgresPassword, startPostgres } from "../support/postgres.ts";
import { bareDraft } from "./provider-drafts.ts";

const sealer = createSealer(randomBytes(32));

describeWith(postgres, "PostgreSQL that cannot be used", () => {
  let server: PostgresServer;
  let url = "";
  beforeAll(async () => {
    server = await startPostgres();
  });
  beforeEach(async () => {
    await server.start();
    url = await server.createDatabase();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe("at the start", () => {
    it.each([
      [
        "the password is wrong",
        () => url.replace(postgresPassword, "wrong-canary"),
        /refuses the password of the user "livellm"/,
      ],
      ["the user is missing", () => url.replace("livellm:", "nobody:"), /refuses the password of the user "nobody"/],
      ["the password is missing", () => url.replace(`:${postgresPassword}`, ""), /wants a password/],
      [
        "the database is missing",
        () => url.replace(/\w+$/, "missing"),
        /has no database "missing": make one with createdb/,
      ],
      ["it speaks no TLS", () => `${url}?sslmode=require`, /does not speak TLS/],
    ])("says at once that %s, and no password", async (_, address, words) => {
      const log = quietLog();
      const error = await failureOf(openStore(address(), sealer, { log, startTimeoutMs: 60_000 }));
      expect(error.message).toMatch(words);
      expect(error.message).toContain(`127.0.0.1:${server.port}`);
      expect(log.warn).not.toHaveBeenCalled();
      expect(inspect(error, { depth: 9 })).not.toMatch(/canary/);
    });

    it("says that it may make no tables, and what to grant", async () => {
      await server.execute(`revoke all on database ${new URL(url).pathname.slice(1)} from public`);
      await server.execute("alter schema public owner to postgres; revoke create on schema public from public", url);
      const error = await failureOf(openStore(url, sealer));
      expect(error.message).toMatch(
        /does not give the user "livellm" the rights it needs: .*grant create on schema public/,
      );
    });

    it("says that it cannot be reached, when it has waited for long enough", async () => {
      await server.stop();
      const log = quietLog();
      const error = await failureOf(openStore(url, sealer, { log, startTimeoutMs: 100 }));
      expect(error.message).toMatch(
        /^the database postgres:\/\/livellm@127\.0\.0\.1:\d+\/\w+ cannot be reached \(ECONNREFUSED\)$/,
      );
      expect(log.warn.mock.calls).toEqual([[expect.stringMatching(/waiting for it, 1 s at most$/)]]);
    });

    it("is waited for", async () => {
      await server.stop();
      const log = quietLog();
      const opening = openStore(url, sealer, { log, startTimeoutMs: 60_000 });
      await vi.waitFor(() => expect(log.warn).toHaveBeenCalledTimes(1), 10_000);
      await server.start();
      const store = await opening;
      expect(await store.list()).toEqual([]);
      await store.close();
    });
  });

  it.each(["fast", "crash"] as const)("is said once to be away (%s), and once to be back", async (how) => {
    const log = quietLog();
    const store = await openStore(url, sealer, { log, reconcileMs: 50 });
    await store.create(bareDraft("a"));
    for (const { subscribe, revisions } of [store, store.routes, store.tokens]) {
      subscribe(() => void revisions().catch(() => undefined)); // as those do who keep what is stored
    }
    await server.stop(how);
    await vi.waitFor(() => expect(log.warn).toHaveBeenCalledTimes(1), 10_000);
    for (const query of [store.list(), store.create(bareDraft("b")), store.audit.latest(1, "")]) {
      await expect(query).rejects.toMatchObject({
        code: "unavailable",
        message: expect.stringMatching(/cannot be reached at the moment.*Try again later/),
      });
    }
    await server.start();
    await vi.waitFor(() => expect(log.info).toHaveBeenCalledTimes(1), 10_000);
    expect((await store.list()).map(({ id }) => id)).toEqual(["a"]);
    await store.close();
    expect(log.warn.mock.calls).toEqual([
      [expect.stringMatching(/^the database postgres:.* Calls go on with what was last/)],
    ]);
    expect(log.info.mock.calls).toEqual([[expect.stringMatching(/ is back after [\d.]+ s$/)]]);
    expect(JSON.stringify([log.warn.mock.calls, log.info.mock.calls])).not.toContain("canary");
  });

  it("is told of what was changed while it was not heard", async () => {
    const one = await openStore(url, sealer, { reconcileMs: 3_600_000 });
    await server.stop();
    await server.start();
    const two = await openStore(url, sealer);
    const told = new Promise<void>((resolve) => one.subscribe(resolve));
    await two.create(bareDraft("a"));
    await told;
    await vi.waitFor(async () => expect(await one.list()).toHaveLength(1), 10_000);
    await Promise.all([one.close(), two.close()]);
  });

  it("says once that it takes no changes, and not that it is back while it can only be read", async () => {
    const log = quietLog();
    const store = await openStore(url, sealer, { log, reconcileMs: 3_600_000 });
    const setReadOnly = async (value: "on" | "off") => {
      await server.execute(`alter system set default_transaction_read_only = ${value}`);
      await server.execute("select pg_reload_conf()");
    };
    onTestFinished(() => setReadOnly("off"));
    await setReadOnly("on");
    // A session takes it up between two queries.
    const create = () => store.create(bareDraft(`p-${randomBytes(4).toString("hex")}`));
    await vi.waitFor(() => expect(create()).rejects.toMatchObject({ code: "unavailable" }), 10_000);
    for (let i = 0; i < 3; i++) await store.list();
    expect([store.available(), log.info.mock.calls]).toEqual([false, []]);
    expect(log.warn.mock.calls).toEqual([[expect.stringContaining("is read-only: the address leads to a standby")]]);
    await setReadOnly("off");
    await vi.waitFor(async () => {
      await store.list();
      expect(store.available()).toBe(true);
    }, 10_000);
    expect(log.info.mock.calls).toEqual([[expect.stringMatching(/ is back after [\d.]+ s$/)]]);
    await store.close();
  });

  it("closes while it is away", async () => {
    const store = await openStore(url, sealer);
    await server.stop("crash");
    await store.close();
  });
});

describeWith(postgres.missing ? postgres : openssl, "PostgreSQL over TLS", () => {
  let server: PostgresServer;
  let url = "";
  let authority = "";
  beforeAll(async () => {
    server = await startPostgres();
    const known = makeAuthority(server.folder, "authority");
    const { certFile, keyFile } = makeCertificate(known, "server", "server");
    authority = known.certFile;
    chownSync(keyFile, ...server.owner);
    await server.stop();
    await server.start(["ssl=on", `ssl_cert_file=${certFile}`, `ssl_key_file=${keyFile}`]);
    url = await server.createDatabase();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it.each([
    ["require", () => ""],
    ["verify-ca", () => `&sslrootcert=${authority}`],
    ["verify-full", () => `&sslrootcert=${authority}`],
  ])("is used with sslmode=%s", async (mode, more) => {
    const store = await openStore(`${url}?sslmode=${mode}${more()}`, sealer);
    const [row] = await server.execute("select count(*)::int as count from pg_stat_ssl where ssl", url);
    expect(row?.count).toBeGreaterThanOrEqual(2);
    await store.close();
  });

  it("is refused when its authority is not known", async () => {
    const error = await failureOf(openStore(`${url}?sslmode=verify-full`, sealer));
    expect(error.message).toMatch(/has a certificate that is .*name its authority with sslrootcert=FILE/);
  });
});

function quietLog() {
  return { warn: vi.fn<StoreLog["warn"]>(), info: vi.fn<StoreLog["info"]>() };
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error("it did not fail");
}
