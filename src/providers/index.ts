import type { ProviderKind } from "../core/provider.ts";
import { anthropic } from "./anthropic/index.ts";
import { google } from "./google/index.ts";
import { createLocal, type LocalEngine } from "./local/index.ts";
import { openai } from "./openai/index.ts";
import { openaiCompatible } from "./openai-compatible/index.ts";

/** The kinds of provider there are. */
export const providerKinds = (engine: LocalEngine): readonly ProviderKind[] => [
  anthropic,
  google,
  createLocal(engine),
  openai,
  openaiCompatible,
];
