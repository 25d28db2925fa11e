import { isLoopback } from "../core/loopback.ts";
import type { ListedModel, ModelCapability, ModelDescription } from "../core/models.ts";
import type { Capabilities, ProviderConfig, ProviderKind } from "../core/provider.ts";
import type { Catalogue } from "./catalogue.ts";
import { addressOf } from "./lease-provider.ts";

/** A model of a configured provider, with all that is known of it. */
export interface KnownModel extends ListedModel {
  /** The provider's id. */
  readonly provider: string;
  readonly providerKind: string;
  readonly revision: string;
}

/** The provider that a model is described for. */
export interface Describer {
  readonly config: ProviderConfig;
  readonly kind: ProviderKind;
  /** Of the built provider; undefined when it has not been built. */
  readonly abilities: Capabilities | undefined;
  readonly catalogue: Catalogue;
}

/** Puts together what is known: the operator's own file first, then what the provider says, then the catalogue. */
export function describeModel(listed: ListedModel, { config, kind, abilities, catalogue }: Describer): KnownModel {
  const names = { provider: config.id, kind: kind.kind, id: listed.id };
  const { shipped, overriding } = catalogue.describe(names);
  const described = { ...shipped, ...listed, ...overriding };
  const capabilities = abilities ? servable(described.capabilities, abilities) : described.capabilities;
  return {
    ...described,
    id: listed.id,
    provider: config.id,
    providerKind: kind.kind,
    revision: config.revision,
    ...(capabilities && { capabilities }),
    local: described.local ?? runsHere(config, kind, catalogue),
  };
}

function runsHere(config: ProviderConfig, kind: ProviderKind, catalogue: Catalogue): boolean {
  const when = catalogue.localWhen(kind.kind);
  return (
    when === "always" || (when === "loopback" && isLoopback(URL.parse(addressOf(config.baseUrl, kind))?.hostname ?? ""))
  );
}

/** The ability of a provider that a use of a model needs; any of these will do. */
const needs: Readonly<Record<ModelCapability, readonly string[]>> = {
  agent: ["chat"],
  speak: ["speech"],
  speak_duplex: ["speech"],
  transcribe: ["transcription"],
  transcribe_stream: ["liveTranscription", "transcription"],
  generate_image: ["images"],
  edit_image: ["images"],
  live: ["live"],
};

/** What this server makes of another use: text by sentences, live audio by utterances. */
const made: Readonly<Partial<Record<ModelCapability, ModelCapability>>> = {
  speak: "speak_duplex",
  transcribe: "transcribe_stream",
};

/**
 * What a model can be used for here. Where nobody says, and the provider can do one thing only, it is that; where it can do
 * several, it is not known.
 */
function servable(
  said: ModelDescription["capabilities"],
  abilities: Capabilities,
): readonly ModelCapability[] | undefined {
  const all = (said ?? onlyUse(abilities))?.flatMap((use) => [use, ...(made[use] ? [made[use]] : [])]);
  return all && [...new Set(all)].filter((use) => needs[use].some((ability) => ability in abilities));
}

function onlyUse(abilities: Capabilities): readonly ModelCapability[] | undefined {
  const { models: _, ...rest } = abilities;
  const uses: Readonly<Record<string, ModelCapability>> = {
    chat: "agent",
    speech: "speak",
    transcription: "transcribe",
    liveTranscription: "transcribe_stream",
  };
  const [only, ...others] = Object.keys(rest);
  const use = only === undefined ? undefined : uses[only];
  return use && others.length === 0 ? [use] : undefined;
}
