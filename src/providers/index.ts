import type { ProviderKind } from "../core/provider.ts";
import { anthropic } from "./anthropic/index.ts";
import { elevenlabs } from "./elevenlabs/index.ts";
import { google } from "./google/index.ts";
import { groq } from "./groq/index.ts";
import { livellmAsr } from "./livellm-asr/index.ts";
import { createLocal, type LocalEngine } from "./local/index.ts";
import { mistral } from "./mistral/index.ts";
import { ollama } from "./ollama/index.ts";
import { openai } from "./openai/index.ts";
import { openaiCompatible } from "./openai-compatible/index.ts";

/** The kinds of provider there are. */
export const providerKinds = (engine: LocalEngine): readonly ProviderKind[] => [
  anthropic,
  elevenlabs,
  google,
  groq,
  livellmAsr,
  createLocal(engine),
  mistral,
  ollama,
  openai,
  openaiCompatible,
];
