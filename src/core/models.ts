import type { Modality } from "./chat.ts";
import type { JsonObject } from "./json.ts";
import type { Pricing } from "./pricing.ts";

/** What a model can be used for, as the contract's `Capability` names it. */
export type ModelCapability =
  | "agent"
  | "speak"
  | "speak_duplex"
  | "transcribe"
  | "transcribe_stream"
  | "generate_image"
  | "edit_image"
  | "live";

/** What a model for the agent can do besides, as the contract's `Feature` names it. */
export type ModelFeature = "tools" | "json_schema" | "reasoning" | "web_search" | "code_execution";

/** What is known of a model, by whoever knows it; what nobody says is absent, never guessed from its name. */
export interface ModelDescription {
  readonly displayName?: string;
  /** Other names that its provider knows it by. */
  readonly aliases?: readonly string[];
  readonly capabilities?: readonly ModelCapability[];
  readonly features?: readonly ModelFeature[];
  readonly inputModalities?: readonly Modality[];
  readonly outputModalities?: readonly Modality[];
  /** The most tokens it takes, input and output together. */
  readonly contextWindow?: number;
  /** The most tokens it writes. */
  readonly maxOutputTokens?: number;
  /** BCP-47. */
  readonly languageCodes?: readonly string[];
  /** Whether it runs on the caller's own machines. */
  readonly local?: boolean;
  readonly pricing?: Pricing;
  /** When its provider will withdraw it. */
  readonly retireTime?: Date;
  /** What else is known, such as the sizes of an image model, in the provider's own words. */
  readonly metadata?: JsonObject;
}

/** A model as its provider lists it; what the provider does not say is absent. */
export interface ListedModel extends ModelDescription {
  readonly id: string;
}

/** Lists the models of a provider; also how a provider's address and key are checked without spending tokens. */
export interface Models {
  list(signal: AbortSignal): Promise<readonly ListedModel[]>;
}
