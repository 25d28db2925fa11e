import type { Voice } from "../../core/speech.ts";

/** The prebuilt voices and how Google describes them: ai.google.dev/gemini-api/docs/speech-generation, "Voice options". */
const prebuilt: Readonly<Record<string, string>> = {
  Zephyr: "Bright",
  Puck: "Upbeat",
  Charon: "Informative",
  Kore: "Firm",
  Fenrir: "Excitable",
  Leda: "Youthful",
  Orus: "Firm",
  Aoede: "Breezy",
  Callirrhoe: "Easy-going",
  Autonoe: "Bright",
  Enceladus: "Breathy",
  Iapetus: "Clear",
  Umbriel: "Easy-going",
  Algieba: "Smooth",
  Despina: "Smooth",
  Erinome: "Clear",
  Algenib: "Gravelly",
  Rasalgethi: "Informative",
  Laomedeia: "Upbeat",
  Achernar: "Soft",
  Alnilam: "Firm",
  Schedar: "Even",
  Gacrux: "Mature",
  Pulcherrima: "Forward",
  Achird: "Friendly",
  Zubenelgenubi: "Casual",
  Vindemiatrix: "Gentle",
  Sadachbia: "Lively",
  Sadaltager: "Knowledgeable",
  Sulafat: "Warm",
};

/** Every voice speaks every language that the model speaks. */
export const prebuiltVoices: readonly Voice[] = Object.entries(prebuilt).map(([name, description]) => ({
  id: name,
  displayName: name,
  languageCodes: [],
  description,
  previewUrl: "",
  labels: {},
}));

/** The name of a prebuilt voice as Google writes it; undefined when there is none of that name. */
export function prebuiltName(voice: string): string | undefined {
  return Object.keys(prebuilt).find((name) => name.toLowerCase() === voice.toLowerCase());
}
