import { setTimeout as wait } from "node:timers/promises";
import { AgentService } from "../gen/livellm/v1/agent_service_pb.ts";
import { TranscriptionService } from "../gen/livellm/v1/transcription_service_pb.ts";
import type { Phase } from "./cancel-phases.ts";
import { type ClientFace, type FaceCall, openFaces, openUnaryFaces } from "./client-faces.ts";

/** A kind of call that a caller may leave. */
export interface CancelForm {
  readonly name: string;
  /** The kind of the provider. */
  readonly kind: string;
  /** What follows the vendor's address and the phase. */
  readonly path: string;
  readonly phases: readonly Phase[];
  readonly faces: (url: string) => readonly ClientFace[];
  readonly call: (what: CallFacts) => Pick<FaceCall, "method" | "requests">;
  /** The event that shows the caller that the vendor's answer has begun; none: the caller sees nothing of it. */
  readonly begins?: string;
}

export interface CallFacts {
  readonly target: object;
  readonly tools: readonly object[];
  readonly signal: AbortSignal;
}

const everyPhase: readonly Phase[] = [
  "connecting",
  "before the vendor's headers",
  "before the first part",
  "mid-stream",
  "inside an MCP tool",
];

export const cancelForms: readonly CancelForm[] = [
  {
    name: "stream",
    kind: "openai-compatible",
    path: "/v1",
    phases: everyPhase,
    faces: openFaces,
    call: (what) => ({ method: AgentService.method.runStream, requests: [chat(what)] }),
    begins: "textDelta",
  },
  {
    name: "unary",
    kind: "openai-compatible",
    path: "/v1",
    phases: everyPhase,
    faces: openUnaryFaces,
    call: (what) => ({ method: AgentService.method.run, requests: [chat(what)] }),
  },
  {
    name: "live session",
    kind: "elevenlabs",
    path: "",
    phases: ["connecting", "before the vendor's headers", "before the first part", "mid-stream"],
    faces: (url) => openFaces(url).filter(({ isDuplex }) => isDuplex),
    call: (what) => ({ method: TranscriptionService.method.transcribeStream, requests: audio(what) }),
    begins: "started",
  },
];

function chat({ target, tools }: CallFacts): object {
  return { route: { targets: [target] }, messages: [{ text: "Hello!" }], config: { tools } };
}

const frame = Buffer.alloc(3_200).toString("base64");

/** A caller who goes on speaking until it leaves. */
async function* audio({ target, signal }: CallFacts): AsyncGenerator<object> {
  yield { start: { route: { targets: [target] }, format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 } } };
  while (!signal.aborted) {
    yield { audio: { data: frame } };
    await wait(20);
  }
}
