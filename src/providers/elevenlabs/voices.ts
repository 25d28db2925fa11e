import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Voice } from "../../core/speech.ts";
import type { Upstream } from "../../core/upstream.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { object, objects, text } from "../openai-compatible/json-fields.ts";
import { addressOf, requestHeaders } from "./endpoint.ts";
import { explainElevenLabsError } from "./error.ts";

const pageSize = 100;

/** No account has so many voices; a server that never says `has_more: false` is not asked for ever. */
const maxPages = 100;

/** All voices of the account, over `GET /v2/voices`, page by page. */
export async function listVoices(
  connection: ProviderConnection,
  upstream: Pick<Upstream, "json">,
  signal: AbortSignal,
): Promise<readonly Voice[]> {
  const voices: Voice[] = [];
  let next: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const query = { page_size: pageSize, next_page_token: next };
    const url = addressOf(connection, "/v2/voices", query);
    const request = {
      method: "GET",
      url,
      headers: requestHeaders(connection),
      explain: explainElevenLabsError,
    } as const;
    const { value } = await upstream.json(request, signal);
    if (!isJsonObject(value) || !Array.isArray(value.voices))
      throw unreadableAnswer("a list of voices that is no list");
    voices.push(...objects(value.voices).map(toVoice));
    next = text(value.next_page_token);
    if (value.has_more !== true || next === "") break;
  }
  return voices.filter(({ id }) => id !== "");
}

/** Those that speak a language: `de` is spoken by a voice of `de-DE` as well. */
export function thatSpeak(voices: readonly Voice[], languageCode: string): readonly Voice[] {
  const wanted = primary(languageCode);
  if (wanted === "") return voices;
  return voices.filter(({ languageCodes }) => languageCodes.some((code) => primary(code) === wanted));
}

function primary(languageCode: string): string {
  return languageCode.split("-")[0]?.toLowerCase() ?? "";
}

function toVoice(voice: JsonObject): Voice {
  const labels = Object.entries(object(voice.labels)).filter(
    (label): label is [string, string] => text(label[1]) !== "",
  );
  return {
    id: text(voice.voice_id),
    displayName: text(voice.name),
    languageCodes: languagesOf(voice),
    description: text(voice.description),
    previewUrl: text(voice.preview_url),
    labels: Object.fromEntries(labels),
  };
}

function languagesOf(voice: JsonObject): readonly string[] {
  const verified = objects(voice.verified_languages).map(({ locale, language }) => text(locale) || text(language));
  const codes = [...verified, text(object(voice.labels).language)].filter((code) => code !== "");
  return [...new Set(codes)];
}
