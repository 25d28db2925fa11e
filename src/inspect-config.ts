import { readFileSync } from "node:fs";
import { refuseOpenBinding } from "./access/open-binding.ts";
import { readChatSettings } from "./compat/chat/settings.ts";
import type { Config } from "./config.ts";
import type { VariableProblem } from "./environment.ts";
import { ollamaBaseUrl } from "./providers/ollama/index.ts";
import { proxyCheck } from "./requests-guard.ts";
import { createCatalogue } from "./routing/catalogue.ts";
import { databaseNamed, isShared } from "./store/database-url.ts";
import { parseMasterKey, parseOldKeys, sharedKeyMissing } from "./store/master-key.ts";
import { readTlsFiles } from "./transport/tls-files.ts";
import { allowedAddresses } from "./upstream/guard-allowed.ts";

/** What would keep a gateway of this configuration from starting, as far as can be seen without starting one. */
export async function inspectConfig(config: Config): Promise<readonly VariableProblem[]> {
  const found = await Promise.all(
    Object.entries(inspections).map(async ([name, inspect]) => {
      try {
        await inspect(config);
        return [];
      } catch (error) {
        return [{ name, problem: error instanceof Error ? error.message : String(error) }];
      }
    }),
  );
  return found.flat();
}

/** By the setting that is to blame. */
const inspections: Readonly<Record<string, (config: Config) => unknown>> = {
  DATABASE_URL: ({ databaseUrl }) => databaseNamed(databaseUrl.reveal()),
  LIVELLM_MASTER_KEY: inspectMasterKey,
  LIVELLM_OLD_MASTER_KEYS: ({ oldMasterKeys }) => parseOldKeys(oldMasterKeys.map((key) => key.reveal())),
  LIVELLM_CATALOGUE: ({ catalogueFile }) =>
    catalogueFile === "" || createCatalogue(undefined, JSON.parse(readFileSync(catalogueFile, "utf8"))),
  LIVELLM_ALLOWED_ADDRESSES: (config) => allowedAddresses(config.allowedAddresses),
  LIVELLM_TRUSTED_PROXIES: ({ trustedProxies }) => proxyCheck(trustedProxies),
  LIVELLM_SURFACES: ({ surfaces, compatEnvironment }) =>
    surfaces.includes("chat") && readChatSettings(compatEnvironment),
  OLLAMA_HOST: ({ ollamaHost }) => ollamaBaseUrl(ollamaHost),
  HOST: ({ host, adminToken, allowAnonymous }) =>
    refuseOpenBinding({ host, hasTokens: adminToken !== undefined, allowAnonymous }),
  LIVELLM_TLS_CERT: ({ tls }) => tls && readTlsFiles(tls),
};

function inspectMasterKey({ masterKey, databaseUrl }: Config): void {
  if (masterKey) parseMasterKey(masterKey.reveal());
  else if (isShared(databaseUrl.reveal())) throw sharedKeyMissing();
}
