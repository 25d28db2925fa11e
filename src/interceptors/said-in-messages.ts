import type { Message as AnyMessage } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import {
  RunRequestSchema,
  RunResponseSchema,
  RunStreamRequestSchema,
  type RunStreamResponse,
  RunStreamResponseSchema,
} from "../../gen/livellm/v1/agent_service_pb.ts";
import {
  SpeakDuplexRequestSchema,
  SpeakDuplexResponseSchema,
  SpeakRequestSchema,
  SpeakResponseSchema,
  SpeakStreamRequestSchema,
  SpeakStreamResponseSchema,
  TranscribeRequestSchema,
  TranscribeResponseSchema,
} from "../../gen/livellm/v1/audio_service_pb.ts";
import {
  EditImageRequestSchema,
  EditImageResponseSchema,
  EditImageStreamRequestSchema,
  EditImageStreamResponseSchema,
  GenerateImageRequestSchema,
  GenerateImageResponseSchema,
  GenerateImageStreamRequestSchema,
  GenerateImageStreamResponseSchema,
} from "../../gen/livellm/v1/images_service_pb.ts";
import {
  type ConverseRequest,
  ConverseRequestSchema,
  type ConverseResponse,
  ConverseResponseSchema,
} from "../../gen/livellm/v1/live_service_pb.ts";
import type { Media, Message } from "../../gen/livellm/v1/message_pb.ts";
import type { TranscriptSegment } from "../../gen/livellm/v1/transcript_pb.ts";
import {
  TranscribeStreamRequestSchema,
  TranscribeStreamResponseSchema,
} from "../../gen/livellm/v1/transcription_service_pb.ts";
import type { Said } from "./said.ts";
import { saidCall, saidMedia, saidMessage, saidResult } from "./said-parts.ts";

/** Notes what one message says. Never audio, images or other media. */
type Listener = (said: Said, message: AnyMessage) => void;

/** What there is to be heard in a message of this type; undefined where its call is no conversation. */
export function listenerTo(typeName: string): Listener | undefined {
  return listeners.get(typeName);
}

function to<M extends AnyMessage>({ typeName }: GenMessage<M>, listen: (said: Said, message: M) => void) {
  return [typeName, listen as Listener] as const; // found by the type's name
}

const listeners: ReadonlyMap<string, Listener> = new Map([
  to(RunRequestSchema, hearRun),
  to(RunStreamRequestSchema, hearRun),
  to(RunResponseSchema, hearAnswer),
  to(RunStreamResponseSchema, hearRunEvent),
  to(SpeakRequestSchema, hearText),
  to(SpeakStreamRequestSchema, hearText),
  to(SpeakDuplexRequestSchema, (said, { input }) => input.case === "text" && hearText(said, input.value)),
  to(SpeakResponseSchema, nothingNew),
  to(SpeakStreamResponseSchema, nothingNew),
  to(SpeakDuplexResponseSchema, nothingNew),
  to(TranscribeRequestSchema, (said, { audio }) => hearMedia(said, audio ? [audio] : [])),
  to(TranscribeResponseSchema, (said, { text }) => said.piece("out", "transcript", { type: "text", content: text })),
  to(TranscribeStreamRequestSchema, nothingNew),
  to(TranscribeStreamResponseSchema, (said, { event }) => event.case === "segment" && hearSegment(said, event.value)),
  to(ConverseRequestSchema, hearCaller),
  to(ConverseResponseSchema, hearConversation),
  to(GenerateImageRequestSchema, hearPrompt),
  to(GenerateImageStreamRequestSchema, hearPrompt),
  to(EditImageRequestSchema, hearPrompt),
  to(EditImageStreamRequestSchema, hearPrompt),
  to(GenerateImageResponseSchema, hearWritten),
  to(EditImageResponseSchema, hearWritten),
  to(
    GenerateImageStreamResponseSchema,
    (said, { event }) => event.case === "finished" && hearWritten(said, event.value),
  ),
  to(EditImageStreamResponseSchema, (said, { event }) => event.case === "finished" && hearWritten(said, event.value)),
]);

/** It repeats what was said, or is sound. */
function nothingNew(): void {}

interface Asked {
  readonly messages: readonly Message[];
  readonly config?: { readonly instructions: string };
}

function hearRun(said: Said, { messages, config }: Asked): void {
  if (config?.instructions) {
    said.add({ direction: "in", role: "system", parts: [{ type: "text", content: config.instructions }] });
  }
  for (const message of messages) said.add(saidMessage("in", message));
}

function hearAnswer(said: Said, { messages }: { readonly messages: readonly Message[] }): void {
  said.answer(messages.map((message) => saidMessage("out", message)));
}

/** The pieces are what there is when a run breaks off; at its end it says all of it once more. */
function hearRunEvent(said: Said, { event }: RunStreamResponse): void {
  if (event.case === "textDelta") said.piece("out", "assistant", { type: "text", content: event.value.text });
  else if (event.case === "reasoningDelta")
    said.piece("out", "assistant", { type: "reasoning", content: event.value.text });
  else if (event.case === "toolResult") said.add({ direction: "out", role: "tool", parts: [saidResult(event.value)] });
  else if (event.case === "finished") hearAnswer(said, event.value);
  else if (event.case === "partFinished" && event.value.part?.content.case === "toolCall") {
    said.add({ direction: "out", role: "assistant", parts: [saidCall(event.value.part.content.value)] });
  }
}

function hearText(said: Said, { text }: { readonly text: string }): void {
  said.piece("in", "speech", { type: "text", content: text });
}

function hearMedia(said: Said, media: readonly Media[]): void {
  if (media.length > 0) said.add({ direction: "in", role: "user", parts: media.map(saidMedia) });
}

/** What is not final is heard again. */
function hearSegment(said: Said, { text, isFinal }: TranscriptSegment): void {
  if (isFinal) said.add({ direction: "out", role: "transcript", parts: [{ type: "text", content: text }] });
}

function hearCaller(said: Said, { input }: ConverseRequest): void {
  if (input.case === "text")
    said.add({ direction: "in", role: "user", parts: [{ type: "text", content: input.value.text }] });
  else if (input.case === "toolResult") said.add({ direction: "in", role: "tool", parts: [saidResult(input.value)] });
  else if (input.case === "start") hearRun(said, input.value);
}

function hearConversation(said: Said, { event }: ConverseResponse): void {
  if (event.case === "inputTranscript") said.piece("out", "user", { type: "text", content: event.value.text });
  else if (event.case === "textDelta" || event.case === "outputTranscript") {
    said.piece("out", "assistant", { type: "text", content: event.value.text });
  } else if (event.case === "toolCall") {
    said.add({ direction: "out", role: "assistant", parts: [saidCall(event.value)] });
  }
}

function hearPrompt(said: Said, request: { readonly prompt: string; readonly images?: readonly Media[] }): void {
  said.piece("in", "user", { type: "text", content: request.prompt });
  hearMedia(said, request.images ?? []);
}

function hearWritten(said: Said, { text }: { readonly text: string }): void {
  if (text !== "") said.piece("out", "assistant", { type: "text", content: text });
}
