import type { AuditRow } from "./audit-row.ts";
import type { ProviderRow } from "./provider-row.ts";
import type { RouteRow } from "./route-row.ts";
import type { TokenRow } from "./token-row.ts";

/** The tables, the same in every database. */
export interface Tables {
  readonly provider: ProviderRow;
  readonly route: RouteRow;
  readonly token: TokenRow;
  readonly audit_event: AuditRow;
  readonly setting: SettingRow;
}

/** A row of the table `setting`: what the store notes of itself. */
interface SettingRow {
  readonly name: string;
  readonly value: string;
}
