import { type AuditStore, operatorEvent } from "./audit-store.ts";
import type { FollowedTable } from "./change-feed.ts";
import { type ImportedResources, importResources } from "./import-resources.ts";
import { createListeners } from "./listeners.ts";
import type { OpenDatabase } from "./open-database.ts";
import type { Outage } from "./outage.ts";
import type { ProviderStore } from "./provider-store.ts";
import type { RouteStore } from "./route-store.ts";
import { type ResealReport, resealSecrets } from "./sealed-secrets.ts";
import type { Sealer } from "./sealing.ts";
import { createSqlAuditStore } from "./sql-audit-store.ts";
import { createSqlProviderStore } from "./sql-provider-store.ts";
import { createSqlRouteStore } from "./sql-route-store.ts";
import { createSqlTokenStore } from "./sql-token-store.ts";
import type { TokenStore } from "./token-store.ts";

/** All that is kept: the providers, and beside them routes, tokens and the audit log, in one database. */
export interface Store extends ProviderStore {
  readonly routes: RouteStore;
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
  /** Whether the database answers; when not, calls go on with what was last known. */
  available(): boolean;
  /** What its secrets are sealed with. */
  readonly sealer: Sealer;
  /** Writes all of them, or, when one cannot be written as it says, none; throws what that one's store would throw. */
  import(resources: ImportedResources): Promise<void>;
  /** Seals every secret with the current master key, and says so in the audit log; may be broken off and run again. */
  reseal(): Promise<ResealReport>;
}

export interface SqlStoreOptions {
  /** The tables must be there. Closed with the store. */
  readonly database: Pick<OpenDatabase, "db" | "changes">;
  readonly sealer: Sealer;
  readonly outage: Outage;
  /** How often the listeners look for what nobody told them, in milliseconds. */
  readonly reconcileMs?: number;
}

/** A missed change is found after so long, in milliseconds. */
const usualReconcileMs = 10_000;

/** The stores over any database that kysely speaks to. What changes after it has resolved, is told of. */
export async function createSqlStore(options: SqlStoreOptions): Promise<Store> {
  const { database, sealer, outage, reconcileMs = usualReconcileMs } = options;
  const { db, changes } = database;
  const { run } = outage;
  const listeners = { provider: createListeners(), route: createListeners(), token: createListeners() };
  const tell = (table?: FollowedTable) => {
    for (const each of table ? [listeners[table]] : Object.values(listeners)) each.tell();
  };
  const audit = createSqlAuditStore(db, run);
  await changes.follow(tell, outage);
  const reconcile = setInterval(() => tell(), reconcileMs).unref();
  return {
    ...createSqlProviderStore({ db, sealer }, { run, listeners: listeners.provider }),
    routes: createSqlRouteStore(db, { run, listeners: listeners.route }),
    tokens: createSqlTokenStore(db, { run, listeners: listeners.token }),
    audit,
    available: () => !outage.away(),
    sealer,
    import: async (resources) => {
      await run(() => importResources(db, sealer, resources));
      tell();
    },
    reseal: async () => {
      const report = await run(() => resealSecrets(db, sealer));
      await audit.append(operatorEvent("reseal", `${report.resealed} providers`));
      return report;
    },
    close: async () => {
      outage.close();
      clearInterval(reconcile);
      for (const each of Object.values(listeners)) each.clear();
      await changes.close();
      await db.destroy();
    },
  };
}
