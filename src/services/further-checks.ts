import type { Message } from "@bufbuild/protobuf";
import type { Violation } from "../core/error.ts";

/**
 * What services check of a request beyond the rules of its fields, by the type of the message: for whoever has found such a
 * rule broken, and wants to tell everything at once.
 */
export type FurtherChecks = ReadonlyMap<string, (message: Message) => readonly Violation[]>;
