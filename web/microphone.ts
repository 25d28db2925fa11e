/** An open microphone. */
export interface Microphone {
  /** Of the 16-bit PCM that it gives. */
  readonly format: { readonly mimeType: string; readonly sampleRateHertz: number; readonly channelCount: number };
  /** Called with every 40 ms of it, until it is closed. */
  onAudio(take: (pcm: Uint8Array<ArrayBuffer>) => void): void;
  close(): void;
}

/** The highest rate that the gateway takes. */
const maxRate = 48_000;

/**
 * Asks for the microphone, and shows on `level` how loud it is, from 0 to 1. Throws an Error with a sentence for the user when
 * there is none to be had.
 */
export async function openMicrophone(level: HTMLMeterElement): Promise<Microphone> {
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
  let take: (pcm: Uint8Array<ArrayBuffer>) => void = () => undefined;
  let isOpen = true;
  const close = () => {
    isOpen = false;
    level.value = 0;
    for (const track of stream.getTracks()) track.stop();
    if (context.state !== "closed") void context.close();
  };
  try {
    await capture(context, stream, (pcm) => {
      if (!isOpen) return; // a piece that was on its way
      level.value = loudness(pcm);
      take(pcm);
    });
    return {
      format: { mimeType: "audio/pcm", sampleRateHertz: context.sampleRate, channelCount: 1 },
      onAudio(taker) {
        take = taker;
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

async function capture(
  context: AudioContext,
  stream: MediaStream,
  take: (pcm: Uint8Array<ArrayBuffer>) => void,
): Promise<void> {
  await context.audioWorklet.addModule("/playground/microphone-worklet.js");
  const node = new AudioWorkletNode(context, "pcm-capture", {
    numberOfOutputs: 0,
    channelCount: 1,
    channelCountMode: "explicit",
  });
  node.port.onmessage = ({ data }) => take(data as Uint8Array<ArrayBuffer>);
  context.createMediaStreamSource(stream).connect(node);
}

/** How loud a piece of PCM is, from 0 to 1. */
function loudness(pcm: Uint8Array<ArrayBuffer>): number {
  const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2);
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  // Full scale is 0 dB; below -60 dB is silence.
  return Math.max(0, 1 + Math.log10(Math.sqrt(power) / 32768 + 1e-9) / 3);
}
