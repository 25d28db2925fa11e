import { readFile } from "node:fs/promises";
import path from "node:path";
import { answerRequests, type StopIfCancelled } from "./answer-requests.ts";
import { createDetokenizer } from "./detokenize.ts";
import {
  loadModel,
  loadOnnxRuntime,
  numbers,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
} from "./onnx-runtime.ts";
import { endOfRepetition } from "./repetition.ts";

export interface MoonshineSetup {
  readonly engineFolder: string;
}

/** An utterance of at most half a minute: samples at 16,000 Hz from -1 to 1; none: only load the model. */
export interface MoonshineRequest {
  readonly model: string;
  readonly samples: Float32Array;
}

export interface MoonshineAnswer {
  readonly text: string;
}

/**
 * Moonshine by Useful Sensors (MIT, English): an encoder over the samples themselves, and a decoder that writes one
 * token after the other. Each model is loaded with the first request for it.
 */
answerRequests<MoonshineSetup, MoonshineRequest, MoonshineAnswer>(async ({ engineFolder }) => {
  const runtime = loadOnnxRuntime(engineFolder);
  const models = path.join(engineFolder, "models");
  const vocabulary: readonly string[] = JSON.parse(await readFile(path.join(models, "vocabulary.json"), "utf8"));
  const detokenize = createDetokenizer(vocabulary);
  const loaded = new Map<string, Promise<Moonshine>>();
  return async ({ model, samples }, stopIfCancelled) => {
    const loading = loaded.get(model) ?? loadMoonshine(runtime, path.join(models, model));
    loaded.set(model, loading);
    loading.catch(() => loaded.delete(model)); // what was missing may be there the next time
    const moonshine = await loading;
    if (samples.length === 0) return { text: "" };
    return { text: detokenize(await writeDown(moonshine, samples, stopIfCancelled)) };
  };
});

interface Moonshine {
  readonly runtime: OnnxRuntime;
  readonly encoder: OnnxSession;
  readonly decoder: OnnxSession;
  /** The inputs of the decoder that carry what it remembers: `past_key_values.LAYER.decoder|encoder.key|value`. */
  readonly pastNames: readonly string[];
  /** Numbers of a key, or a value, of one of its heads. */
  readonly headSize: number;
}

async function loadMoonshine(runtime: OnnxRuntime, folder: string): Promise<Moonshine> {
  const [encoder, decoder] = await Promise.all([
    loadModel(runtime, path.join(folder, "encoder.onnx")),
    loadModel(runtime, path.join(folder, "decoder.onnx")),
  ]);
  const pastNames = decoder.inputNames.filter((name) => name.startsWith("past_key_values."));
  return { runtime, encoder, decoder, pastNames, headSize: headSizeOf(decoder) };
}

/** As the models were published: 8 heads; tiny has 6 layers of 288 numbers, base 8 of 416. */
const headCount = 8;

function headSizeOf({ inputNames }: OnnxSession): number {
  return inputNames.includes("past_key_values.6.decoder.key") ? 416 / headCount : 288 / headCount;
}

const firstToken = 1;
const lastToken = 2;

/** English has no more in a second; a model that goes on has begun to repeat itself. */
const mostTokensPerSecond = 6.5;

/** The encoder needs some audio to stand on. */
const shortest = 8000;

async function writeDown(
  moonshine: Moonshine,
  samples: Float32Array,
  stopIfCancelled: StopIfCancelled,
): Promise<number[]> {
  const audio = samples.length < shortest ? padded(samples) : samples;
  const most = Math.ceil((audio.length / 16_000) * mostTokensPerSecond);
  const decoder = new Decoder(moonshine, await encode(moonshine, audio));
  const tokens: number[] = [];
  for (let token = firstToken; tokens.length < most; ) {
    stopIfCancelled();
    token = await decoder.next(token);
    if (token === lastToken) break;
    tokens.push(token);
    const end = endOfRepetition(tokens);
    if (end !== undefined) return tokens.slice(0, end);
  }
  return tokens;
}

function padded(samples: Float32Array): Float32Array {
  const longer = new Float32Array(shortest);
  longer.set(samples);
  return longer;
}

async function encode({ runtime, encoder }: Moonshine, samples: Float32Array): Promise<OnnxTensor> {
  const input = new runtime.Tensor("float32", samples, [1, samples.length]);
  const { last_hidden_state: hidden } = await encoder.run({ input_values: input }, ["last_hidden_state"]);
  if (!hidden) throw new Error("the encoder gave nothing");
  return hidden;
}

/**
 * The two graphs of the merged decoder: without a past, which also projects the encoder's output, and with one. What it
 * remembers of the audio is made once and handed back each time; what it remembers of its tokens grows with each.
 */
class Decoder {
  readonly #moonshine: Moonshine;
  readonly #hidden: OnnxTensor;
  #past: Record<string, OnnxTensor>;
  #hasPast = false;

  constructor(moonshine: Moonshine, hidden: OnnxTensor) {
    const { runtime, pastNames, headSize } = moonshine;
    this.#moonshine = moonshine;
    this.#hidden = hidden;
    const none = () => new runtime.Tensor("float32", new Float32Array(0), [1, headCount, 0, headSize]);
    this.#past = Object.fromEntries(pastNames.map((name) => [name, none()]));
  }

  /** The likeliest token after another. */
  async next(token: number): Promise<number> {
    const { runtime, decoder } = this.#moonshine;
    const remembered = this.#remembered();
    const outputs = await decoder.run(
      {
        ...this.#past,
        input_ids: new runtime.Tensor("int64", BigInt64Array.of(BigInt(token)), [1, 1]),
        encoder_hidden_states: this.#hidden,
        use_cache_branch: new runtime.Tensor("bool", Uint8Array.of(this.#hasPast ? 1 : 0), [1]),
      },
      ["logits", ...remembered.map((name) => name.replace("past_key_values", "present"))],
    );
    for (const name of remembered) {
      const present = outputs[name.replace("past_key_values", "present")];
      if (present) this.#past[name] = present;
    }
    this.#hasPast = true;
    return likeliest(numbers(outputs.logits));
  }

  #remembered(): readonly string[] {
    const { pastNames } = this.#moonshine;
    return this.#hasPast ? pastNames.filter((name) => name.includes(".decoder.")) : pastNames;
  }
}

function likeliest(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best;
}
