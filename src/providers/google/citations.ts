import type { GroundingChunk, GroundingMetadata, GroundingSupport, Segment } from "@google/genai";
import type { Citation } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { count, object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";

/** What an answer said of its sources, so far. Chunks are what was found, supports say where it was used. */
export interface Sources {
  readonly chunks: readonly JsonObject[];
  readonly supports: readonly JsonObject[];
  /** Texts that were quoted at length. */
  readonly quotations: readonly JsonObject[];
}

export const noSources: Sources = { chunks: [], supports: [], quotations: [] };

/** Adds what one candidate of a stream says. Each says what is new, or all there is so far. */
export function addSources(sources: Sources, candidate: JsonObject): Sources {
  if (!candidate.groundingMetadata && !candidate.citationMetadata) return sources;
  const grounding = object(candidate.groundingMetadata) as Unchecked<GroundingMetadata>;
  const quoted = object(candidate.citationMetadata);
  return {
    chunks: extend(sources.chunks, objects(grounding.groundingChunks)),
    supports: extend(sources.supports, objects(grounding.groundingSupports)),
    // The second is the name in v1beta.
    quotations: extend(sources.quotations, objects(quoted.citations ?? quoted.citationSources)),
  };
}

function extend(known: readonly JsonObject[], more: readonly JsonObject[]): readonly JsonObject[] {
  const repeats = known.every((item, index) => JSON.stringify(item) === JSON.stringify(more[index]));
  return repeats && more.length > 0 ? more : [...known, ...more];
}

/** The last text of an answer, and all that was written before it: offsets count from the start of the answer. */
interface CitedText {
  readonly before: string;
  readonly text: string;
}

/** The citations of an answer, for its last text; what was cited in an earlier one has no span. */
export function toCitations({ chunks, supports, quotations }: Sources, cited: CitedText): readonly Citation[] {
  const toUtf16 = utf16Offsets(cited.before + cited.text);
  const used = new Set<number>();
  const grounded = supports.flatMap((value) => {
    const support = value as Unchecked<GroundingSupport>;
    const span = spanOf(object(support.segment), cited, toUtf16);
    return indexesOf(support.groundingChunkIndices).flatMap((index) => {
      used.add(index);
      return toCitation(chunks[index], span);
    });
  });
  const unused = chunks.filter((_, index) => !used.has(index)).flatMap((chunk) => toCitation(chunk, {}));
  return [...grounded, ...unused, ...quotations.flatMap((quotation) => toQuotation(quotation, cited, toUtf16))];
}

type Span = Pick<Citation, "startIndex" | "endIndex">;

function toCitation(chunk: JsonObject | undefined, span: Span): readonly Citation[] {
  const { web, retrievedContext, maps, image } = (chunk ?? {}) as Unchecked<GroundingChunk>;
  const source = [web, retrievedContext, maps, image].map(object).find((one) => Object.keys(one).length > 0) ?? {};
  const uri = text(source.uri) || text(source.sourceUri);
  const title = text(source.title);
  // `text` is the source's own, not the answer's.
  return uri === "" && title === "" ? [] : [{ uri, title, quote: text(source.text), ...span }];
}

function toQuotation(quotation: JsonObject, cited: CitedText, toUtf16: (bytes: number) => number): readonly Citation[] {
  const uri = text(quotation.uri);
  if (uri === "") return [];
  return [{ uri, title: text(quotation.title), quote: "", ...spanOf(quotation, cited, toUtf16) }];
}

/**
 * Where in the last text a segment is, in UTF-16 code units: the API counts UTF-8 bytes. A segment repeats its text, by which
 * one is found that counts from somewhere else.
 */
function spanOf(value: JsonObject, { before, text: last }: CitedText, toUtf16: (bytes: number) => number): Span {
  const segment = value as Unchecked<Segment>;
  const end = count(segment.endIndex);
  const quoted = text(segment.text);
  if (end === undefined && quoted === "") return {};
  const counted = { startIndex: toUtf16(count(segment.startIndex) ?? 0), endIndex: toUtf16(end ?? 0) };
  const whole = before + last;
  if (quoted !== "" && whole.slice(counted.startIndex, counted.endIndex) !== quoted) return find(last, quoted);
  const startIndex = counted.startIndex - before.length;
  return startIndex >= 0 && end !== undefined ? { startIndex, endIndex: counted.endIndex - before.length } : {};
}

function find(whole: string, quoted: string): Span {
  const startIndex = whole.indexOf(quoted);
  return startIndex < 0 ? {} : { startIndex, endIndex: startIndex + quoted.length };
}

/** Turns UTF-8 offsets in a text into UTF-16 ones. An offset inside a character is that of its start. */
function utf16Offsets(whole: string): (bytes: number) => number {
  const starts: number[] = [];
  let index = 0;
  for (const character of whole) {
    for (let rest = Buffer.byteLength(character); rest > 0; rest--) starts.push(index);
    index += character.length;
  }
  return (bytes) => starts[bytes] ?? whole.length;
}

function indexesOf(value: unknown): readonly number[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "number") : [];
}
