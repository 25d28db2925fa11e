import type { Attributes } from "@opentelemetry/api";
import { AnswerContent } from "./answer-content.ts";
import { attribute, ownAttribute } from "./attributes.ts";

/** Picks out of what a target sends what its span tells. */
export interface OutputReader {
  see(output: unknown): void;
  attributes(): Attributes;
}

/** What outputs of any capability may say of the answer they belong to. */
interface Telling {
  readonly model?: unknown;
  readonly requestId?: unknown;
  readonly finishReason?: unknown;
}

/** `captureContent`: also what a chat model says. */
export function readOutputs(captureContent: boolean): OutputReader {
  const content = captureContent ? new AnswerContent() : undefined;
  const told: Record<string, string | string[]> = {};
  const see = (output: unknown): void => {
    if (typeof output !== "object" || output === null) return;
    const { model, requestId, finishReason } = output as Telling;
    if (isWord(model)) told[attribute.responseModel] = model;
    if (isWord(requestId)) told[ownAttribute.providerRequestId] = requestId;
    if (isWord(finishReason)) told[attribute.finishReasons] = [finishReason];
    content?.see(output);
  };
  return { see, attributes: () => ({ ...told, ...content?.attributes() }) };
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
