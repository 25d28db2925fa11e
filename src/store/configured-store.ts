import type { Secret } from "../core/secret.ts";
import { databaseNamed, dataFolderOf, isShared } from "./database-url.ts";
import { loadMasterKey, parseOldKeys } from "./master-key.ts";
import { openStore } from "./open-store.ts";
import { createSealer, type Sealer } from "./sealing.ts";
import type { Store } from "./sql-store.ts";
import type { StoreLog } from "./store-log.ts";

/** Where the store is, and what opens it: a part of the process's configuration. */
export interface StoreSettings {
  readonly databaseUrl: Secret;
  readonly masterKey?: Secret;
  readonly oldMasterKeys: readonly Secret[];
  readonly databaseStartTimeoutMs: number;
}

/** Opens the store of a configuration. Throws `failed_precondition` with what to do when it cannot. */
export async function openConfiguredStore(settings: StoreSettings, log: StoreLog): Promise<Store> {
  const sealer = await configuredSealer(settings, log);
  const startTimeoutMs = settings.databaseStartTimeoutMs;
  return await openStore(settings.databaseUrl.reveal(), sealer, { log, startTimeoutMs });
}

async function configuredSealer(settings: StoreSettings, log: StoreLog): Promise<Sealer> {
  const { masterKey, oldMasterKeys } = settings;
  const databaseUrl = settings.databaseUrl.reveal();
  const named = databaseNamed(databaseUrl);
  const databaseFile = named.kind === "sqlite" ? named.file : undefined;
  const place = { dataFolder: dataFolderOf(databaseUrl), databaseFile, shared: isShared(databaseUrl) };
  const key = await loadMasterKey({ ...place, masterKeyHex: masterKey?.reveal() }, (message) => log.warn(message));
  return createSealer(key, parseOldKeys(oldMasterKeys.map((old) => old.reveal())));
}
