import type { Kysely } from "kysely";
import { LivellmError } from "../core/error.ts";
import type { Sealer } from "./sealing.ts";
import type { Tables } from "./tables.ts";

/** Makes sure that the secrets in a database can be opened. Throws `failed_precondition` with what to do when not. */
export async function checkSecrets(db: Kysely<Tables>, sealer: Sealer, name: string): Promise<void> {
  const rows = await db.selectFrom("provider").select(["id", "secrets"]).where("secrets", "is not", null).execute();
  const sealed = rows.filter((row) => row.secrets !== null && sealer.open(row.secrets, row.id) === undefined);
  if (sealed.length === 0) return;
  const ids = sealed.slice(0, 20).map((row) => row.id);
  const message =
    `LIVELLM_MASTER_KEY (or the master.key beside the database) does not open the secrets in ${name} of ` +
    `${sealed.length} of ${rows.length} providers: ${ids.join(", ")}. Set the key that they were stored with. If it is ` +
    "lost, move the database away and add the providers again";
  throw new LivellmError("failed_precondition", "invalid_request", message);
}
