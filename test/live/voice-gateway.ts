import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { pino } from "pino";
import { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import { LiveService } from "../../gen/livellm/v1/live_service_pb.ts";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import type { VoiceActivity } from "../../src/audio/vad.ts";
import type { Capabilities, ProviderConfig, ProviderKind } from "../../src/core/provider.ts";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { ProviderPool } from "../../src/routing/provider-pool.ts";
import { createResolver, type ProviderDirectory, type Resolver } from "../../src/routing/resolver.ts";
import { createAudioService } from "../../src/services/audio.ts";
import { createLiveService } from "../../src/services/live.ts";
import { createTranscriptionService } from "../../src/services/transcription.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { listen } from "../../src/transport/listener.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";
import { bareConfig } from "../store/provider-drafts.ts";

/** Providers by id: what each can do, or a configuration that differs from the usual one. */
export type Providers = Readonly<Record<string, Capabilities & { readonly config?: Partial<ProviderConfig> }>>;

export interface VoiceOptions {
  readonly heartbeatIntervalMs?: number;
  readonly idleTimeoutMs?: number;
  readonly maxKeptAudioMs?: number;
  readonly stallTimeoutMs?: number;
  readonly createVoiceActivity?: () => Promise<VoiceActivity>;
}

export interface VoiceGateway extends AsyncDisposable {
  readonly audio: Client<typeof AudioService>;
  readonly transcription: Client<typeof TranscriptionService>;
  readonly live: Client<typeof LiveService>;
}

/** The voice services with scripted providers, behind the product's own server on a free port, and gRPC clients of it. */
export async function startVoiceGateway(providers: Providers, options: VoiceOptions = {}): Promise<VoiceGateway> {
  const logger = pino({ level: "silent" });
  const explainError = createErrorExplainer(logger);
  const interceptors = createInterceptors({
    logger,
    explainError,
    originKey: callOriginKey,
    limits: { maxMediaBytes: 20 * 1024 * 1024 },
  });
  const directory = directoryOf(providers);
  const services = {
    resolver: resolverOf(directory, options.stallTimeoutMs),
    registry: directory,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 15_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 20_000,
    maxKeptAudioMs: options.maxKeptAudioMs ?? 120_000,
    maxMediaBytes: 20 * 1024 * 1024,
    createVoiceActivity: options.createVoiceActivity ?? (async () => loudness()),
  };
  const handler = createHttpHandler({
    routes: [
      { service: AudioService, implementation: createAudioService(services) },
      { service: TranscriptionService, implementation: createTranscriptionService(services) },
      { service: LiveService, implementation: createLiveService(services) },
    ],
    interceptors,
    explainError,
    allowedOrigins: [],
    limits: { maxMessageBytes: 32 * 1024 * 1024 },
    logger,
  });
  const listening = await listen({ port: 0, host: "127.0.0.1", handler: handler.handle });
  const transport: Transport = createGrpcTransport({ baseUrl: listening.url });
  return {
    audio: createClient(AudioService, transport),
    transcription: createClient(TranscriptionService, transport),
    live: createClient(LiveService, transport),
    [Symbol.asyncDispose]: () => listening.close(0),
  };
}

/** Hears speech in what is loud. 10 ms a frame. */
export function loudness(): VoiceActivity {
  return {
    sampleRateHertz: 16_000,
    frameSamples: 160,
    probability: (frame) => (frame.some((sample) => Math.abs(sample) > 0.1) ? 1 : 0),
    close: () => undefined,
  };
}

/** A route to providers, in order. */
export function routeTo(...providers: readonly string[]) {
  return { targets: providers.map((provider) => ({ provider, model: "m" })) };
}

function resolverOf(providers: ProviderDirectory, stallTimeoutMs = 20_000): Resolver {
  const pool = new ProviderPool(() => createUpstream({ connectTimeoutMs: 1000, secrets: [] }));
  return createResolver({ providers, pool, attemptTimeoutMs: 20_000, stallTimeoutMs });
}

function directoryOf(providers: Providers): ProviderDirectory {
  const kindOf = (name: string): ProviderKind => ({
    kind: name,
    displayName: name,
    rpcs: [],
    apiKeyRequired: false,
    baseUrlRequired: false,
    defaultBaseUrl: "http://127.0.0.1",
    create: () => providers[name] ?? {},
  });
  return {
    get: (id) => (providers[id] ? bareConfig(id, { kind: id, displayName: id, ...providers[id].config }) : undefined),
    ids: () => Object.keys(providers),
    kind: (name) => (providers[name] ? kindOf(name) : undefined),
    kinds: () => Object.keys(providers),
  };
}
