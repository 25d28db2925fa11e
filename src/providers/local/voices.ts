import type { AudioFormat } from "../../core/audio-format.ts";
import { LivellmError } from "../../core/error.ts";
import type { Voice } from "../../core/speech.ts";

/** The voices of flite. All speak American English but `awb`, who is Scottish. */
export const voices: readonly Voice[] = [
  voice("slt", "SLT", "A clear female voice.", { gender: "female", accent: "American" }),
  voice("rms", "RMS", "A calm male voice.", { gender: "male", accent: "American" }),
  voice("awb", "AWB", "A male voice with a Scottish accent.", { gender: "male", accent: "Scottish" }),
  voice("kal", "KAL", "A small robotic male voice, at 8,000 Hz.", { gender: "male", accent: "American" }),
];

const defaultVoice = "slt";

/** Throws `invalid_argument` that lists the voices when there is none by that id. Empty: the default. */
export function findVoice(id: string): Voice {
  const found = voices.find((one) => one.id === (id || defaultVoice));
  if (found) return found;
  const description = `flite has no voice "${id.slice(0, 50)}"; it has ${voices.map((one) => one.id).join(", ")}`;
  // As a vendor that refuses the voice: the next target may have it.
  throw new LivellmError("invalid_argument", "provider_rejected", `route.targets[].voice: ${description}`, {
    violations: [{ field: "route.targets[].voice", description, reason: "UNKNOWN" }],
  });
}

/** The form in which a voice speaks by itself. */
export function ownFormat({ id }: Voice): AudioFormat {
  return { mimeType: "audio/pcm", sampleRateHertz: id === "kal" ? 8000 : 16_000, channelCount: 1 };
}

function voice(id: string, displayName: string, description: string, labels: Voice["labels"]): Voice {
  return { id, displayName, languageCodes: ["en"], description, previewUrl: "", labels };
}
