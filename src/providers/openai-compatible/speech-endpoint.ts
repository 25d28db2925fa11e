import type { ProviderConnection } from "../../core/provider.ts";
import type { Dialect } from "./dialect.ts";
import { chatUrl } from "./endpoint.ts";

/** The address of a call under `/audio`, such as `speech`: where chat completions are, deployments and all. */
export function audioUrl(connection: ProviderConnection, dialect: Dialect, model: string, path: string): string {
  return chatUrl(connection, dialect, model).replace("/chat/completions", `/audio/${path}`);
}
