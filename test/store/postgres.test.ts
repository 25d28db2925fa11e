import { randomBytes } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { openStore } from "../../src/store/open-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type PostgresServer, postgres, startPostgres } from "../support/postgres.ts";
import { describeAccessStores } from "./access-contract.ts";
import { describeProviderStore } from "./contract.ts";
import { describeRouteStore } from "./route-contract.ts";

const sealer = createSealer(randomBytes(32));

describeWith(postgres, "PostgreSQL", () => {
  let server: PostgresServer;
  let url = "";
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
    await (await openStore(url, sealer)).close();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const openEmpty = async () => {
    await server.execute("truncate provider, route, token, audit_event", url);
    return await openStore(url, sealer);
  };
  describeProviderStore("postgres", openEmpty);
  describeRouteStore("postgres", openEmpty);
  describeAccessStores("postgres", openEmpty);
});
