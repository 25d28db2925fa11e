import type { Images } from "../../core/images.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { createImages } from "../openai-compatible/images.ts";
import { otherOpenAIModel } from "../openai-compatible/images-models.ts";

/** Images of OpenAI: the GPT Image family, and what may come after it. */
export function createOpenAIImages(connection: ProviderConnection, upstream: Upstream): Images {
  return createImages({ connection, dialect: dialects.openai, otherwise: otherOpenAIModel }, upstream);
}
