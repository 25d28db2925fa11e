import type { ProviderKind } from "../core/provider.ts";
import { anthropic } from "./anthropic/index.ts";
import { google } from "./google/index.ts";
import { local } from "./local/index.ts";
import { openai } from "./openai/index.ts";
import { openaiCompatible } from "./openai-compatible/index.ts";

/** The kinds of provider there are. */
export const providerKinds: readonly ProviderKind[] = [anthropic, google, local, openai, openaiCompatible];
