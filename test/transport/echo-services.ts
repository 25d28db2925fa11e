import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ListProvidersResponseSchema, ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { ServiceRoute } from "../../src/transport/service-route.ts";

export type Agent = ServiceImpl<typeof AgentService>;
export type Transcription = ServiceImpl<typeof TranscriptionService>;

/** Says back what it is told. */
const echoAgent: Agent = {
  run: ({ messages, caller }) => ({
    text: `echo: ${messages.at(-1)?.text}`,
    providerMetadata: {
      ...(caller && { caller: { requestId: caller.requestId, app: caller.app, clientId: caller.clientId } }),
    },
  }),
  async *runStream({ messages, caller }) {
    yield { event: { case: "started", value: { requestId: caller?.requestId ?? "" } } };
    for (const word of messages.at(-1)?.text.split(" ") ?? []) {
      yield { event: { case: "textDelta", value: { index: 0, text: word } } };
    }
    yield { event: { case: "finished", value: { text: messages.at(-1)?.text ?? "" } } };
  },
};

/** Counts the bytes it hears, one answer for each piece. */
const countingTranscription: Transcription = {
  async *transcribeStream(requests) {
    let bytes = 0;
    for await (const { input } of requests) {
      if (input.case === "start")
        yield { event: { case: "started", value: { sessionId: input.value.caller?.requestId ?? "" } } };
      if (input.case !== "audio") continue;
      bytes += input.value.data.length;
      yield { event: { case: "segment", value: { text: String(bytes) } } };
    }
    yield { event: { case: "finished", value: { text: String(bytes) } } };
  },
};

const unused = () => {
  throw new LivellmError("unimplemented", "unsupported", "not in this test");
};

const providers: ServiceImpl<typeof ProvidersService> = {
  createProvider: unused,
  getProvider: ({ id }) => ({ provider: { id, kind: "openai" } }),
  listProviders: ({ kind }) => create(ListProvidersResponseSchema, { providers: [{ id: "a", kind }] }),
  updateProvider: ({ provider }) => ({ provider }),
  deleteProvider: unused,
  checkHealth: unused,
  listProviderKinds: unused,
};

export function echoRoutes(agent: Partial<Agent> = {}, transcription = countingTranscription): readonly ServiceRoute[] {
  return [
    { service: AgentService, implementation: { ...echoAgent, ...agent } },
    { service: TranscriptionService, implementation: transcription },
    { service: ProvidersService, implementation: providers },
  ];
}
