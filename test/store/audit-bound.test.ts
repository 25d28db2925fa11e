import { expect, test } from "vitest";
import { createSqlAuditStore } from "../../src/store/sql-audit-store.ts";
import { openSqliteInMemory } from "../../src/store/sqlite.ts";

test("the audit log keeps so many events, and drops the oldest", async () => {
  const { db, migrate } = openSqliteInMemory();
  await migrate();
  const audit = createSqlAuditStore(db, (query) => query(), 3);
  for (const resourceId of ["a", "b", "c", "d", "e"]) {
    const time = new Date();
    const who = { actor: "admin", remoteAddress: "", requestId: "" };
    await audit.append({ ...who, time, rpc: "s/m", resourceId, changedFields: [], outcome: "ok" });
  }
  expect((await audit.latest(10, "")).map(({ resourceId }) => resourceId)).toEqual(["e", "d", "c"]);
  await db.destroy();
});
