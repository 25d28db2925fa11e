import type { ProviderRow } from "./provider-row.ts";
import type { AuditTables } from "./sql-audit-store.ts";
import type { RouteTables } from "./sql-route-store.ts";
import type { TokenTables } from "./sql-token-store.ts";

/** The tables, the same in every database. */
export interface Tables extends RouteTables, TokenTables, AuditTables {
  readonly provider: ProviderRow;
}
