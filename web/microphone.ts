/** An open microphone. */
export interface Microphone {
  /** Samples a second of the 16-bit PCM that it gives, one channel. */
  readonly sampleRateHertz: number;
  /** Called with every 40 ms of it. */
  onAudio(take: (pcm: Uint8Array<ArrayBuffer>) => void): void;
  close(): void;
}

/** The highest rate that the gateway takes. */
const maxRate = 48_000;

/** Asks for the microphone. Throws an Error with a sentence for the user when there is none to be had. */
export async function openMicrophone(): Promise<Microphone> {
  if (navigator.mediaDevices === undefined) {
    throw new Error("Browsers give the microphone to pages from https: and from localhost only, and this is neither.");
  }
  const stream = await navigator.mediaDevices
    .getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } })
    .catch((error: DOMException) => Promise.reject(new Error(`There is no microphone: ${error.message}`)));
  // Its own rate where that will do: Firefox connects no stream to a context of another rate.
  let context = new AudioContext();
  if (context.sampleRate > maxRate) {
    await context.close();
    context = new AudioContext({ sampleRate: maxRate });
  }
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
    if (context.state !== "closed") void context.close();
  };
  try {
    return { ...(await capture(context, stream)), close };
  } catch (error) {
    close();
    throw error;
  }
}

async function capture(context: AudioContext, stream: MediaStream): Promise<Omit<Microphone, "close">> {
  await context.audioWorklet.addModule("/playground/microphone-worklet.js");
  const node = new AudioWorkletNode(context, "pcm-capture", {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
  });
  context.createMediaStreamSource(stream).connect(node);
  return {
    sampleRateHertz: context.sampleRate,
    onAudio(take) {
      node.port.onmessage = ({ data }) => take(data as Uint8Array<ArrayBuffer>);
    },
  };
}

/** How loud a piece of PCM is, from 0 to 1. */
export function loudness(pcm: Uint8Array<ArrayBuffer>): number {
  const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2);
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  // Full scale is 0 dB; below -60 dB is silence.
  return Math.max(0, 1 + Math.log10(Math.sqrt(power) / 32768 + 1e-9) / 3);
}
