import type { AudioFormat } from "../../core/audio-format.ts";
import type { ConversationEvent, ConversationInput, ConversationRequest, Live } from "../../core/live.ts";
import type { Warning } from "../../core/route.ts";
import { echoFailure, echoModel } from "./echo.ts";
import { readEchoOptions } from "./echo-options.ts";
import type { LocalEngine } from "./engine.ts";
import { LiveEcho } from "./live-echo.ts";
import { ignoredFields, noSuchModel, requireEnglish } from "./local-request.ts";
import { findVoice } from "./voices.ts";

const format: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };

/**
 * A conversation with `echo`: what the user writes, or says and Moonshine has written down, comes back in the same words,
 * written or spoken by flite. Speaking into an answer cuts it off. Its options are those of `echo` in a run.
 */
export function createLive(engine: LocalEngine): Live {
  return {
    inputFormats: () => [format],
    outputFormats: () => [format],
    turnModes: () => ["silence", "manual"],
    converse: (request, input, signal) => converse(engine, request, { input, signal }),
  };
}

async function* converse(
  engine: LocalEngine,
  request: ConversationRequest,
  { input, signal }: { readonly input: AsyncIterable<ConversationInput>; readonly signal: AbortSignal },
): AsyncGenerator<ConversationEvent, void, undefined> {
  const warnings = check(request);
  if (request.inputFormat) await engine.requireInstalled();
  const conversation = new LiveEcho(engine, request, signal);
  try {
    await conversation.listen();
    yield { type: "accepted", model: request.model, warnings };
    yield* conversation.run(input);
  } finally {
    conversation.close();
  }
}

/** Throws what cannot be done; else what is left out. */
function check({ model, options, voice, speech, generation, ...request }: ConversationRequest): readonly Warning[] {
  if (model !== echoModel) throw noSuchModel(model, "live", [echoModel]);
  const { failBefore } = readEchoOptions(options);
  if (failBefore) throw echoFailure(failBefore);
  if (request.outputFormat) findVoice(voice);
  requireEnglish(model, request.inputTranscription?.languageCode ?? "");
  const { maxOutputTokens, outputModalities, stopSequences, ...rest } = generation;
  return ignoredFields(model, {
    "config.instructions": request.instructions,
    "config.tools": request.tools,
    "config.speech.instructions": speech.instructions,
    "config.inputTranscription.prompt": request.inputTranscription?.prompt,
    "config.inputTranscription.phrases": request.inputTranscription?.phrases,
    ...Object.fromEntries(
      Object.entries(rest).map(([name, value]) => [`config.generation.${name}`, value !== undefined]),
    ),
    "config.generation.stopSequences": stopSequences,
  });
}
