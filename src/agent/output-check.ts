import type { FinishReason, OutputFormat } from "../core/chat.ts";
import { isJsonObject } from "../core/json.ts";
import type { Warning } from "../core/route.ts";
import type { CheckJson, JsonSchemas } from "./json-schema.ts";
import { TookTooLong } from "./time-limit.ts";

/** Says what is wrong with an answer; undefined when nothing, or when it is not the answer that was asked for. */
export type CheckOutput = (text: string, finishReason: FinishReason) => Warning | undefined;

/** Prepares the check of a run's answer. Throws a RangeError that says what is wrong with the schema. */
export function createOutputCheck(format: OutputFormat | undefined, schemas: JsonSchemas): CheckOutput | undefined {
  if (!format) return undefined;
  const check = format.type === "json-schema" ? schemas.compile(format.schemaJson) : checkObject;
  return (text, finishReason) => (isAnswer(finishReason) ? warningFor(text, check) : undefined);
}

/** A refusal, or a call of a tool, is no answer in the form that was asked for. */
function isAnswer(reason: FinishReason): boolean {
  return reason === "stop" || reason === "length" || reason === "other";
}

function checkObject(value: unknown): string | undefined {
  return isJsonObject(value) ? undefined : "/ must be object";
}

function warningFor(text: string, check: CheckJson): Warning | undefined {
  try {
    const wrong = check(JSON.parse(text));
    return wrong ? invalid(`the answer breaks its schema: ${wrong}`) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return invalid(`the answer is not JSON${placeOf(error)}`);
    if (!(error instanceof TookTooLong)) throw error;
    const message = `whether the answer keeps to its schema is not known: the check ${error.message}`;
    return { code: "output-unchecked", message, field: "config.outputFormat" };
  }
}

/** The parser's own message quotes the answer. */
function placeOf({ message }: SyntaxError): string {
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  return position ? ` from character ${position}` : "";
}

function invalid(message: string): Warning {
  return { code: "output-invalid", message, field: "config.outputFormat" };
}
