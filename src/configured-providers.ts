import type { Config, EnvironmentProvider } from "./config.ts";
import type { ProviderConfig } from "./core/provider.ts";
import { ollamaAnswers, ollamaBaseUrl } from "./providers/ollama/index.ts";
import { createUpstream } from "./upstream/upstream.ts";

/** What is looked for at the start; the processes of one server agree on what the first of them has found. */
export interface FoundAtStart {
  /** Whether Ollama answers where it usually is. */
  readonly ollama: boolean;
  readonly timeMs: number;
}

/** The read-only providers: `local`, Ollama where it was found, and one for each key in the environment. */
export function configuredProviders(config: Config, { ollama, timeMs }: FoundAtStart): readonly ProviderConfig[] {
  const since = new Date(timeMs);
  const baseUrl = ollamaBaseUrl(config.ollamaHost);
  return [
    readOnlyProvider({ kind: "local", displayName: "Local engine", defaultModel: "echo", since }),
    ...config.providers.map((provider) =>
      readOnlyProvider({ ...provider, displayName: "From the environment", since }),
    ),
    ...(ollama ? [readOnlyProvider({ kind: "ollama", baseUrl, displayName: "Ollama", since })] : []),
  ];
}

export async function lookAround(config: Config): Promise<FoundAtStart> {
  return { ollama: await findOllama(config), timeMs: Date.now() };
}

/** Whether Ollama is where the environment says, or answers where it usually is. */
async function findOllama({ ollamaHost }: Config): Promise<boolean> {
  return ollamaHost !== "" || (await answersAt(ollamaBaseUrl(ollamaHost)));
}

async function answersAt(baseUrl: string): Promise<boolean> {
  const upstream = createUpstream({ connectTimeoutMs: 300, secrets: [] });
  try {
    return await ollamaAnswers(upstream, baseUrl, new AbortController().signal);
  } finally {
    await upstream.close();
  }
}

interface ReadOnlyProvider extends EnvironmentProvider {
  readonly displayName: string;
  readonly defaultModel?: string;
  readonly since: Date;
}

function readOnlyProvider({ since, defaultModel = "", ...provider }: ReadOnlyProvider): ProviderConfig {
  return {
    id: provider.kind,
    kind: provider.kind,
    displayName: provider.displayName,
    apiKey: provider.apiKey,
    baseUrl: provider.baseUrl ?? "",
    headers: {},
    allowedModels: [],
    blockedModels: [],
    defaultOptions: {},
    labels: {},
    disabled: false,
    readOnly: true,
    createTime: since,
    updateTime: since,
    revision: "environment",
    defaultModel,
    fallbackModel: "",
    models: [],
    settings: {},
  };
}
