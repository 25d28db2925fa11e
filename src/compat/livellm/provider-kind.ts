/** The kinds of provider that livellm's clients know, and the adapter here that each of them means. */
const adapterOfKind = {
  openai: "openai",
  openai_chat: "openai-compatible",
  google: "google",
  anthropic: "anthropic",
  groq: "groq",
  vllm: "openai-compatible",
  elevenlabs: "elevenlabs",
  livellm: "livellm-asr",
} as const;

export type LivellmKind = keyof typeof adapterOfKind;

export const livellmKinds = Object.keys(adapterOfKind) as readonly LivellmKind[];

/** The adapter for a provider. OpenAI itself takes no call without a key: an address without one is a server like it. */
export function adapterOf({ provider, api_key }: { readonly provider: LivellmKind; readonly api_key: string }): string {
  const like = provider === "openai" && api_key === "";
  return adapterOfKind[like ? "openai_chat" : provider];
}

/** Where the kind that a client chose is kept, because two of them are the same adapter. */
export const kindLabel = "livellm-kind";

/** What a provider is called on this surface: what its client chose, else by its adapter, else undefined. */
export function kindOfProvider(provider: {
  readonly kind: string;
  readonly labels: Readonly<Record<string, string>>;
}): LivellmKind | undefined {
  const chosen = livellmKinds.find((name) => name === provider.labels[kindLabel]);
  return chosen ?? livellmKinds.find((name) => adapterOfKind[name] === provider.kind);
}

/**
 * The kinds that the caller's enum has: the Python client reads a list strictly, so that one strange kind breaks all of it
 * (1.3 to 1.7 know five, 1.8 knows `openai_chat` and `vllm` too). A kind that it does not know is told as the nearest one,
 * or not at all. Every other client is told the truth.
 */
export function kindFor(kind: LivellmKind, userAgent: string): LivellmKind | undefined {
  const [, major, minor] = /^livellm-python\/(\d+)\.(\d+)/.exec(userAgent) ?? [];
  const old =
    userAgent.startsWith("python-httpx/") || (major !== undefined && Number(major) === 1 && Number(minor) < 8);
  const python = old || major !== undefined;
  if (python && kind === "livellm") return undefined;
  return old && (kind === "openai_chat" || kind === "vllm") ? "openai" : kind;
}
